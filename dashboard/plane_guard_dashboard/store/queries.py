"""Named queries over the decisions: constant SQL with parameters, written `$name`.

One text serves both engines. It is SQL that ClickHouse and DuckDB both accept, with the function names of ClickHouse
(`countIf`, `has`, `intDiv` …), which the DuckDB engine defines as macros. It reads three relations whose columns
`store.columns` lists: `decisions`, `sessions`, `spans`. None of them holds a NULL, so both engines count alike.
"""
# ruff: noqa: S608 - only constants of this file are joined

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PARAMETER = re.compile(r"\$(\w+)")
ANY = "any"
MOST_ROWS = 500
END_OF_TIME = 2**63 - 1

# Columns of `decisions` that a filter can include or exclude, value by value.
FIELDS = (
    *("verdict", "target", "op", "reason", "project", "work_item", "test", "caller"),
    *("service", "branch", "repository", "host", "run"),
)
# The place of a group is that of its newest attempt, or of its newest write that got through.
OF_THE_NEWEST = ("branch", "repository", "host", "job", "pipeline", "work_item")
_OF_PROCESSES = ("service", "branch", "repository", "host", "run")
# Columns of `decisions` in which a search finds a part. A decision's id is found by its beginning only: a search inside
# a million different ids takes longer than one in all other columns.
SEARCHED = ("test", "work_item", "work_item_id", "caller", "host", "repository", "branch", "job")


class Origins(StrEnum):
    """The origin of decisions: real tests, `plane-guard demo`, or both."""

    ANY = "any"
    TESTS = "tests"
    DEMO = "demo"


class Verdict(StrEnum):
    """The result for a write, in the word that pages use."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    EXPECTED = "expected block"


class Grouping(StrEnum):
    """The column that attempts are grouped by."""

    ISSUE = "issue"
    TEST = "test_group"
    PROJECT = "project"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a page. An empty filter leaves everything in.

    `since_ns` is the first moment shown, `until_ns` the first one that is not. The keys of `only` and `without` are
    from FIELDS. Every number on a page obeys all filters.
    """

    since_ns: int = 0
    until_ns: int = END_OF_TIME
    origin: str = Origins.ANY
    containing: str = ""
    issue: str = ""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """Return the filters under the names that the queries use."""
        plain = {name: value for name, value in asdict(self).items() if name not in ("only", "without")}
        only = {name: list(self.only.get(name, ())) for name in FIELDS}
        without = {f"without_{name}": list(self.without.get(name, ())) for name in FIELDS}
        return {**plain, **only, **without}


def _within(fields: tuple[str, ...]) -> str:
    return "".join(
        f"\n  AND (empty(${name}) OR has(${name}, {name}))"
        f" AND (empty($without_{name}) OR NOT has($without_{name}, {name}))"
        for name in fields
    )


def _found(columns: tuple[str, ...]) -> str:
    parts = (f"positionUTF8(lowerUTF8({name}), lowerUTF8($containing)) > 0" for name in columns)
    return " OR ".join((*parts, "startsWith(decision_id, $containing)"))


_TIME = "time_ns >= $since_ns AND time_ns < $until_ns AND ($origin = 'any' OR demo = ($origin = 'demo'))"
_PROCESSES = _TIME + _within(_OF_PROCESSES)
_SCOPE = f"""{_TIME}
  AND ($issue = '' OR issue = $issue)
  AND ($containing = '' OR {_found(SEARCHED)}){_within(FIELDS)}"""

# The time of the last session that executed a test, and of the last one before the newest runs. Runs of a whole suite
# have the same keys, which are split once.
_EXECUTED = """
    SELECT executed, max(last_ns) AS executed_ns, max(earlier_ns) AS executed_earlier_ns FROM (
        SELECT arrayJoin(splitByChar(' ', test_keys)) AS executed, last_ns, earlier_ns
        FROM (
            SELECT test_keys, max(time_ns) AS last_ns,
                   max(CASE WHEN has($newest, run) THEN 0 ELSE time_ns END) AS earlier_ns
            FROM sessions WHERE test_keys <> '' GROUP BY test_keys
        ) AS kept
    ) AS split GROUP BY executed"""

_COUNTS = """count(*) AS decisions,
               countIf(verdict = 'allowed') AS allowed, countIf(verdict = 'blocked') AS blocked,
               countIf(verdict = 'expected block') AS expected,
               countIf(prod_attempt) AS prod_attempts,
               countIf(possible_prod_attempt) AS possible_prod_attempts, countIf(prod_allowed) AS prod_allowed"""
_ROW = """decision_id, time_ns, verdict, target, project, project_name, work_item, op, reason, test, caller,
               service, branch, run, demo, trace_id, host, repository, job, actor, pipeline, revision, worker,
               work_item_id, prod_allowed, workspace, work_item_key, server_address, repository_url, span_id"""


_IS_NEW = "(in_newest > 0 AND in_newest = known)"
_IS_REGRESSED = "(in_newest > 0 AND in_newest < known AND reran_earlier_ns > seen_earlier_ns)"
_IS_ONGOING = "(in_newest > 0 AND in_newest < known AND reran_earlier_ns <= seen_earlier_ns)"
_IS_GONE = "(in_newest = 0 AND reran_ns > seen_ns)"
_IS_ABSENT = "(in_newest = 0 AND reran_ns <= seen_ns)"
_KIND = """CASE WHEN prod_allowed THEN 'got through'
                    WHEN verdict = 'allowed' THEN 'allowed in the sandbox'
                    WHEN verdict = 'expected block' THEN 'expected block'
                    WHEN prod_attempt THEN 'blocked on production'
                    WHEN reason = 'foreign-reference' THEN 'possibly on production'
                    ELSE 'blocked elsewhere' END"""

# The parts of the timeline's bars. The file of a test stands for its owner, which only the page knows.
OWNER = "owner"
PARTS: Mapping[str, str] = {
    "kind": _KIND,
    "folder": "folder",
    "service": "service",
    "branch": "branch",
    OWNER: "splitByChar(':', test)[1]",
}


def _groups(by: Grouping) -> str:
    """Return the groups that the filters leave in, each with its history over everything that is known.

    `in_newest` counts the attempts in the newest run of each service. `first_commit` is that of the first attempt. All
    tests of the group were executed at `reran_ns` or later; it is 0 if that is not known of one of them. `seen_ns` is
    the time of the last attempt. The two `earlier` leave the newest runs out.
    """
    return f"""
        SELECT * FROM (
            SELECT {by} AS key, count(*) AS attempts, countIf(prod_attempt) AS prod_attempts,
                   countIf(prod_allowed) AS prod_allowed, countIf(demo) AS demo,
                   countIf(prod_allowed) AS got_through, countIf(demo) AS demos, max(time_ns) AS last_ns,
                   count(DISTINCT issue) AS issues, count(DISTINCT test) AS tests, count(DISTINCT run) AS runs,
                   min(test_group) AS test, min(project) AS project,
                   min(project_name) AS project_name, min(op) AS op, min(reason) AS reason,
                   min(target) AS target, min(caller) AS caller,
                   count(DISTINCT test_group) AS test_groups, count(DISTINCT project) AS projects,
                   count(DISTINCT op) AS ops, count(DISTINCT reason) AS reasons, count(DISTINCT caller) AS callers,
                   count(DISTINCT project_name) AS project_names,
                   argMax([{", ".join(OF_THE_NEWEST)}], (prod_allowed, time_ns, decision_id)) AS newest
            FROM decisions WHERE {_SCOPE} AND attempt
            GROUP BY {by}
        ) AS filtered
        INNER JOIN (
            SELECT {by} AS key, count(*) AS known, min(time_ns) AS first_ns, max(time_ns) AS seen_ns,
                   argMin(revision, (time_ns, decision_id)) AS first_commit,
                   countIf(has($newest, run)) AS in_newest,
                   max(CASE WHEN has($newest, run) THEN 0 ELSE time_ns END) AS seen_earlier_ns,
                   min(coalesce(executed_ns, 0)) AS reran_ns, min(coalesce(executed_earlier_ns, 0)) AS reran_earlier_ns
            FROM (SELECT * FROM decisions WHERE attempt) AS attempts
            LEFT JOIN ({_EXECUTED}) AS ran ON attempts.test_key = ran.executed
            GROUP BY {by}
        ) AS history USING (key)"""


def _attempts(by: Grouping) -> str:
    return f"""
        SELECT *, count(*) OVER () AS groups, {_sum(_IS_NEW)} AS new, {_sum(_IS_REGRESSED)} AS regressed,
               {_sum(_IS_ONGOING)} AS ongoing, {_sum(_IS_ABSENT)} AS absent, {_sum(_IS_GONE)} AS gone
        FROM ({_groups(by)}) AS found
        ORDER BY got_through > 0 DESC, demos < attempts DESC, ({_IS_NEW} OR {_IS_REGRESSED}) DESC, in_newest > 0 DESC,
                 {_IS_ABSENT} DESC, prod_attempts DESC, attempts DESC, key
        LIMIT $limit"""


def _sum(condition: str) -> str:
    """Return the number of groups for which this holds, in every row and before the limit."""
    return f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END) OVER ()"


def _occurrences(by: Grouping) -> str:
    return f"""
        SELECT {_ROW} FROM decisions WHERE {_SCOPE} AND attempt AND {by} = $key
        ORDER BY prod_allowed DESC, time_ns DESC, decision_id DESC LIMIT $limit"""


def _attempt_slots(by: Grouping) -> str:
    return f"""
        SELECT {by} AS key, intDiv(time_ns, $step) AS slot, count(*) AS attempts
        FROM decisions WHERE {_SCOPE} AND attempt AND has($keys, {by})
        GROUP BY {by}, slot ORDER BY key, slot"""


def _timeline(part: str) -> str:
    return f"""
        SELECT intDiv(time_ns, $step) AS slot, {part} AS kind, count(*) AS decisions
        FROM decisions WHERE {_SCOPE} AND ($with_sandbox OR attempt)
        GROUP BY slot, kind ORDER BY slot, kind"""


def _values(column: str) -> str:
    return f"""
        SELECT {column} AS value, count(*) AS decisions FROM decisions
        GROUP BY {column} ORDER BY decisions DESC, value LIMIT $limit"""


QUERIES: Mapping[str, str] = {
    "scope": f"""
        SELECT {_COUNTS},
               count(DISTINCT CASE WHEN prod_attempt THEN test END) AS tests,
               countIf(prod_attempt AND demo) AS demo_attempts,
               countIf(verdict = 'blocked' AND NOT prod_attempt) AS other_blocks,
               coalesce(min(time_ns), 0) AS first_ns, coalesce(max(time_ns), 0) AS last_ns,
               coalesce(min(CASE WHEN attempt THEN time_ns END), 0) AS first_attempt_ns,
               coalesce(max(CASE WHEN attempt THEN time_ns END), 0) AS last_attempt_ns
        FROM decisions WHERE {_SCOPE}""",
    "processes": f"""
        SELECT count(*) AS processes, count(DISTINCT run) AS runs, coalesce(max(time_ns), 0) AS last_ns
        FROM sessions WHERE {_PROCESSES}""",
    "gaps": """
        SELECT uncovered, count(*) AS processes FROM sessions
        WHERE uncovered <> '' AND ($origin = 'any' OR demo = ($origin = 'demo'))
        GROUP BY uncovered ORDER BY processes DESC, uncovered LIMIT $limit""",
    "leaks": "SELECT count(*) AS prod_allowed, coalesce(max(time_ns), 0) AS last_ns FROM decisions WHERE prod_allowed",
    "origins": """
        SELECT countIf(NOT demo) AS tests, countIf(demo) AS demo
        FROM (SELECT demo FROM decisions UNION ALL SELECT demo FROM sessions) AS seen""",
    **{f"timeline_by_{name}": _timeline(part) for name, part in PARTS.items()},
    "facets": f"""
        SELECT verdict, target, op, reason, count(*) AS decisions
        FROM decisions WHERE {_SCOPE}
        GROUP BY verdict, target, op, reason ORDER BY decisions DESC, verdict, target, op, reason LIMIT $limit""",
    "incidents": f"""
        SELECT {_ROW} FROM decisions
        WHERE prod_allowed ORDER BY time_ns DESC, decision_id DESC LIMIT $limit""",
    "latest": f"""
        SELECT {_ROW} FROM decisions
        WHERE {_SCOPE} AND (time_ns < $before_ns OR (time_ns = $before_ns AND decision_id < $before_id))
          AND time_ns >= (
            SELECT coalesce(min(time_ns), 0)
            FROM (SELECT time_ns FROM decisions WHERE {_SCOPE} AND time_ns < $before_ns
                  ORDER BY time_ns DESC LIMIT $limit) AS newest
          )
        ORDER BY time_ns DESC, decision_id DESC LIMIT $limit""",
    "latest_attempts": f"""
        SELECT {_ROW} FROM decisions
        WHERE {_SCOPE} AND attempt
          AND time_ns >= (
            SELECT coalesce(min(time_ns), 0)
            FROM (SELECT time_ns FROM decisions WHERE {_SCOPE} AND attempt
                  ORDER BY time_ns DESC LIMIT $limit) AS newest
          )
        ORDER BY time_ns DESC, decision_id DESC LIMIT $limit""",
    **{f"attempts_by_{by.name.lower()}": _attempts(by) for by in Grouping},
    **{f"attempt_slots_by_{by.name.lower()}": _attempt_slots(by) for by in Grouping},
    **{f"occurrences_by_{by.name.lower()}": _occurrences(by) for by in Grouping},
    "callers_of_issues": """
        SELECT issue, caller, count(*) AS attempts FROM decisions WHERE attempt AND has($keys, issue)
        GROUP BY issue, caller ORDER BY issue, caller LIMIT $limit""",
    "newest_runs": """
        SELECT run, service, demo, max(time_ns) AS last_ns
        FROM (
            SELECT run, service, demo, time_ns FROM decisions UNION ALL
            SELECT run, service, demo, time_ns FROM sessions
        ) AS seen
        GROUP BY run, service, demo ORDER BY last_ns DESC, run, service LIMIT $limit""",
    "runs": f"""
        SELECT run, max(demo) AS demo, max(service) AS service, max(branch) AS branch, max(revision) AS revision,
               max(pipeline) AS pipeline, max(job) AS job, max(repository) AS repository,
               max(host) AS host, min(guard_version) AS oldest_guard, max(guard_version) AS newest_guard,
               min(time_ns) AS first_ns, max(time_ns) AS last_ns, sum(process) AS processes,
               sum(1 - process) AS decisions, countIf(verdict = 'allowed') AS allowed,
               countIf(verdict = 'blocked') AS blocked, countIf(verdict = 'expected block') AS expected,
               countIf(prod_attempt) AS prod_attempts, countIf(prod_allowed) AS prod_allowed,
               count(DISTINCT CASE WHEN prod_attempt THEN test END) AS tests,
               max(executed) AS executed, max(not_covered) AS not_covered
        FROM (
            SELECT run, demo, service, branch, revision, pipeline, job, repository, host, guard_version, time_ns,
                   0 AS process, verdict,
                   prod_attempt, prod_allowed, test, -1 AS executed, '' AS not_covered
            FROM decisions WHERE {_SCOPE}
            UNION ALL
            SELECT run, demo, service, branch, revision, pipeline, job, repository, host, guard_version, time_ns,
                   1 AS process, '' AS verdict,
                   false AS prod_attempt, false AS prod_allowed, '' AS test, tests AS executed,
                   uncovered AS not_covered
            FROM sessions WHERE {_PROCESSES}
        ) AS seen
        GROUP BY run ORDER BY last_ns DESC, run LIMIT $limit""",
    "run_issues": """
        SELECT issue, min(test_group) AS test, min(project) AS project, min(op) AS op, min(reason) AS reason,
               min(target) AS target, countIf(run = $this_run) AS here, countIf(run = $other_run) AS before,
               countIf(prod_attempt) AS prod_attempts, countIf(prod_allowed) AS prod_allowed
        FROM decisions WHERE (run = $this_run OR run = $other_run) AND attempt
        GROUP BY issue ORDER BY prod_attempts DESC, here DESC, issue LIMIT $limit""",
    "run_processes": """
        SELECT time_ns, service, pid, host, worker, evidence, shells, uncovered, guard_version, trace_id, span_id
        FROM sessions WHERE run = $this_run ORDER BY time_ns, pid, span_id LIMIT $limit""",
    "decision": "SELECT * FROM decisions WHERE decision_id = $id LIMIT 1",
    "trace": """
        SELECT span_id, min(parent_span_id) AS parent_span_id, min(name) AS name, min(service) AS service,
               min(start_ns) AS start_ns, max(duration_ns) AS duration_ns, max(failed) AS failed,
               max(decision_id) AS decision_id, max(verdict) AS verdict
        FROM (
            SELECT span_id, parent_span_id, span_name AS name, service, start_ns, duration_ns, failed, decision_id,
                   verdict
            FROM decisions WHERE trace_id = $trace_id
            UNION ALL
            SELECT span_id, parent_span_id, name, service, start_ns, duration_ns, failed, '' AS decision_id,
                   '' AS verdict
            FROM spans WHERE trace_id = $trace_id
        ) AS around
        GROUP BY span_id ORDER BY min(start_ns), span_id LIMIT $limit""",
    "versions": f"""
        SELECT guard_version, count(*) AS processes, count(DISTINCT run) AS runs, max(time_ns) AS last_ns
        FROM sessions WHERE {_PROCESSES} GROUP BY guard_version ORDER BY last_ns DESC, guard_version LIMIT $limit""",
    "unknown_ops": f"""
        SELECT method, url_template, count(*) AS decisions, max(time_ns) AS last_ns
        FROM decisions WHERE {_SCOPE} AND op = 'unknown'
        GROUP BY method, url_template ORDER BY decisions DESC, method, url_template LIMIT $limit""",
    "silent_runs": f"""
        SELECT run, max(service) AS service, max(branch) AS branch, count(*) AS processes, max(time_ns) AS last_ns
        FROM sessions WHERE {_PROCESSES} AND run NOT IN (SELECT run FROM decisions)
        GROUP BY run ORDER BY last_ns DESC, run LIMIT $limit""",
    "layers": f"""
        SELECT layer, {_COUNTS} FROM decisions WHERE {_SCOPE}
        GROUP BY layer ORDER BY decisions DESC, layer LIMIT $limit""",
    **{f"values_of_{name}": _values(name) for name in FIELDS},
}


def needed(name: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return those of the parameters that the query of this name has."""
    return {key: parameters[key] for key in PARAMETER.findall(QUERIES[name])}

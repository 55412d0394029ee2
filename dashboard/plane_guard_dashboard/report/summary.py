"""The figures of one run, one CI job or all runs."""

from __future__ import annotations

import heapq
import itertools
import json
from dataclasses import asdict, dataclass, field, fields
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from plane_guard import verdicts
from plane_guard.advice import what_to_do
from plane_guard_dashboard.evidence.groups import NOBODY, fingerprint
from plane_guard_dashboard.evidence.rows import UNKNOWN_TESTS
from plane_guard_dashboard.evidence.runs import ALL, LATEST, NothingSinceError, UnknownRunError, run_ids, since
from plane_guard_dashboard.link_templates import LinkTemplates
from plane_guard_dashboard.owners import Owners
from plane_guard_dashboard.report.collection import Collection
from plane_guard_dashboard.report.scope import OtherRun, Scope, of_traces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plane_guard_dashboard.evidence.rows import DecisionRow, SessionRow
    from plane_guard_dashboard.evidence.traces import Accounting, Traces
    from plane_guard_dashboard.report.collection import Firsts
    from plane_guard_dashboard.report.known import Absent, Known

__all__ = [
    "ALL",
    "LATEST",
    "Asked",
    "Attempt",
    "Group",
    "NothingSinceError",
    "OtherRun",
    "Summary",
    "UnknownRunError",
    "run_ids",
    "since",
    "summarize",
]

# A report is for people and for jobs that read it into memory. What is left out is counted under one name.
MOST_KEYS = 10_000
MOST_GROUPS = 10_000
MOST_GOT_THROUGH = 100
MOST_TESTS = 10
OTHERS = "(others)"
END = 2**63

_RULES = {
    "allowed": verdicts.ALLOWED.sql(),
    "blocked": verdicts.BLOCKED.sql(),
    "expected": verdicts.EXPECTED_BLOCK.sql(),
    "prod_attempts": verdicts.PROD_ATTEMPT.sql(),
    "possible_prod_attempts": verdicts.POSSIBLE_PROD_ATTEMPT.sql(),
    "prod_allowed": verdicts.PROD_ALLOWED.sql(),
}
_INCIDENT = f"({_RULES['blocked']} OR {_RULES['prod_allowed']})"
_INCIDENTS = ("prod_attempts", "possible_prod_attempts", "prod_allowed")
_ORDER = "count(*) DESC, min(time_ns), min(seq)"
# The fields of a group that are columns of its row.
_OF_A_GROUP = (
    "project", "project_name", "op", "reason", "outcome", "target", *_INCIDENTS, "caller", "file", "line",
    "decision_id", "time_ns", "run", "job", "branch", "revision", "host",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """The known groups to compare with, the owners, and the link templates of a report.

    Without `known` groups nothing is compared.
    """

    known: Known | None = None
    owners: Owners = field(default_factory=Owners)
    templates: LinkTemplates = field(default_factory=lambda: LinkTemplates({}))


@dataclass(frozen=True, slots=True)
class GotThrough:
    """A write to production that left a test process, with everything that is known of it."""

    decision_id: str
    time_ns: int
    op: str
    work_item: str
    project: str
    project_name: str
    owner: str
    reason: str
    method: str
    url_template: str
    server: str
    test: str
    caller: str
    run: str
    service: str
    host: str
    pid: int
    repository: str
    branch: str
    revision: str
    job: str
    pipeline: str
    actor: str
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Blocked writes to production that are alike, and their number."""

    test: str
    project: str
    work_item: str
    op: str
    reason: str
    count: int

    @property
    def fingerprint(self) -> str:
        """The group that it belongs to."""
        return fingerprint(self.test, self.project, self.op, self.reason)


@dataclass(frozen=True, slots=True)
class Group:
    """Unexpected blocks, or writes that got through to production, that are alike.

    The fingerprint is the same in every run, and a parametrized test is one test. `known` is None if there is nothing
    to compare with. `triage`, `note` and `until` are those of the known-file. `first_ns` and `first_commit` are those
    of the first attempt in all of the evidence, and `owner` is by CODEOWNERS. What stands below them is that of the
    first decision.
    """

    fingerprint: str
    test: str
    project: str
    project_name: str
    op: str
    reason: str
    outcome: str
    target: str
    count: int
    known: bool | None
    triage: str
    note: str
    until: str
    prod_attempts: int
    possible_prod_attempts: int
    prod_allowed: int
    owner: str
    first_ns: int
    first_commit: str
    work_item: str
    caller: str
    file: str
    line: int
    decision_id: str
    time_ns: int
    run: str
    job: str
    branch: str
    revision: str
    host: str
    remedy: str
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """The decisions about one project, with one op and one reason."""

    project: str
    op: str
    reason: str
    allowed: int
    blocked: int
    expected: int


@dataclass(frozen=True, slots=True)
class BusyTest:
    """A test and its blocked writes; `prod_attempts` of them were meant for production."""

    test: str
    blocked: int
    prod_attempts: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of the scope. `blocked` leaves expected blocks out; the `by_…` count every decision.

    `tests` is the number of tests that were executed, or None if no process told. `absent` are the known groups
    without an attempt. `undecided` says why the evidence of the scope is not complete. `other_runs` are outside of the
    scope.
    `verification` says up to when the runs were compared with the server. If nobody asked for it, it is empty and
    `verified` is None. `unexplained` are the changes on the server that no allowed decision explains.
    """

    run: str
    job: str
    runs: tuple[str, ...]
    first_ns: int | None
    last_ns: int | None
    sessions: int
    tests: int | None
    decisions: int
    allowed: int
    blocked: int
    expected: int
    prod_attempts: int
    possible_prod_attempts: int
    prod_allowed: int
    demo: int
    got_through: tuple[GotThrough, ...]
    by_reason: dict[str, int]
    by_op: dict[str, int]
    by_project: dict[str, int]
    by_test: dict[str, int]
    attempts: tuple[Attempt, ...]
    groups: tuple[Group, ...]
    by_project_op_reason: tuple[Figures, ...]
    top_tests: tuple[BusyTest, ...]
    compared: bool
    new_groups: int
    all_groups: int
    new_prod_attempts: int
    absent: tuple[Absent, ...]
    uncovered: tuple[str, ...]
    undecided: tuple[str, ...]
    other_runs: tuple[OtherRun, ...]
    lines: int
    files: int
    ignored_files: int
    unreadable_lines: int
    unreadable_files: int
    pending_lines: int
    duplicates: int
    verification: str = ""
    verified: bool | None = None
    unexplained: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as `report --format json` prints them."""
        return asdict(self)


def summarize(traces: Traces, run: str = LATEST, asked: Asked | None = None) -> Summary:
    """Return the figures of traces in memory: of the newest run, of a run by its id, or of all."""
    scope, collection = of_traces(traces, run), Collection()
    try:
        for number, row in enumerate(rows_of(traces)):
            if scope.takes(row):
                collection.add(row, (0, number))
        return figures(collection, scope, traces.accounting, (), asked or Asked())
    finally:
        collection.close()


def rows_of(traces: Traces) -> Iterator[DecisionRow | SessionRow]:
    """Yield the sessions and decisions of traces in memory."""
    yield from traces.sessions
    yield from traces.decisions


def figures(
    collection: Collection,
    scope: Scope,
    account: Accounting,
    undecided: tuple[str, ...],
    asked: Asked,
) -> Summary:
    """Return the figures of a collection."""
    sums = ", ".join(f"coalesce(sum({rule}), 0) AS {name}" for name, rule in _RULES.items())
    [totals] = collection.ask(
        f"SELECT count(*) AS decisions, {sums}, coalesce(sum(demo), 0) AS demo,"  # noqa: S608
        " min(nullif(time_ns, 0)) AS first, max(nullif(time_ns, 0)) AS last"
        " FROM decision JOIN origin ON origin.id = decision.origin"
    )
    [sessions] = collection.ask(
        "SELECT count(*) AS sessions, min(nullif(time_ns, 0)) AS first, max(nullif(time_ns, 0)) AS last,"  # noqa: S608
        f" sum(nullif(tests, {UNKNOWN_TESTS})) AS tests FROM session"
    )
    times = [row[name] for row in (totals, sessions) for name in ("first", "last") if row[name] is not None]
    found = _groups(collection, asked)
    return Summary(
        run=scope.name,
        job=scope.job,
        runs=tuple(row["run"] for row in collection.ask("SELECT DISTINCT run FROM origin ORDER BY run LIMIT 1000")),
        first_ns=min(times, default=None),
        last_ns=max(times, default=None),
        sessions=sessions["sessions"],
        tests=sessions["tests"],
        decisions=totals["decisions"],
        **{name: totals[name] for name in (*_RULES, "demo")},
        got_through=_got_through(collection, asked),
        by_reason=_counts(collection, "reason"),
        by_op=_counts(collection, "op"),
        by_project=_counts(collection, "project"),
        by_test=_counts(collection, "test"),
        attempts=_attempts(collection),
        groups=found.shown,
        by_project_op_reason=_combinations(collection),
        top_tests=_top_tests(collection),
        compared=asked.known is not None,
        new_groups=found.new,
        all_groups=found.number,
        new_prod_attempts=found.new_prod_attempts,
        absent=_absent(collection, asked, found),
        uncovered=_uncovered(collection),
        undecided=undecided,
        other_runs=scope.others(),
        lines=account.lines,
        files=account.files,
        ignored_files=account.ignored_files,
        unreadable_lines=account.unreadable_lines,
        unreadable_files=account.unreadable_files,
        pending_lines=account.pending_lines,
        duplicates=account.duplicates,
    )


def _counts(collection: Collection, column: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in collection.ask(
        f"SELECT {column} AS key, count(*) AS number FROM decision GROUP BY 1 ORDER BY {_ORDER}, 1"  # noqa: S608
    ):
        name = (row["key"] or NOBODY) if len(found) < MOST_KEYS else OTHERS
        found[name] = found.get(name, 0) + row["number"]
    return found


def _attempts(collection: Collection) -> tuple[Attempt, ...]:
    rows = collection.ask(
        f"SELECT test, project, item, op, reason, count(*) FROM decision WHERE {_RULES['prod_attempts']}"  # noqa: S608
        f" GROUP BY test, project, item, op, reason ORDER BY {_ORDER}, test, op LIMIT {MOST_GROUPS}"
    )
    return tuple(Attempt(*row) for row in rows)


@dataclass(slots=True)
class _Groups:
    shown: tuple[Group, ...] = ()
    number: int = 0
    new: int = 0
    new_prod_attempts: int = 0
    marks: set[str] = field(default_factory=set)  # of the known ones


def _groups(collection: Collection, asked: Asked) -> _Groups:
    places = "json_group_array(DISTINCT place)" if asked.known else "'[]'"
    attempts = ", ".join(f"sum({_RULES[name]}) AS {name}" for name in _INCIDENTS)
    # Next to a lone min(), SQLite takes the other columns from the row that has it.
    rows = collection.ask(
        "SELECT * FROM ("  # noqa: S608
        f"SELECT *, count(*) AS number, min(time_ns) AS first, {attempts}, {places} AS places"
        f" FROM decision WHERE {_INCIDENT} GROUP BY test_group, project, op, reason, outcome, target"
        ") AS found JOIN origin ON origin.id = found.origin ORDER BY number DESC, first, seq, test_group, op"
    )
    result = _Groups()
    shown = heapq.nsmallest(MOST_GROUPS, _ranked(rows, asked, result), key=itemgetter(0))
    result.shown = tuple(_group(row, asked, collection.firsts) for _, row in shown)
    return result


def _ranked(rows: Iterator[Any], asked: Asked, result: _Groups) -> Iterator[tuple[tuple[bool, bool, int], Any]]:
    """Count every group, and yield it with its rank: new ones come first, among them those about production.

    There may be millions, of which few are shown, so nothing else is made of them here.
    """
    for row in rows:
        known = asked.known is not None and _is_known(row, asked.known, result)
        attempts = row["prod_attempts"] + row["possible_prod_attempts"]
        result.number += 1
        result.new += not known
        result.new_prod_attempts += 0 if known else attempts
        yield (known, not (attempts or row["prod_allowed"]), -row["number"]), row


def _is_known(row: Any, known: Known, result: _Groups) -> bool:
    mark = _mark(row)
    if not known.has(mark):
        return False
    result.marks.add(mark)
    return known.verdict(mark, json.loads(row["places"])).known


def _mark(row: Any) -> str:
    return fingerprint(row["test_group"], row["project"], row["op"], row["reason"])


def _group(row: Any, asked: Asked, firsts: Firsts) -> Group:
    mark = _mark(row)
    verdict = asked.known.verdict(mark, json.loads(row["places"])) if asked.known else None
    first_ns, first_commit = min((row["time_ns"], row["revision"]), firsts.get(mark, (END, "")), key=lambda one: one[0])
    return Group(
        fingerprint=mark,
        test=row["test_group"],
        count=row["number"],
        known=verdict.known if verdict else None,
        triage=verdict.triage if verdict else "",
        note=verdict.note if verdict else "",
        until=verdict.until if verdict else "",
        owner=asked.owners.of(row["test_group"]),
        first_ns=first_ns,
        first_commit=first_commit,
        work_item=row["item"],
        remedy=" ".join(what_to_do(row["reason"]).split()),
        links=_links(row, asked),
        **{name: row[name] for name in _OF_A_GROUP},
    )


def _links(row: Any, asked: Asked) -> dict[str, str]:
    known = {**dict(row), "work_item": row["item"], "work_item_id": row["item_id"], "work_item_key": row["item_key"]}
    known |= {"server_address": row["server"]}
    return {str(link): address for link, address in asked.templates.links(known).items()}


def _absent(collection: Collection, asked: Asked, found: _Groups) -> tuple[Absent, ...]:
    if asked.known is None:
        return ()
    rows = collection.ask("SELECT DISTINCT test_keys FROM session WHERE test_keys <> ''")
    executed = {key for row in rows for key in row["test_keys"].split(" ")}
    return tuple(itertools.islice(asked.known.absent(found.marks, executed), MOST_GROUPS))


def _combinations(collection: Collection) -> tuple[Figures, ...]:
    sums = ", ".join(f"sum({_RULES[name]})" for name in ("allowed", "blocked", "expected"))
    rows = collection.ask(
        f"SELECT project, op, reason, {sums} FROM decision GROUP BY project, op, reason"  # noqa: S608
        f" ORDER BY {_ORDER}, project, op LIMIT {MOST_GROUPS}"
    )
    return tuple(Figures(*row) for row in rows)


def _top_tests(collection: Collection) -> tuple[BusyTest, ...]:
    rows = collection.ask(
        f"SELECT test, count(*), sum({_RULES['prod_attempts']}) FROM decision WHERE {_RULES['blocked']}"  # noqa: S608
        f" GROUP BY test ORDER BY {_ORDER}, test LIMIT {MOST_TESTS}"
    )
    return tuple(BusyTest(*row) for row in rows)


def _got_through(collection: Collection, asked: Asked) -> tuple[GotThrough, ...]:
    rows = collection.ask(
        f"SELECT * FROM decision JOIN origin ON origin.id = decision.origin WHERE {_RULES['prod_allowed']}"  # noqa: S608
        f" ORDER BY time_ns, seq LIMIT {MOST_GOT_THROUGH}"
    )
    return tuple(_leak(row, asked) for row in rows)


def _leak(row: Any, asked: Asked) -> GotThrough:
    renamed = {"work_item": "item", "url_template": "url"}
    names = [one.name for one in fields(GotThrough) if one.name not in ("links", "owner")]
    owner = asked.owners.of(row["test"])
    return GotThrough(**{name: row[renamed.get(name, name)] for name in names}, owner=owner, links=_links(row, asked))


def _uncovered(collection: Collection) -> tuple[str, ...]:
    rows = collection.ask("SELECT DISTINCT uncovered FROM session WHERE uncovered <> ''")
    names: Sequence[str] = [name for row in rows for name in row["uncovered"].split("\n")]
    return tuple(sorted(dict.fromkeys(names)))

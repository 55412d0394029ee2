"""The rows that a report needs, read from ClickHouse instead of files.

Decisions that no figure tells apart come as one row of the answer, with their number and their first and last time.
They become as many rows again here, in the order of their first times, so that every figure is that of the single ones.
"""
# ruff: noqa: S608 - what is put together here are constants and a table's name that was checked

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.otlp import LONGEST_TEXT
from plane_guard_dashboard.evidence.rows import (
    EVENT_ATTRIBUTES,
    RESOURCE_ATTRIBUTES,
    UNKNOWN_TESTS,
    DecisionRow,
    Outcome,
    SessionRow,
)
from plane_guard_dashboard.evidence.runs import ALL, LATEST, nothing_since, unknown_run
from plane_guard_dashboard.evidence.traces import Accounting, Traces
from plane_guard_dashboard.store import _clickhouse_client as clients
from plane_guard_dashboard.store._clickhouse_relations import RELATIONS, events, run_of
from plane_guard_dashboard.store._clickhouse_sql import account
from plane_guard_dashboard.store.clickhouse import nothing, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clickhouse_connect.driver.client import Client

    from plane_guard_dashboard.store._clickhouse_table import Table
    from plane_guard_dashboard.store.clickhouse_address import Address

    Row = TypeVar("Row", DecisionRow, SessionRow)

_HOUR = 3600 * 1_000_000_000
_DAY = 24 * _HOUR
_LOOKS = (_DAY, 30 * _DAY)  # how far back the newest run is looked for before the whole table is
_MOST_HINTS = 5
_CONTEXT = {
    "vcs.ref.head.name": "branch",
    "vcs.ref.head.revision": "revision",
    "cicd.pipeline.run.url.full": "pipeline",
    "cicd.pipeline.run.id": "job",  # the whole identity of the job, as `rows.job_of` makes it
    "vcs.repository.name": "repository",
    "vcs.repository.url.full": "repository_url",
    "user.name": "actor",
}
_KIND = "outcome, expected, target, reason, op, project, work_item, test, caller, run, service"
_OF_THE_FIRST = (
    "decision_id", "method", "url_template", "server_address", "workspace", "work_item_id", "work_item_key",
    "trace_id", "span_id", "host", "pid", "branch", "revision", "pipeline", "job",
    "repository", "repository_url", "actor", "project_name",
)  # fmt: skip
_PLACE = re.compile(r"(?P<file>.+):(?P<line>[0-9]{1,9})(?: (?P<function>.*))?", re.DOTALL)


def read(source: str, run: str, since_ns: int = 0, dial: Callable[[Address], Client] = clients.connect) -> Traces:
    """Return the rows of a run, or of all runs, that are not older than `since_ns`.

    Raises:
        NoTracesError: There is nothing to read; the text says why and what to do.
        UnknownRunError: There is no such run.
        NothingSinceError: There is nothing that new.
    """
    connection, table = opened(source, dial)
    reading = _Reading(connection, table, since_ns)
    chosen = reading.newest() if run == LATEST else None if run == ALL else run
    found = reading.traces(chosen)
    if not found.decisions and not found.sessions:
        raise reading.nothing(run)
    return found


def firsts(source: str, dial: Callable[[Address], Client] = clients.connect) -> dict[str, tuple[int, str]]:
    """Return the time and the commit of the first attempt of each group."""
    connection, table = opened(source, dial)
    sql = f"""
SELECT issue, min(time_ns), argMin(revision, (time_ns, decision_id))
FROM ({RELATIONS["decisions"](table, [])}) WHERE attempt GROUP BY issue"""
    return {issue: (time_ns, revision) for issue, time_ns, revision in connection.ask(sql).result_rows}


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: clients.Connection
    table: Table
    since_ns: int

    def newest(self) -> str:
        """Return the run with the newest activity."""
        now = time.time_ns()
        for back in () if self.since_ns else _LOOKS:
            runs = self.runs(now - back)
            if runs and runs[0] != NOBODY:
                return runs[0]
        runs = self.runs(self.since_ns)
        if not runs:
            raise self.nothing(LATEST)
        return runs[0]

    def runs(self, since_ns: int) -> list[str]:
        """Return the runs with the newest activity, those without an id last."""
        known = f"{self.table.event(EVENT_ATTRIBUTES['outcome'])} IN ('allow', 'block')"
        window = _window(since_ns)
        sql = f"""
SELECT run FROM (
  SELECT run, time_ns FROM ({events(self.table, known, *window)})
  UNION ALL SELECT run, time_ns FROM ({RELATIONS["sessions"](self.table, window)}))
WHERE time_ns >= {{since:Int64}}
GROUP BY run ORDER BY run = '{NOBODY}', max(time_ns) DESC LIMIT {_MOST_HINTS}"""
        return [row[0] for row in self.connection.ask(sql, {"since": since_ns}).result_rows]

    def traces(self, run: str | None) -> Traces:
        """Return the rows of a run, or of all runs."""
        conditions = [*_window(self.since_ns), *([] if run is None else [_of_run(self.table, run)])]
        parameters = {"since": self.since_ns, "run": run or ""}
        order = "(time_ns, seq, decision_id)"
        decisions = self._grouped("decisions", _KIND, order, conditions, parameters)
        sessions = self._grouped(
            "sessions", "run, service, uncovered, tests, test_keys", "(time_ns)", conditions, parameters
        )
        return Traces(
            self.connection.address.place,
            tuple(one for row in decisions for one in _repeated(_decision(row), row)),
            tuple(one for row in sessions for one in _repeated(_session(row), row)),
            self._accounting(conditions, parameters),
        )

    def _grouped(
        self, relation: str, columns: str, order: str, conditions: list[str], parameters: dict[str, Any]
    ) -> list[dict[str, Any]]:
        of_the_first = _OF_THE_FIRST if relation == "decisions" else ()
        first = "".join(f", argMin({name}, {order}) AS first_{name}" for name in of_the_first)
        sql = f"""
SELECT {columns}, count() AS many, min(time_ns) AS first_ns, max(time_ns) AS last_ns{first}
FROM ({RELATIONS[relation](self.table, conditions)}) WHERE time_ns >= {{since:Int64}}
GROUP BY {columns} ORDER BY min({order})"""
        return list(self.connection.ask(sql, parameters).named_results())

    def _accounting(self, conditions: Sequence[str], parameters: dict[str, Any]) -> Accounting:
        """Return the number of spans that match, and how many of them could not be understood."""
        found, unique, unknown, spans = self.connection.ask(account(self.table, *conditions), parameters).result_rows[0]
        return Accounting(
            files=0,
            lines=spans,
            unreadable_lines=unknown,
            unreadable_files=0,
            pending_lines=0,
            duplicates=found - unknown - unique,
            samples=(),
        )

    def nothing(self, run: str) -> Exception:
        """Return the error for an unknown run, for nothing since a time, or for an empty table."""
        place = self.connection.address.place
        runs = self.runs(self.since_ns)
        if runs:
            return unknown_run(run, place, runs)
        return nothing_since(place) if self.since_ns and self.runs(0) else nothing(self.connection, self.table)


def _window(since_ns: int) -> list[str]:
    """Return conditions for spans that may hold events since a time. A span lasts an hour at most."""
    return [f"Timestamp >= fromUnixTimestamp64Nano({int(since_ns) - _HOUR})"] if since_ns > _HOUR else []


def _of_run(table: Table, run: str) -> str:
    """Return the condition for the spans of a run. For an id of usual length the table has an index."""
    plain = run != NOBODY and len(run) <= LONGEST_TEXT
    return f"{table.resource(RESOURCE_ATTRIBUTES['run_id']) if plain else run_of(table)} = {{run:String}}"


def _repeated(row: Row, found: dict[str, Any]) -> Iterator[Row]:
    yield row
    last = replace(row, time_ns=found["last_ns"])
    for number in range(1, found["many"]):
        yield replace(last, decision_id=f"{last.decision_id}+{number}") if isinstance(last, DecisionRow) else last


def _decision(found: dict[str, Any]) -> DecisionRow:
    return DecisionRow(
        time_ns=found["first_ns"],
        trace_id=found["first_trace_id"],
        span_id=found["first_span_id"],
        parent_span_id="",
        decision_id=found["first_decision_id"],
        span_name="",
        outcome=Outcome(found["outcome"]),
        expected=found["expected"],
        target=found["target"],
        reason=found["reason"],
        op=found["op"],
        project_id=_given(found["project"]),
        workspace=_given(found["first_workspace"]),
        work_item_id=_given(found["first_work_item_id"]),
        work_item_key=_given(found["first_work_item_key"]),
        test=_given(found["test"]),
        run_id=_given(found["run"]),
        service=_given(found["service"]),
        project_name=_name(found),
        method=_given(found["first_method"]),
        url_template=_given(found["first_url_template"]),
        server_address=_given(found["first_server_address"]),
        host=_given(found["first_host"]),
        pid=found["first_pid"] or None,
        context={name: value for name, column in _CONTEXT.items() if (value := _given(found[f"first_{column}"]))},
        **_caller(found["caller"]),
    )


def _name(found: dict[str, Any]) -> str | None:
    """Return the project's name; the column has the key where there is none."""
    return None if found["first_project_name"] == found["project"] else _given(found["first_project_name"])


def _caller(caller: str) -> dict[str, Any]:
    """Return file, line and function of the caller."""
    place = _PLACE.fullmatch(caller)
    if place is None:
        return {"file": caller or None}
    return {"file": place["file"], "line": int(place["line"]), "function": place["function"]}


def _session(found: dict[str, Any]) -> SessionRow:
    run, service = _given(found["run"]), _given(found["service"])
    return SessionRow(
        time_ns=found["first_ns"],
        trace_id="",
        span_id="",
        parent_span_id="",
        run_id=run,
        service=service,
        uncovered=tuple(filter(None, found["uncovered"].splitlines())),
        tests=None if found["tests"] == UNKNOWN_TESTS else found["tests"],
        test_keys=tuple(filter(None, [found["test_keys"]])),
    )


def _given(text: str) -> str | None:
    return None if text in {"", NOBODY} else text

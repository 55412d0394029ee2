"""The decisions of a report, in a temporary SQLite database that moves to disk when it grows.

Rows are counted once, by the id of the decision. Memory does not depend on their number.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.groups import NOBODY, fingerprint, without_parameters
from plane_guard_dashboard.evidence.rows import DECISION, UNKNOWN_TESTS, SessionRow, job_of
from plane_guard_dashboard.evidence.traces import session_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from plane_guard_dashboard.evidence.rows import DecisionRow, Origin

    Firsts: TypeAlias = dict[str, tuple[int, str]]

_CACHE_KIB = 64 * 1024
_SORT_KIB = 16 * 1024  # of each sorter of a query, of which there may be several at once
_ROWS_A_BATCH = 2_000
_MOST_ORIGINS = 10_000
_MOST_FIRSTS = 200_000
_DECISION = (
    "decision_id", "own", "origin", "outcome", "expected", "target", "reason", "op", "project", "project_name", "item",
    "test", "test_group", "caller", "place", "file", "line", "method", "url", "server", "workspace", "item_id",
    "item_key", "trace_id", "span_id", "time_ns", "seq",
)  # fmt: skip
_ORIGIN = (
    "id",
    "run",
    "job",
    "demo",
    "service",
    "host",
    "pid",
    "branch",
    "revision",
    "pipeline",
    "repository",
    "task",
    "repository_url",
    "actor",
)
_SESSION = ("key", "origin", "time_ns", "uncovered", "tests", "test_keys")
# Ids are random. With row ids only the small index is written all over, and rows are appended.
_SCHEMA = f"""
CREATE TABLE origin ({", ".join(_ORIGIN)}, PRIMARY KEY (id));
CREATE TABLE decision ({", ".join(_DECISION)}, PRIMARY KEY (decision_id));
CREATE TABLE session ({", ".join(_SESSION)}, PRIMARY KEY (key)) WITHOUT ROWID;
"""


def _marks(columns: tuple[str, ...]) -> str:
    return ", ".join("?" * len(columns))


_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _DECISION[1:])
# The guard's own span tells more of a decision than a copy of its event on the span of a client.
_INSERT_DECISION = f"""INSERT INTO decision VALUES ({_marks(_DECISION)})
ON CONFLICT (decision_id) DO UPDATE SET {_CHANGES} WHERE excluded.own > own"""  # noqa: S608  only names of this module
# A later record of a process tells more than an earlier one, and either may be read first.
_INSERT_SESSION = f"""INSERT INTO session VALUES ({_marks(_SESSION)})
ON CONFLICT (key) DO UPDATE SET time_ns = min(time_ns, excluded.time_ns),
uncovered = CASE WHEN length(excluded.uncovered) >= length(uncovered) THEN excluded.uncovered ELSE uncovered END,
test_keys = CASE WHEN excluded.tests >= tests THEN excluded.test_keys ELSE test_keys END,
tests = max(tests, excluded.tests)"""  # noqa: S608


class CollectionError(Exception):
    """The temporary database cannot be kept; the text says why and what to do."""

    def __init__(self, error: sqlite3.Error) -> None:
        super().__init__(
            f"The report ran out of temporary space ({error}): make room, or set SQLITE_TMPDIR to a folder with more."
        )


@dataclass(slots=True)
class Collection:
    """Decisions and sessions, each counted once. `received` counts copies of decisions as well.

    `firsts` are the time and the commit of the first attempt of each group outside of the scope.
    """

    received: int = 0
    firsts: Firsts = field(default_factory=dict)
    _database: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect("", isolation_level=None))
    _decisions: list[tuple[Any, ...]] = field(default_factory=list)
    _sessions: list[tuple[Any, ...]] = field(default_factory=list)
    _number_of_origins: int = 0
    _known: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._database.row_factory = sqlite3.Row
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}", "temp_store = FILE"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Delete the temporary database."""
        self._database.close()

    def add(self, row: DecisionRow | SessionRow, place: tuple[int, int]) -> None:
        """Take a row; `place` is its file and offset."""
        if isinstance(row, SessionRow):
            key = repr(session_key(row, place))
            tests = UNKNOWN_TESTS if row.tests is None else row.tests
            told = "\n".join(row.uncovered), tests, " ".join(row.test_keys)
            self._sessions.append((key, self._origin(row), row.time_ns, *told))
        else:
            self.received += 1
            self._decisions.append(self._decision(row))
        if len(self._decisions) + len(self._sessions) >= _ROWS_A_BATCH:
            self._flush()

    def leave_out(self, row: DecisionRow | SessionRow) -> None:
        """Remember since when a group is known. The row does not count."""
        if isinstance(row, SessionRow) or not (row.blocked or row.prod_allowed):
            return
        mark = fingerprint(row.test or NOBODY, row.project_id or NOBODY, row.op, row.reason)
        known = self.firsts.get(mark)
        if known is None and len(self.firsts) >= _MOST_FIRSTS:
            return  # more would fill the memory, and no report shows so many groups
        if known is None or row.time_ns < known[0]:
            self.firsts[mark] = row.time_ns, row.context.get("vcs.ref.head.revision", "")

    def ask(self, sql: str, *parameters: object) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query."""
        self._flush()
        self._database.execute(f"PRAGMA cache_size = -{_SORT_KIB}")
        try:
            yield from self._database.execute(sql, parameters)
        except sqlite3.OperationalError as error:
            raise CollectionError(error) from error

    def _flush(self) -> None:
        try:
            self._database.executemany(_INSERT_DECISION, self._decisions)
            self._database.executemany(_INSERT_SESSION, self._sessions)
        except sqlite3.OperationalError as error:
            raise CollectionError(error) from error
        self._decisions.clear()
        self._sessions.clear()

    def _decision(self, row: DecisionRow) -> tuple[Any, ...]:
        test = row.test or NOBODY
        place = f"{row.file}:{row.line}" if row.file and row.line else row.file or ""
        return (
            row.decision_id,
            row.span_name == DECISION,
            self._origin(row),
            str(row.outcome),
            row.expected,
            row.target,
            row.reason,
            row.op,
            row.project_id or NOBODY,
            row.project_name or "",
            row.work_item or NOBODY,
            test,
            without_parameters(test),
            f"{place} {row.function or ''}".strip(),
            f"{row.file or ''} {row.function or ''}".strip(),
            row.file or "",
            row.line or 0,
            row.method or "",
            row.url_template or "",
            row.server_address or "",
            row.workspace or "",
            row.work_item_id or "",
            row.work_item_key or "",
            row.trace_id,
            row.span_id,
            row.time_ns,
            row.seq or 0,
        )

    def _origin(self, row: Origin) -> int:
        """Return the number of the process that a row comes from."""
        context = row.context
        values = (
            row.run_id or NOBODY,
            job_of(context),
            row.demo,
            row.service or NOBODY,
            row.host or "",
            row.pid or 0,
            context.get("vcs.ref.head.name", ""),
            context.get("vcs.ref.head.revision", ""),
            context.get("cicd.pipeline.run.url.full", ""),
            context.get("vcs.repository.name", ""),
            context.get("cicd.pipeline.task.name", ""),
            context.get("vcs.repository.url.full", ""),
            context.get("user.name", ""),
        )
        number = self._known.get(values)
        if number is None:
            if len(self._known) >= _MOST_ORIGINS:
                self._known.clear()
            number = self._number_of_origins = self._number_of_origins + 1
            self._database.execute(f"INSERT INTO origin VALUES ({_marks(_ORIGIN)})", (number, *values))  # noqa: S608
            self._known[values] = number
        return number

"""The rows of the fake server, a journal of their changes, and listeners for each change."""

from __future__ import annotations

import copy
import pickle
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plane_guard_instrumentation.testing.http_server import ReceivedRequest

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]
LOGS = frozenset({"activities"})  # derived rows: kept and served, but no changes of their own


@dataclass(frozen=True, slots=True)
class Change:
    """One changed row: the projects that own it, the row before and after, and the request and user behind it."""

    project_id: str | None
    projects: frozenset[str]
    table: str
    row_id: str
    what: str
    verb: str
    before: Row | None
    after: Row | None
    actor: str
    request: ReceivedRequest


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that is being answered, and its user's id."""

    request: ReceivedRequest
    actor: str


class Database:
    """Tables of rows. A row belongs to the project in its `project` field, a page to those in `project_ids`."""

    def __init__(self, seed: Tables, stamps: Row) -> None:
        """Start with a copy of the seed. Every new row gets the fields in `stamps`."""
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = time.time
        self.worker_delay = 0.0  # seconds until the workers write the activity log
        # Every test resets the server. Unpickling is several times faster than a deep copy.
        self._seed = pickle.dumps(seed)
        self._stamps = stamps
        self._cause: Cause | None = None
        self.tables: Tables = {}
        self.changes: list[Change] = []
        self.listeners: list[Callable[[Database, Change], None]] = []
        self.reset()

    def reset(self) -> None:
        """Restore the seed and clear the journal."""
        with self.lock:
            self.tables = pickle.loads(self._seed)  # noqa: S301 - pickled above
            self.changes.clear()

    @contextmanager
    def during(self, request: ReceivedRequest, actor: str) -> Iterator[None]:
        """Lock the database for one request, and attribute changes to it."""
        with self.lock:
            self._cause = Cause(request, actor)
            try:
                yield
            finally:
                self._cause = None

    @property
    def cause(self) -> Cause:
        """The request that is being answered."""
        if self._cause is None:
            raise RuntimeError("a row changed outside a request; wrap the change in Database.during()")
        return self._cause

    def now(self, delay: float = 0.0) -> str:
        """Return the time by the server's clock, as Plane writes it."""
        return datetime.fromtimestamp(self.clock() + delay, UTC).isoformat()

    def rows(self, table: str, **where: object) -> list[Row]:
        """Return the rows that are not deleted and whose fields equal `where`."""
        rows = self.tables.setdefault(table, {}).values()
        return [row for row in rows if not row.get("deleted_at") and where.items() <= row.items()]

    def find(self, table: str, row_id: object, **where: object) -> Row | None:
        """Return one row by its id, if it is not deleted and its fields equal `where`."""
        row = self.tables.setdefault(table, {}).get(str(row_id))
        if row is None or row.get("deleted_at"):
            return None
        return row if all(row.get(name) == value for name, value in where.items()) else None

    def insert(self, table: str, project: str | None, **fields: object) -> Row:
        """Add a row that belongs to `project`."""
        now, actor = self.now(), self.cause.actor
        stamps = {"created_at": now, "updated_at": now, "created_by": actor, "updated_by": actor}
        row: Row = {"id": str(uuid.uuid4()), **self._stamps, **stamps, **fields, "project": project}
        self.tables.setdefault(table, {})[row["id"]] = row
        self._note(table, "created", "created", None, row)
        return row

    def change(self, table: str, row: Row, **fields: object) -> Row:
        """Set fields of a row. Without fields, only `updated_at` changes, as when Plane's workers touch an item."""
        before = dict(row)
        row.update(fields, updated_at=self.now())
        if fields:
            row["updated_by"] = self.cause.actor
        self._note(table, "changed " + ", ".join(sorted(fields)) if fields else "touched", "updated", before, row)
        return row

    def remove(self, table: str, row: Row) -> None:
        """Delete a row."""
        del self.tables[table][row["id"]]
        self._note(table, "deleted", "deleted", row, None)

    def snapshot(self, project: str) -> Tables:
        """Return a copy of every row that belongs to `project`."""
        with self.lock:
            owned = {
                table: {key: row for key, row in rows.items() if project in owners(row)}
                for table, rows in self.tables.items()
                if table not in LOGS
            }
            return copy.deepcopy({table: rows for table, rows in owned.items() if rows})

    def _note(self, table: str, what: str, verb: str, before: Row | None, after: Row | None) -> None:
        if table in LOGS:
            return
        row = after or before or {}
        cause = self.cause
        change = Change(
            row.get("project"),
            owners(before or {}) | owners(after or {}),
            table,
            row["id"],
            what,
            verb,
            before,
            dict(after) if after else None,
            cause.actor,
            cause.request,
        )
        self.changes.append(change)
        for listener in self.listeners:
            listener(self, change)


def owners(row: Row) -> frozenset[str]:
    """Return the ids of the projects that a row belongs to."""
    return frozenset(filter(None, (row.get("project"), *row.get("project_ids", ()))))

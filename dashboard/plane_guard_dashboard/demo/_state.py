"""The rows that the stand-in server holds, and the journal of every change to them."""

from __future__ import annotations

import copy
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_dashboard.demo._wire import ReceivedRequest

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One changed row: whose it is, what happened, and which request did it."""

    project_id: str | None
    table: str
    row_id: str
    what: str
    request: ReceivedRequest


class Database:
    """Tables of rows. A row belongs to the project in its `project` field."""

    def __init__(self, seed: Tables) -> None:
        """Start from a copy of the seed."""
        self.lock = threading.RLock()
        self._seed = seed
        self._cause: ReceivedRequest | None = None
        self.tables: Tables = {}
        self.mutations: list[Mutation] = []
        self.reset()

    def reset(self) -> None:
        """Go back to the seed and forget the journal."""
        with self.lock:
            self.tables = copy.deepcopy(self._seed)
            self.mutations.clear()

    @contextmanager
    def during(self, request: ReceivedRequest) -> Iterator[None]:
        """Hold the database for one request, to which changes are attributed."""
        with self.lock:
            self._cause = request
            yield

    def rows(self, table: str, **where: object) -> list[Row]:
        """Return the visible rows whose fields equal `where`."""
        rows = self.tables.setdefault(table, {}).values()
        return [row for row in rows if not row.get("deleted_at") and where.items() <= row.items()]

    def find(self, table: str, row_id: object, **where: object) -> Row | None:
        """Return one visible row by its id, if its fields equal `where`."""
        row = self.tables.setdefault(table, {}).get(str(row_id))
        if row is None or row.get("deleted_at"):
            return None
        return row if all(row.get(name) == value for name, value in where.items()) else None

    def insert(self, table: str, project: str | None, **fields: object) -> Row:
        """Add a row that belongs to `project`."""
        now = _now()
        row: Row = {
            "id": str(uuid.uuid4()),
            "created_at": now,
            "updated_at": now,
            **fields,
            "project": project,
        }
        self.tables.setdefault(table, {})[row["id"]] = row
        self._note(table, row, "created")
        return row

    def change(self, table: str, row: Row, **fields: object) -> Row:
        """Set fields of a row; with none, only its `updated_at`."""
        row.update(fields, updated_at=_now())
        self._note(table, row, "changed " + ", ".join(sorted(fields)) if fields else "touched")
        return row

    def remove(self, table: str, row: Row) -> None:
        """Delete a row."""
        del self.tables[table][row["id"]]
        self._note(table, row, "deleted")

    def snapshot(self, project: str) -> Tables:
        """Return a comparable copy of every row that belongs to `project`."""
        with self.lock:
            owned = {
                table: {key: row for key, row in rows.items() if row.get("project") == project}
                for table, rows in self.tables.items()
            }
            return copy.deepcopy({table: rows for table, rows in owned.items() if rows})

    def _note(self, table: str, row: Row, what: str) -> None:
        if self._cause is None:
            message = "a row changed outside a request; wrap the change in Database.during()"
            raise RuntimeError(message)
        self.mutations.append(Mutation(row.get("project"), table, row["id"], what, self._cause))


def _now() -> str:
    return datetime.now(UTC).isoformat()

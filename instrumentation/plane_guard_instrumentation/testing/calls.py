"""The tools of a view: the routed request with its rows, and the replies that many views share."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from plane_guard_instrumentation.testing.bodies import Data, Refused, parse
from plane_guard_instrumentation.testing.http_server import ReceivedRequest, Reply

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Database, Row

ITEMS = "work_items"
MAX_PAGE = 1000
NOT_FOUND = {"error": "The requested resource does not exist."}
SERVER_ERROR = {"error": "Something went wrong please try again later"}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
UNAUTHENTICATED = {"detail": "Authentication credentials were not provided."}
INVALID_ID = {"error": "Please provide valid detail"}


@dataclass(frozen=True, slots=True)
class Call:
    """One routed request: the ids in its path, the user's id, and the database."""

    db: Database
    request: ReceivedRequest
    ids: Mapping[str, str]
    user: str
    origin: str
    _parsed: list[Data] = field(default_factory=list)

    @property
    def project(self) -> str:
        """The project in the path. Plane often checks nothing else."""
        return self.ids["project"]

    @property
    def data(self) -> Data:
        """The fields of the body. Parsed on first use, so a DELETE with an unreadable body succeeds, as on Plane."""
        if not self._parsed:
            self._parsed.append(parse(self.request))
        return self._parsed[0]

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query string."""
        return dict(parse_qsl(self.request.target.partition("?")[2], keep_blank_values=True))

    def required(self, *names: str) -> None:
        """Answer 400 if one of the fields is missing or empty."""
        missing = {name: ["This field is required."] for name in names if not self.data.get(name)}
        if missing:
            raise Refused(400, missing)

    def get(self, table: str, row_id: object, **where: object) -> Row:
        """Return a row of the path's project, or answer 404."""
        return self.anywhere(table, row_id, project=self.project, **where)

    def anywhere(self, table: str, row_id: object, **where: object) -> Row:
        """Return a row whatever its project is, or answer 404."""
        row = self.db.find(table, row_id, **where)
        if row is None:
            raise Refused(404, NOT_FOUND)
        return row


View = Callable[[Call], Reply]
Views = Mapping[str, View]
Present = Callable[["Call", "Row"], Any]


def as_is(_: Call, row: Row) -> Row:
    """Return a row as API v1 shows it."""
    return row


def paginated(call: Call, rows: list[Row], present: Present = as_is) -> Reply:
    """Return one page of rows in Plane's envelope. The query's `per_page` and `cursor` select it."""
    rows = _ordered(rows, call.query.get("order_by", ""))
    size, page = _position(call.query)
    start = size * page
    shown = rows[start : start + size]
    return Reply(
        200,
        {
            "grouped_by": None,
            "sub_grouped_by": None,
            "total_count": len(rows),
            "next_cursor": f"{size}:{page + 1}:0",
            "prev_cursor": f"{size}:{page - 1}:1",
            "next_page_results": start + size < len(rows),
            "prev_page_results": page > 0,
            "count": len(shown),
            "total_pages": -(-len(rows) // size),
            "total_results": len(rows),
            "extra_stats": None,
            "results": [present(call, row) for row in shown],
        },
    )


def plain_list(call: Call, rows: list[Row], present: Present = as_is) -> Reply:
    """Return all rows as a JSON list, without an envelope."""
    return Reply(200, [present(call, row) for row in rows])


def canonical(value: object) -> str:
    """Return an id of a body in its canonical spelling. There, Plane takes upper case, no dashes and `urn:uuid:`."""
    try:
        return str(uuid.UUID(str(value)))
    except ValueError as error:
        raise Refused(400, INVALID_ID) from error


def any_item(call: Call, value: object) -> Row:
    """Return a work item of any project. An unknown one is 400: a foreign key that does not exist."""
    row = call.db.find(ITEMS, canonical(value))
    if row is None:
        raise Refused(400)
    return row


def forbidden(_: Call) -> Reply:
    """Answer 403."""
    return Reply(403, FORBIDDEN)


def _position(query: dict[str, str]) -> tuple[int, int]:
    try:
        size = int(query.get("per_page", MAX_PAGE))
    except ValueError as error:
        raise Refused(400, {"detail": "Invalid per_page parameter."}) from error
    if not 0 < size <= MAX_PAGE:
        raise Refused(400, {"detail": f"Invalid per_page value. Cannot exceed {MAX_PAGE}."})
    try:
        page = int(query.get("cursor", f"{size}:0:0").split(":")[1])
    except (ValueError, IndexError) as error:
        raise Refused(400, {"detail": "Invalid cursor parameter."}) from error
    return size, max(page, 0)


def _ordered(rows: list[Row], order: str) -> list[Row]:
    name = order.removeprefix("-")
    if not any(row.get(name) is not None for row in rows):
        return rows
    known = [row for row in rows if row.get(name) is not None]
    unknown = [row for row in rows if row.get(name) is None]
    return sorted(known, key=lambda row: row[name], reverse=order.startswith("-")) + unknown

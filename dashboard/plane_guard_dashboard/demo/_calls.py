"""What a view of the stand-in server is given and may use: the call, its rows, and the usual refusals."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.demo._bodies import Data, Refused, parse
from plane_guard_dashboard.demo._wire import ReceivedRequest, Reply

if TYPE_CHECKING:
    from plane_guard_dashboard.demo._state import Database, Row

ITEMS = "work_items"
NOT_FOUND = {"error": "The requested resource does not exist."}
STUMBLED = {"error": "Something went wrong please try again later"}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


@dataclass(frozen=True, slots=True)
class Call:
    """One routed request: the ids in its path and the database."""

    db: Database
    request: ReceivedRequest
    ids: Mapping[str, str]
    origin: str
    _parsed: list[Data] = field(default_factory=list)

    @property
    def project(self) -> str:
        """Return the project in the path; most of the time the only thing that the server checks."""
        return self.ids["project"]

    @property
    def data(self) -> Data:
        """Return the body's fields, parsed when first asked for (a DELETE never asks)."""
        if not self._parsed:
            self._parsed.append(parse(self.request))
        return self._parsed[0]

    def required(self, *names: str) -> None:
        """Refuse a body in which one of the fields is missing or empty."""
        missing = {name: ["This field is required."] for name in names if not self.data.get(name)}
        if missing:
            raise Refused(400, missing)

    def get(self, table: str, row_id: object, **where: object) -> Row:
        """Return a row of the path's project, or answer 404."""
        row = self.db.find(table, row_id, project=self.project, **where)
        if row is None:
            raise Refused(404, NOT_FOUND)
        return row


View = Callable[[Call], Reply]
Views = Mapping[str, View]


def listing(rows: list[Row]) -> Reply:
    """Return rows in Plane's envelope, all of them on one page."""
    return Reply(
        200,
        {
            "total_count": len(rows),
            "count": len(rows),
            "total_results": len(rows),
            "total_pages": 1,
            "next_cursor": "1000:1:0",
            "prev_cursor": "1000:-1:1",
            "next_page_results": False,
            "prev_page_results": False,
            "results": rows,
        },
    )


def canonical(value: object) -> str:
    """Return an id of a body in one spelling: the server takes upper case and urn:uuid: there."""
    try:
        return str(uuid.UUID(str(value)))
    except ValueError as error:
        raise Refused(400, {"error": "Please provide valid detail"}) from error


def anyones(call: Call, value: object) -> Row:
    """Return an item of whatever project; one that does not exist is 400."""
    row = call.db.find(ITEMS, canonical(value))
    if row is None:
        raise Refused(400)
    return row


def forbidden(_: Call) -> Reply:
    """Answer 403."""
    return Reply(403, FORBIDDEN)

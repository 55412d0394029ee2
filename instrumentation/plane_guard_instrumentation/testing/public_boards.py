"""Views of public boards (`/api/public/anchor/`). A board's anchor names the project; the ids behind it are trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing.app_items import app_item
from plane_guard_instrumentation.testing.bodies import Refused
from plane_guard_instrumentation.testing.calls import (
    ITEMS,
    NOT_FOUND,
    Call,
    View,
    Views,
    any_item,
    paginated,
    plain_list,
)
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.objects import DEFAULTS, writable
from plane_guard_instrumentation.testing.work_items import (
    is_listed,
    item_fields,
    new_attachment,
    new_item,
    touch,
    upload,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation.testing.database import Row

SWITCHES = {"comments": "is_comments_enabled", "reactions": "is_reactions_enabled", "votes": "is_votes_enabled"}


def _board(call: Call, feature: str = "") -> Row:
    for row in call.db.rows("deploy_boards", anchor=call.ids["anchor"], entity_name="project"):
        if feature and not row.get(SWITCHES[feature]):
            raise Refused(400, {"error": f"{feature.title()} are not enabled for this project"})
        return row
    raise Refused(404, NOT_FOUND)


def _on_board(call: Call) -> Call:
    """Return the call with the board's project in place of the one in a path."""
    ids: Mapping[str, str] = {**call.ids, "project": str(_board(call)["project"])}
    return Call(call.db, call.request, ids, call.user, call.origin)


def settings(call: Call) -> Reply:
    """Return the board."""
    return Reply(200, _board(call))


def items(call: Call) -> Reply:
    """Return the items of the board's project."""
    rows = call.db.rows(ITEMS, project=_board(call)["project"])
    return paginated(call, [row for row in rows if is_listed(row)], app_item)


def item(call: Call) -> Reply:
    """Return one item of the board's project."""
    return Reply(200, app_item(call, call.anywhere(ITEMS, call.ids["item"], project=_board(call)["project"])))


def comments() -> Views:
    """Return the views of an item's public comments."""

    def rows(call: Call) -> Reply:
        _board(call)
        return plain_list(call, call.db.rows("comments", issue=call.ids["item"], access="EXTERNAL"))

    def add(call: Call) -> Reply:
        board = _board(call, "comments")
        owner = any_item(call, call.ids["item"])
        fields = {**DEFAULTS["comments"], **writable(call.data), "actor": call.user, "access": "EXTERNAL"}
        made = call.db.insert("comments", board["project"], **{**fields, "issue": owner["id"]})
        touch(call, owner["id"])
        return Reply(201, made)

    return {"GET": rows, "POST": add}


def comment() -> Views:
    """Return the views of one comment, which must be the user's own, of whatever project."""

    def find(call: Call) -> Row:
        _board(call, "comments")
        return call.anywhere("comments", call.ids["row"], actor=call.user)

    def change(call: Call) -> Reply:
        return Reply(200, call.db.change("comments", find(call), **writable(call.data)))

    def remove(call: Call) -> Reply:
        call.db.remove("comments", find(call))
        return Reply(204)

    return {"GET": lambda call: Reply(200, find(call)), "PATCH": change, "DELETE": remove}


def marks(table: str, owner: str, name: str, field: str, feature: str) -> Views:
    """Return the views of reactions or votes: list, add, and remove the user's own."""

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows(table, project=_board(call)["project"], **{owner: call.ids[name]}))

    def add(call: Call) -> Reply:
        board = _board(call, feature)
        call.anywhere(ITEMS if owner == "issue" else "comments", call.ids[name])
        value = call.data.get(field, 1 if field == "vote" else None)
        if value is None:
            raise Refused(400, {field: ["This field is required."]})
        made = call.db.insert(table, board["project"], **{owner: call.ids[name], field: value, "actor": call.user})
        if owner == "issue":
            touch(call, call.ids[name])
        return Reply(201, made)

    return {"GET": rows, "POST": add, "DELETE": unmark(table, owner, name, feature)}


def unmark(table: str, owner: str, name: str, feature: str) -> View:
    """Return the view that removes the user's own reaction or vote."""

    def view(call: Call) -> Reply:
        _board(call, feature)
        where = {owner: call.ids[name], "actor": call.user}
        if "reaction" in call.ids:
            where["reaction"] = call.ids["reaction"]
        for row in call.db.rows(table, **where):
            call.db.remove(table, row)
            return Reply(204)
        return Reply(404, NOT_FOUND)

    return view


def intake_items() -> Views:
    """Return the views of the board's intake. Nothing checks that the intake in the path is the board's."""

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows("intake", project=_board(call)["project"], intake=call.ids["intake"]))

    def add(call: Call) -> Reply:
        here = _on_board(call)
        issue = here.data.get("issue")
        if not isinstance(issue, dict) or not issue.get("name"):
            raise Refused(400, {"error": "Name is required"})
        made = new_item(here, dict(issue))
        fields = {"issue": made["id"], "status": -2, "duplicate_to": None, "intake": call.ids["intake"]}
        return Reply(200, call.db.insert("intake", here.project, **fields))

    return {"GET": rows, "POST": add}


def intake_item() -> Views:
    """Return the views of one intake row of the board's project."""

    def find(call: Call) -> Row:
        return _on_board(call).get("intake", call.ids["row"])

    def change(call: Call) -> Reply:
        row, here = find(call), _on_board(call)
        if isinstance(here.data.get("issue"), dict):
            owner = here.get(ITEMS, row["issue"])
            call.db.change(ITEMS, owner, **item_fields(here, here.data["issue"]))
        return Reply(200, row)

    def remove(call: Call) -> Reply:
        call.db.remove("intake", find(call))
        return Reply(204)

    return {"GET": lambda call: Reply(200, find(call)), "PATCH": change, "DELETE": remove}


def create_asset(call: Call) -> Reply:
    """Create the row of a file in the board's project."""
    return Reply(200, upload(call, new_attachment(call, _board(call)["project"])))


def asset() -> Views:
    """Return the views of one file of the board's project."""

    def find(call: Call) -> Row:
        return call.anywhere("attachments", call.ids["row"], project=_board(call)["project"])

    def confirm(call: Call) -> Reply:
        call.db.change("attachments", find(call), is_uploaded=True)
        return Reply(204)

    def remove(call: Call) -> Reply:
        call.db.remove("attachments", find(call))
        return Reply(204)

    return {"PATCH": confirm, "DELETE": remove}

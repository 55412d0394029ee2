"""Routes of API v1 that Plane Cloud has and the open server has not.

plane-sdk and plane-mcp-server call them. Their answers follow plane-sdk's models and are not measured on a server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing import app_items, app_objects, objects, work_items, workspace
from plane_guard_instrumentation.testing.calls import ITEMS, Call, paginated
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.routes_v1 import P, W

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.calls import View, Views


def _worklogs() -> Views:
    def create(call: Call) -> Reply:
        item = call.get(ITEMS, call.ids["item"])
        fields = {**objects.writable(call.data), "issue": item["id"], "logged_by": call.user}
        return Reply(201, call.db.insert("worklogs", call.project, **fields))

    def rows(call: Call) -> Reply:
        return Reply(200, call.db.rows("worklogs", project=call.project, issue=call.ids["item"]))

    return {"GET": rows, "POST": create}


def _rows(table: str) -> View:
    return lambda call: paginated(call, call.db.rows(table, project=call.project))


def _members(call: Call) -> Reply:
    return paginated(call, call.db.rows("members", project=call.project), objects.user_of_member)


def _count(call: Call) -> Reply:
    rows = [row for row in call.db.rows(ITEMS) if work_items.is_listed(row) and row["project"] in call.query["pql"]]
    return Reply(200, {"grouped_by": None, "sub_grouped_by": None, "total_count": len(rows), "grouped_counts": {}})


def _everywhere(call: Call) -> Reply:
    return paginated(call, [row for row in call.db.rows(ITEMS) if work_items.is_listed(row)])


def _features() -> Views:
    def shown(call: Call) -> Reply:
        return Reply(200, call.get("projects", call.project).get("features", {}))

    def change(call: Call) -> Reply:
        row = call.get("projects", call.project)
        return Reply(
            200, call.db.change("projects", row, features={**row.get("features", {}), **call.data})["features"]
        )

    return {"GET": shown, "PATCH": change}


def _archive_item(call: Call) -> Reply:
    app_items.archive_of_item()["POST"](call)
    return Reply(204)


def _pages() -> Views:
    def rows(call: Call) -> Reply:
        return paginated(call, [row for row in call.db.rows("pages") if call.project in row["project_ids"]])

    return {**app_objects.pages(), "GET": rows}


_I = P + "work-items/{item}/"
_PAGE = app_objects.page()
_ARCHIVE = app_items.archive_of_item()
ROUTES: dict[str, Views] = {
    f"{W}members-lite/": {"GET": lambda call: paginated(call, call.db.rows("users"))},
    f"{W}projects-lite/": {"GET": workspace.list_projects},
    f"{W}work-items/": {"GET": _everywhere},
    f"{W}work-items/count/": {"GET": _count},
    f"{P}features/": _features(),
    f"{P}project-members-lite/": {"GET": _members},
    f"{P}cycles-lite/": {"GET": _rows("cycles")},
    f"{P}modules-lite/": {"GET": _rows("modules")},
    f"{P}archived-work-items/": {"GET": objects.archived(ITEMS)},
    f"{_I}archive/": {"POST": _archive_item},
    f"{_I}unarchive/": {"DELETE": _ARCHIVE["DELETE"]},
    f"{_I}relations/remove/": {"POST": app_items.remove_relation},
    f"{_I}dependencies/": app_items.relations("work_item_ids"),
    f"{_I}dependencies/{{related}}/": {"DELETE": app_items.remove_relation},
    # Relations by definitions of the workspace, of which this server has none.
    f"{_I}work-item-relations/": {"GET": lambda _: Reply(200, {})},
    f"{_I}worklogs/": _worklogs(),
    f"{_I}worklogs/{{row}}/": objects.detail("worklogs", "row"),
    f"{P}intake-issues/{{item}}/status/": {"PATCH": work_items.intake_detail()["PATCH"]},
    f"{P}pages/": _pages(),
    f"{P}pages/{{page}}/": {"GET": _PAGE["GET"], "PUT": _PAGE["PATCH"], "DELETE": _PAGE["DELETE"]},
    f"{P}pages/{{page}}/archive/": {
        "POST": app_objects.archive_page,
        "DELETE": app_objects.set_page("archived_at", value=None),
    },
}

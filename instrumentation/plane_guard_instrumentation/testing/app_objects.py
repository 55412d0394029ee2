"""App API views below a project: estimates, deploy boards, pages, favourites, intake, module links, assets."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing.app_items import app_item
from plane_guard_instrumentation.testing.bodies import Refused, as_list
from plane_guard_instrumentation.testing.calls import (
    ITEMS,
    NOT_FOUND,
    SERVER_ERROR,
    Call,
    View,
    Views,
    canonical,
    paginated,
    plain_list,
)
from plane_guard_instrumentation.testing.http_server import Reply
from plane_guard_instrumentation.testing.objects import DEFAULTS, writable
from plane_guard_instrumentation.testing.work_items import (
    change_intake,
    find_intake,
    new_attachment,
    new_intake,
    upload,
)

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Row

MAX_POINT = 20
BOARD_FIELDS = ("intake", "is_comments_enabled", "is_reactions_enabled", "is_votes_enabled")


# Estimates.


def _estimate(call: Call, row: Row) -> Row:
    return {**row, "points": call.db.rows("estimate_points", estimate=row["id"])}


def estimates() -> Views:
    """Return the views of `/estimates/`."""

    def create(call: Call) -> Reply:
        about = call.data.get("estimate")
        if not isinstance(about, dict):
            raise Refused(400, {"error": "estimate is required"})
        fields = {"name": about.get("name", "Estimate"), "type": about.get("type", "categories"), "description": ""}
        made = call.db.insert("estimates", call.project, last_used=bool(about.get("last_used")), **fields)
        for point in as_list(call.data.get("estimate_points")):
            _add_point(call, made["id"], point)
        return Reply(200, _estimate(call, made))

    return {
        "GET": lambda call: plain_list(call, call.db.rows("estimates", project=call.project), _estimate),
        "POST": create,
    }


def estimate() -> Views:
    """Return the views of `/estimates/<id>/`."""

    def change(call: Call) -> Reply:
        points = as_list(call.data.get("estimate_points"))
        if not points:
            raise Refused(400, {"error": "Estimate points are required"})
        row = call.get("estimates", call.ids["estimate"])
        about = call.data.get("estimate") or {}
        call.db.change("estimates", row, **{name: about[name] for name in ("name", "type") if name in about})
        for point in points:
            where = {"project": call.project, "estimate": row["id"]}
            found = call.db.find("estimate_points", point.get("id"), **where)
            if found is not None:
                fields = {name: point[name] for name in ("key", "value") if name in point}
                call.db.change("estimate_points", found, **fields)
        return Reply(200, _estimate(call, row))

    def remove(call: Call) -> Reply:
        call.db.remove("estimates", call.get("estimates", call.ids["estimate"]))
        return Reply(204)

    def read(call: Call) -> Reply:
        return Reply(200, _estimate(call, call.get("estimates", call.ids["estimate"])))

    return {"GET": read, "PATCH": change, "DELETE": remove}


def create_point(call: Call) -> Reply:
    """Add a point to an estimate of any project. Only the path's project is checked."""
    if not call.data.get("key") or not call.data.get("value"):
        raise Refused(400, {"error": "Key and value are required"})
    owner = call.anywhere("estimates", call.ids["estimate"])
    return Reply(200, _add_point(call, owner["id"], call.data))


def point() -> Views:
    """Return the views of one estimate point."""

    def change(call: Call) -> Reply:
        row = call.get("estimate_points", call.ids["point"], estimate=call.ids["estimate"])
        _check_point(call.data)
        return Reply(200, call.db.change("estimate_points", row, **writable(call.data)))

    def remove(call: Call) -> Reply:
        # Measured: any point is deleted, whatever estimate and project it belongs to.
        row = call.db.find("estimate_points", call.ids["point"])
        if row is None:
            return Reply(500, SERVER_ERROR)
        replacement = call.data.get("new_estimate_id")
        for item in call.db.rows(ITEMS, project=call.project, estimate_point=row["id"]):
            call.db.change(ITEMS, item, estimate_point=replacement)
        call.db.remove("estimate_points", row)
        later = call.db.rows("estimate_points", project=call.project, estimate=call.ids["estimate"])
        moved = [one for one in later if one["key"] > row["key"]]
        for one in moved:
            call.db.change("estimate_points", one, key=one["key"] - 1)
        return plain_list(call, moved)

    return {"PATCH": change, "DELETE": remove}


def _add_point(call: Call, owner: str, data: Row) -> Row:
    _check_point(data)
    fields = {
        "key": data.get("key", 0),
        "value": str(data.get("value", "")),
        "description": data.get("description", ""),
    }
    return call.db.insert("estimate_points", call.project, estimate=owner, **fields)


def _check_point(data: Row) -> None:
    if len(str(data.get("value", ""))) > MAX_POINT:
        raise Refused(400, {"non_field_errors": [f"Value can't be more than {MAX_POINT} characters"]})


# Deploy boards: a project's public page.


def boards() -> Views:
    """Return the views of `/project-deploy-boards/`. A project has at most one board."""

    def find(call: Call) -> Row | None:
        found = call.db.rows("deploy_boards", entity_name="project", entity_identifier=call.project)
        return found[0] if found else None

    def create(call: Call) -> Reply:
        row = find(call) or call.db.insert(
            "deploy_boards",
            call.project,
            entity_name="project",
            entity_identifier=call.project,
            anchor=uuid.uuid4().hex,
            view_props={},
        )
        fields = {name: call.data.get(name, name == "intake" and None) for name in BOARD_FIELDS}
        views = call.data.get("views", {"list": True, "kanban": True})
        return Reply(200, call.db.change("deploy_boards", row, view_props=views, **fields))

    return {"GET": lambda call: Reply(200, find(call) or {}), "POST": create}


def board() -> Views:
    """Return the views of one deploy board. Nothing checks its project."""

    def find(call: Call) -> Row:
        return call.anywhere("deploy_boards", call.ids["row"])

    def change(call: Call) -> Reply:
        return Reply(200, call.db.change("deploy_boards", find(call), **writable(call.data)))

    def remove(call: Call) -> Reply:
        call.db.remove("deploy_boards", find(call))
        return Reply(204)

    return {"GET": lambda call: Reply(200, find(call)), "PATCH": change, "DELETE": remove}


# Pages, which may belong to several projects.


def _pages(call: Call) -> list[Row]:
    return [row for row in call.db.rows("pages") if call.project in row["project_ids"]]


def _page(call: Call) -> Row:
    row = call.anywhere("pages", call.ids["page"])
    if call.project not in row["project_ids"]:
        raise Refused(404, NOT_FOUND)
    return row


def pages() -> Views:
    """Return the views of `/pages/`."""

    def create(call: Call) -> Reply:
        fields = {"name": "", "description_html": "<p></p>", "access": 0, "parent": None, **writable(call.data)}
        state = {"owned_by": call.user, "is_locked": False, "archived_at": None, "project_ids": [call.project]}
        return Reply(201, call.db.insert("pages", None, **fields, **state))

    return {"GET": lambda call: plain_list(call, _pages(call)), "POST": create}


def page() -> Views:
    """Return the views of `/pages/<id>/`. A change shows in every project that has the page."""

    def change(call: Call) -> Reply:
        row = call.db.find("pages", call.ids["page"])
        if row is None or call.project not in row["project_ids"]:
            text = "Access cannot be updated since this page is owned by someone else"
            return Reply(400, {"error": text})
        if row["is_locked"]:
            return Reply(400, {"error": "Page is locked"})
        return Reply(200, call.db.change("pages", row, **writable(call.data)))

    def remove(call: Call) -> Reply:
        row = _page(call)
        if not row["archived_at"]:
            return Reply(400, {"error": "The page should be archived before deleting"})
        call.db.remove("pages", row)
        return Reply(204)

    return {"GET": lambda call: Reply(200, _page(call)), "PATCH": change, "DELETE": remove}


def set_page(field: str, value: object) -> View:
    """Return a view that sets one field of a page."""

    def view(call: Call) -> Reply:
        call.db.change("pages", _page(call), **{field: value})
        return Reply(204)

    return view


def archive_page(call: Call) -> Reply:
    """Archive a page."""
    row = call.db.change("pages", _page(call), archived_at=call.db.now())
    return Reply(200, {"archived_at": row["archived_at"]})


def page_access(call: Call) -> Reply:
    """Make a page public or private."""
    call.db.change("pages", _page(call), access=call.data.get("access", 0))
    return Reply(204)


def page_description() -> Views:
    """Return the views of a page's text."""

    def change(call: Call) -> Reply:
        row = _page(call)
        if row["is_locked"]:
            return Reply(400, {"error_code": 4701, "error_message": "PAGE_LOCKED"})
        call.db.change("pages", row, description_html=call.data.get("description_html", row["description_html"]))
        return Reply(200, {"message": "Updated successfully"})

    return {"GET": lambda call: Reply(200, {"description_html": _page(call)["description_html"]}), "PATCH": change}


def duplicate_page(call: Call) -> Reply:
    """Copy a page into every project that has the original."""
    row = _page(call)
    copied = ("description_html", "access", "parent", "is_locked", "archived_at")
    fields = {name: row[name] for name in copied} | {"name": f"{row['name']} (Copy)", "owned_by": call.user}
    return Reply(201, call.db.insert("pages", None, **fields, project_ids=list(row["project_ids"])))


# Favourites.


def favorites(kind: str) -> Views:
    """Return the views of `/user-favorite-<kind>s/`. The body may name an object of any project."""

    def add(call: Call) -> Reply:
        call.required(kind)
        _favorite(call, kind, call.project, call.data[kind])
        return Reply(204)

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows("favorites", project=call.project, entity_type=kind))

    return {"GET": rows, "POST": add}


def favorite_page(call: Call) -> Reply:
    """Mark a page as a favourite."""
    _favorite(call, "page", call.project, call.ids["row"])
    return Reply(204)


def remove_favorite(kind: str) -> View:
    """Return the view that removes a favourite of the user."""

    def view(call: Call) -> Reply:
        where = {"entity_type": kind, "entity_identifier": call.ids["row"], "user": call.user}
        for row in call.db.rows("favorites", project=call.ids.get("project", call.ids["row"]), **where):
            call.db.remove("favorites", row)
            return Reply(204)
        return Reply(404, NOT_FOUND)

    return view


def favorite_project(call: Call) -> Reply:
    """Mark a project, which the body names, as a favourite."""
    call.required("project")
    project = call.anywhere("projects", canonical(call.data["project"]))["id"]
    _favorite(call, "project", project, project)
    return Reply(204)


def user_favorites() -> Views:
    """Return the views of `/user-favorites/`, above projects. The body names project and object."""

    def add(call: Call) -> Reply:
        project = call.data.get("project_id")
        fields = {name: call.data.get(name) for name in ("entity_type", "entity_identifier", "name", "is_folder")}
        owner = canonical(project) if project else None
        return Reply(200, call.db.insert("favorites", owner, user=call.user, **fields))

    return {"GET": lambda call: plain_list(call, call.db.rows("favorites", user=call.user)), "POST": add}


def user_favorite() -> Views:
    """Return the views of one favourite, above projects."""

    def change(call: Call) -> Reply:
        row = call.anywhere("favorites", call.ids["row"], user=call.user)
        return Reply(200, call.db.change("favorites", row, **writable(call.data)))

    def remove(call: Call) -> Reply:
        call.db.remove("favorites", call.anywhere("favorites", call.ids["row"], user=call.user))
        return Reply(204)

    return {"PATCH": change, "DELETE": remove}


def _favorite(call: Call, kind: str, project: str, entity: object) -> Row:
    where = {"entity_type": kind, "entity_identifier": canonical(entity), "user": call.user}
    if call.db.rows("favorites", **where):
        raise Refused(400, {"error": "The payload is not valid"})
    return call.db.insert("favorites", project, **where)


# Intake. The path has the item's id; the row has an id of its own.


def _intake_row(call: Call, row: Row) -> Row:
    item = call.db.find(ITEMS, row["issue"])
    shown = ("id", "status", "duplicate_to", "snoozed_till", "source", "created_by")
    return {name: row.get(name) for name in shown} | {"issue": app_item(call, item) if item else None}


def intake_items() -> Views:
    """Return the views of `/intake-issues/`."""

    def create(call: Call) -> Reply:
        issue = call.data.get("issue")
        if not isinstance(issue, dict) or not issue.get("name"):
            raise Refused(400, {"error": "Name is required"})
        return Reply(200, _intake_row(call, new_intake(call, dict(issue))))

    def rows(call: Call) -> Reply:
        return paginated(call, call.db.rows("intake", project=call.project), _intake_row)

    return {"GET": rows, "POST": create}


def intake_item() -> Views:
    """Return the views of `/intake-issues/<work item id>/`."""

    def remove(call: Call) -> Reply:
        call.db.remove("intake", find_intake(call))
        return Reply(204)

    return {
        "GET": lambda call: Reply(200, _intake_row(call, find_intake(call))),
        "PATCH": lambda call: Reply(200, _intake_row(call, change_intake(call))),
        "DELETE": remove,
    }


# Modules and assets.


def module_items() -> Views:
    """Return the views of `/modules/<id>/issues/`. Neither the module nor the items are checked."""

    def rows(call: Call) -> Reply:
        found = call.db.rows("module_issues", project=call.project, module=call.ids["module"])
        items = [call.db.find(ITEMS, row["issue"]) for row in found]
        return paginated(call, [item for item in items if item], app_item)

    def add(call: Call) -> Reply:
        ids = [canonical(one) for one in as_list(call.data.get("issues"))]
        if not ids:
            raise Refused(400, {"error": "Issues are required"})
        module = call.anywhere("modules", call.ids["module"])
        for one in ids:
            call.db.insert("module_issues", call.project, module=module["id"], issue=one)
        return Reply(201, {"message": "success"})

    return {"GET": rows, "POST": add}


def module_links() -> Views:
    """Return the views of `/modules/<id>/module-links/`. The module may belong to any project."""

    def add(call: Call) -> Reply:
        call.required("url")
        module = call.anywhere("modules", call.ids["module"])
        fields = {**DEFAULTS["links"], **writable(call.data), "module": module["id"]}
        return Reply(201, call.db.insert("module_links", call.project, **fields))

    def rows(call: Call) -> Reply:
        return plain_list(call, call.db.rows("module_links", project=call.project, module=call.ids["module"]))

    return {"GET": rows, "POST": add}


def module_link() -> Views:
    """Return the views of one module link of the path's project."""

    def find(call: Call) -> Row:
        return call.get("module_links", call.ids["row"], module=call.ids["module"])

    def change(call: Call) -> Reply:
        return Reply(200, call.db.change("module_links", find(call), **writable(call.data)))

    def remove(call: Call) -> Reply:
        call.db.remove("module_links", find(call))
        return Reply(204)

    return {"GET": lambda call: Reply(200, find(call)), "PUT": change, "PATCH": change, "DELETE": remove}


def bulk_labels(call: Call) -> Reply:
    """Create several labels."""
    labels = as_list(call.data.get("label_data"))
    rows = [call.db.insert("labels", call.project, **{**DEFAULTS["labels"], **writable(one)}) for one in labels]
    return Reply(201, {"labels": rows})


def mark_default(call: Call) -> Reply:
    """Make a state the default of its project."""
    row = call.get("states", call.ids["row"])
    for other in call.db.rows("states", project=call.project, default=True):
        call.db.change("states", other, default=False)
    call.db.change("states", row, default=True)
    return Reply(204)


def create_asset(call: Call) -> Reply:
    """Create the row of a file in the path's project."""
    return Reply(200, upload(call, new_attachment(call, call.project)))


def asset() -> Views:
    """Return the views of one file of the path's project."""

    def confirm(call: Call) -> Reply:
        call.db.change("attachments", call.get("attachments", call.ids["row"]), is_uploaded=True)
        return Reply(204)

    def remove(call: Call) -> Reply:
        call.db.remove("attachments", call.get("attachments", call.ids["row"]))
        return Reply(204)

    return {"PATCH": confirm, "DELETE": remove}

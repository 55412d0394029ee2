"""The routes of the app API (`/api/`) and of public boards, which clients call with a session cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing import (
    app_items,
    app_objects,
    groups,
    objects,
    public_boards,
    work_items,
    workspace,
)
from plane_guard_instrumentation.testing.app_items import app_item, app_row
from plane_guard_instrumentation.testing.calls import plain_list
from plane_guard_instrumentation.testing.http_server import Reply

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.calls import Views

W = "workspaces/{slug}/"
P = W + "projects/{project}/"
I = P + "issues/{item}/"  # noqa: E741 - as short as W and P, which the tables of Plane's API use
ASSETS = "assets/v2/workspaces/{slug}/projects/{project}/"


def _named(path: str, table: str, *required: str, name: str = "row") -> dict[str, Views]:
    views = objects.detail(table, name, present=app_row)
    return {
        f"{P}{path}/": objects.collection(table, *required, present=app_row, listing=plain_list),
        f"{P}{path}/{{{name}}}/": {**views, "PUT": views["PATCH"]},
    }


def _archivable(table: str, name: str) -> dict[str, Views]:
    archive = {"POST": objects.archive(table, name), "DELETE": objects.unarchive(table, name)}
    return {
        f"{P}{table}/{{{name}}}/archive/": archive,
        f"{P}archived-{table}/": {"GET": objects.archived(table, present=app_row, listing=plain_list)},
    }


def _favorites(plural: str, kind: str) -> dict[str, Views]:
    return {
        f"{P}user-favorite-{plural}/": app_objects.favorites(kind),
        f"{P}user-favorite-{plural}/{{row}}/": {"DELETE": app_objects.remove_favorite(kind)},
    }


ROUTES: dict[str, Views] = {
    "users/me/": {"GET": workspace.me, "PATCH": workspace.change_me, "DELETE": workspace.deactivate_me},
    f"{W}members/": {"GET": workspace.members},
    f"{W}projects/": {
        "GET": lambda call: plain_list(call, call.db.rows("projects")),
        "POST": workspace.create_project,
    },
    P: {
        "GET": objects.detail("projects", "project")["GET"],
        "PUT": workspace.change_project,
        "PATCH": workspace.change_project,
        "DELETE": workspace.delete_project,
    },
    f"{P}archive/": {
        "POST": objects.archive("projects", "project"),
        "DELETE": objects.unarchive("projects", "project"),
    },
    f"{P}members/": {**objects.collection("members", listing=plain_list), "POST": objects.create_member},
    f"{P}members/{{row}}/": objects.detail("members", "row"),
    f"{W}user-favorites/": app_objects.user_favorites(),
    f"{W}user-favorites/{{row}}/": app_objects.user_favorite(),
    f"{W}user-favorite-projects/": {"POST": app_objects.favorite_project},
    f"{W}user-favorite-projects/{{row}}/": {"DELETE": app_objects.remove_favorite("project")},
    f"{W}stickies/": workspace.loose("stickies"),
    f"{W}stickies/{{row}}/": workspace.loose_detail("stickies"),
    f"{P}issues/": app_items.items(),
    I: app_items.item(),
    f"{I}archive/": app_items.archive_of_item(),
    f"{P}archived-issues/": {"GET": objects.archived("work_items", present=app_item)},
    f"{I}comments/": app_items.parts("comments"),
    f"{I}comments/{{row}}/": work_items.part("comments"),
    f"{I}issue-links/": app_items.parts("links", "url"),
    f"{I}issue-links/{{row}}/": work_items.part("links"),
    f"{I}issue-attachments/": work_items.attachments(),
    f"{I}issue-attachments/{{row}}/": work_items.attachment(),
    f"{I}issue-relation/": app_items.relations(),
    f"{I}remove-relation/": {"POST": app_items.remove_relation},
    f"{I}sub-issues/": app_items.sub_issues(),
    f"{I}reactions/": app_items.reactions("reactions", "issue", "item"),
    f"{I}reactions/{{reaction}}/": {"DELETE": app_items.delete_reaction("reactions", "issue", "item")},
    f"{I}modules/": {"POST": app_items.modules_of_item},
    f"{I}subscribe/": app_items.subscribe(),
    f"{I}history/": {"GET": app_items.history},
    f"{P}comments/{{comment}}/reactions/": app_items.reactions("comment_reactions", "comment", "comment"),
    f"{P}comments/{{comment}}/reactions/{{reaction}}/": {
        "DELETE": app_items.delete_reaction("comment_reactions", "comment", "comment")
    },
    f"{P}bulk-archive-issues/": {"POST": app_items.bulk_archive},
    f"{P}bulk-delete-issues/": {"DELETE": app_items.bulk_delete},
    f"{P}issue-dates/": {"POST": app_items.change_dates},
    **_named("issue-labels", "labels", "name"),
    f"{P}bulk-create-labels/": {"POST": app_objects.bulk_labels},
    **_named("states", "states", "name"),
    f"{P}states/{{row}}/mark-default/": {"POST": app_objects.mark_default},
    **_named("cycles", "cycles", "name", name="cycle"),
    f"{P}cycles/date-check/": {"POST": lambda _: Reply(200, {"status": True})},
    f"{P}cycles/{{cycle}}/cycle-issues/": {
        "GET": groups.items_of("cycle_issues", "cycle"),
        "POST": app_items.put_in_cycle,
    },
    f"{P}cycles/{{cycle}}/cycle-issues/{{item}}/": {"DELETE": groups.take_out_of("cycle_issues", "cycle")},
    f"{P}cycles/{{cycle}}/transfer-issues/": {"POST": groups.transfer},
    **_archivable("cycles", "cycle"),
    **_named("modules", "modules", "name", name="module"),
    f"{P}modules/{{module}}/issues/": app_objects.module_items(),
    f"{P}modules/{{module}}/issues/{{item}}/": {"DELETE": groups.take_out_of("module_issues", "module")},
    f"{P}modules/{{module}}/module-links/": app_objects.module_links(),
    f"{P}modules/{{module}}/module-links/{{row}}/": app_objects.module_link(),
    **_archivable("modules", "module"),
    **_favorites("cycles", "cycle"),
    **_favorites("modules", "module"),
    **_favorites("views", "view"),
    f"{P}favorite-pages/{{row}}/": {
        "POST": app_objects.favorite_page,
        "DELETE": app_objects.remove_favorite("page"),
    },
    f"{P}pages/": app_objects.pages(),
    f"{P}pages/{{page}}/": app_objects.page(),
    f"{P}pages/{{page}}/lock/": {
        "POST": app_objects.set_page("is_locked", value=True),
        "DELETE": app_objects.set_page("is_locked", value=False),
    },
    f"{P}pages/{{page}}/archive/": {
        "POST": app_objects.archive_page,
        "DELETE": app_objects.set_page("archived_at", value=None),
    },
    f"{P}pages/{{page}}/access/": {"POST": app_objects.page_access},
    f"{P}pages/{{page}}/description/": app_objects.page_description(),
    f"{P}pages/{{page}}/duplicate/": {"POST": app_objects.duplicate_page},
    **{
        path: views
        for word in ("intake", "inbox")
        for path, views in {
            f"{P}{word}-issues/": app_objects.intake_items(),
            f"{P}{word}-issues/{{item}}/": app_objects.intake_item(),
        }.items()
    },
    **_named("intakes", "intakes", "name"),
    **_named("inboxes", "intakes", "name"),
    f"{P}estimates/": app_objects.estimates(),
    f"{P}estimates/{{estimate}}/": app_objects.estimate(),
    f"{P}estimates/{{estimate}}/estimate-points/": {"POST": app_objects.create_point},
    f"{P}estimates/{{estimate}}/estimate-points/{{point}}/": app_objects.point(),
    f"{P}project-deploy-boards/": app_objects.boards(),
    f"{P}project-deploy-boards/{{row}}/": app_objects.board(),
    ASSETS: {"POST": app_objects.create_asset},
    f"{ASSETS}{{row}}/": app_objects.asset(),
    f"{ASSETS}issues/{{item}}/attachments/": work_items.attachments(),
    f"{ASSETS}issues/{{item}}/attachments/{{row}}/": work_items.attachment(),
}

A = "anchor/{anchor}/"
PUBLIC_ROUTES: dict[str, Views] = {
    f"{A}settings/": {"GET": public_boards.settings},
    f"{A}meta/": {"GET": public_boards.settings},
    f"{A}issues/": {"GET": public_boards.items},
    f"{A}issues/{{item}}/": {"GET": public_boards.item},
    f"{A}issues/{{item}}/comments/": public_boards.comments(),
    f"{A}issues/{{item}}/comments/{{row}}/": public_boards.comment(),
    f"{A}issues/{{item}}/reactions/": public_boards.marks("reactions", "issue", "item", "reaction", "reactions"),
    f"{A}issues/{{item}}/reactions/{{reaction}}/": {
        "DELETE": public_boards.unmark("reactions", "issue", "item", "reactions")
    },
    f"{A}issues/{{item}}/votes/": public_boards.marks("votes", "issue", "item", "vote", "votes"),
    f"{A}comments/{{comment}}/reactions/": public_boards.marks(
        "comment_reactions", "comment", "comment", "reaction", "reactions"
    ),
    f"{A}comments/{{comment}}/reactions/{{reaction}}/": {
        "DELETE": public_boards.unmark("comment_reactions", "comment", "comment", "reactions")
    },
    **{
        path: views
        for word in ("intake", "inbox")
        for path, views in {
            f"{A}intakes/{{intake}}/{word}-issues/": public_boards.intake_items(),
            f"{A}intakes/{{intake}}/{word}-issues/{{row}}/": public_boards.intake_item(),
        }.items()
    },
    f"assets/v2/{A}": {"POST": public_boards.create_asset},
    f"assets/v2/{A}{{row}}/": public_boards.asset(),
}

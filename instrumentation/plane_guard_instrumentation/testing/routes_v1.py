"""The routes of API v1 (`/api/v1/`), which clients call with an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.testing import groups, objects, work_items, workspace
from plane_guard_instrumentation.testing.calls import plain_list

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.calls import Views

W = "workspaces/{slug}/"
P = W + "projects/{project}/"
MEMBERS: Views = {
    **objects.collection("members", present=objects.user_of_member, listing=plain_list),
    "POST": objects.create_member,
}


def _spelled(word: str, attachments: str) -> dict[str, Views]:
    items = f"{P}{word}/"
    return {
        f"{W}{word}/search/": {"GET": work_items.search},
        f"{W}{word}/{{identifier}}-{{number}}/": {"GET": work_items.by_identifier, **objects.READ_ONLY_VIEWS},
        items: work_items.items(),
        f"{items}{{item}}/": work_items.item(),
        f"{items}{{item}}/comments/": work_items.parts("comments"),
        f"{items}{{item}}/comments/{{row}}/": work_items.part("comments"),
        f"{items}{{item}}/links/": work_items.parts("links", "url"),
        f"{items}{{item}}/links/{{row}}/": work_items.part("links"),
        f"{items}{{item}}/activities/": {"GET": work_items.activities},
        f"{items}{{item}}/activities/{{row}}/": {"GET": work_items.activity_detail},
        f"{items}{{item}}/{attachments}/": work_items.attachments(),
        f"{items}{{item}}/{attachments}/{{row}}/": work_items.attachment(),
    }


def _archive(word: str, name: str) -> dict[str, Views]:
    return {
        f"{P}{word}/{{{name}}}/archive/": {"POST": objects.archive(word, name)},
        f"{P}archived-{word}/": {"GET": objects.archived(word)},
        f"{P}archived-{word}/{{{name}}}/unarchive/": {"DELETE": objects.unarchive(word, name)},
    }


ROUTES: dict[str, Views] = {
    "users/me/": {"GET": workspace.me},
    f"{W}members/": {"GET": workspace.members},
    f"{W}projects/": {"GET": workspace.list_projects, "POST": workspace.create_project},
    P: {
        "GET": objects.detail("projects", "project")["GET"],
        "PATCH": workspace.change_project,
        "DELETE": workspace.delete_project,
    },
    f"{P}archive/": {
        "POST": objects.archive("projects", "project"),
        "DELETE": objects.unarchive("projects", "project"),
    },
    **_spelled("issues", "issue-attachments"),
    **_spelled("work-items", "attachments"),
    f"{P}work-items/{{item}}/relations/": {"GET": work_items.relations, "POST": work_items.create_relation},
    f"{P}states/": objects.collection("states", "name"),
    f"{P}states/{{row}}/": objects.detail("states", "row"),
    f"{P}labels/": objects.collection("labels", "name"),
    f"{P}labels/{{row}}/": objects.detail("labels", "row"),
    f"{P}members/": MEMBERS,
    f"{P}members/{{row}}/": objects.detail("members", "row"),
    f"{P}project-members/": MEMBERS,
    f"{P}project-members/{{row}}/": objects.detail("members", "row"),
    f"{P}cycles/": {**objects.collection("cycles"), "POST": groups.create_cycle},
    f"{P}cycles/{{cycle}}/": objects.detail("cycles", "cycle"),
    f"{P}cycles/{{cycle}}/cycle-issues/": {
        "GET": groups.items_of("cycle_issues", "cycle"),
        "POST": groups.put_in_cycle,
    },
    f"{P}cycles/{{cycle}}/cycle-issues/{{item}}/": {"DELETE": groups.take_out_of("cycle_issues", "cycle")},
    f"{P}cycles/{{cycle}}/transfer-issues/": {"POST": groups.transfer},
    **_archive("cycles", "cycle"),
    f"{P}modules/": objects.collection("modules", "name"),
    f"{P}modules/{{module}}/": objects.detail("modules", "module"),
    f"{P}modules/{{module}}/module-issues/": {
        "GET": groups.items_of("module_issues", "module"),
        "POST": groups.put_in_module,
    },
    f"{P}modules/{{module}}/module-issues/{{item}}/": {"DELETE": groups.take_out_of("module_issues", "module")},
    **_archive("modules", "module"),
    f"{P}intake-issues/": {"GET": work_items.list_intake, "POST": work_items.create_intake},
    f"{P}intake-issues/{{item}}/": work_items.intake_detail(),
    f"{W}stickies/": workspace.loose("stickies"),
    f"{W}stickies/{{row}}/": workspace.loose_detail("stickies"),
    f"{W}stickies/{{row}}.json": workspace.put_only("stickies"),
    f"{W}invitations/": workspace.loose("invitations", "email"),
    f"{W}invitations/{{row}}/": workspace.loose_detail("invitations"),
    f"{W}invitations/{{row}}.json": workspace.put_only("invitations"),
    f"{W}assets/": {"POST": workspace.create_asset},
}

"""The route table of the stand-in server, and how a raw request target finds its row (or does not)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from plane_guard_dashboard.demo import _bridge_views as bridge
from plane_guard_dashboard.demo import _foreign_views as foreign
from plane_guard_dashboard.demo import _views as own
from plane_guard_dashboard.demo import _workspace_views as workspace
from plane_guard_dashboard.demo._calls import Views, forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

W = "workspaces/{slug}/"
P = W + "projects/{project}/"
SPELLINGS = (("issues", "issue-attachments"), ("work-items", "attachments"))
ONLY_READ = {"POST": forbidden, "PUT": forbidden, "PATCH": forbidden, "DELETE": forbidden}
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TEXT = frozenset({"slug", "identifier", "number"})


def _per_item(word: str, attachments: str) -> dict[str, Views]:
    items = f"{P}{word}/"
    return {
        f"{W}{word}/{{identifier}}-{{number}}/": {"GET": own.by_identifier, **ONLY_READ},
        f"{W}{word}/search/": {"GET": workspace.search},
        items: own.items(),
        f"{items}{{item}}/": own.item(),
        f"{items}{{item}}/comments/": foreign.around_item("comments"),
        f"{items}{{item}}/comments/{{row}}/": foreign.around_item_detail("comments"),
        f"{items}{{item}}/links/": foreign.around_item("links", "url"),
        f"{items}{{item}}/links/{{row}}/": foreign.around_item_detail("links"),
        f"{items}{{item}}/{attachments}/": foreign.around_item("attachments", "name", checked=True),
        f"{items}{{item}}/{attachments}/{{row}}/": foreign.around_item_detail("attachments"),
    }


def _archive(word: str, name: str, table: str) -> dict[str, Views]:
    return {
        f"{P}{word}/{{{name}}}/archive/": {"POST": own.stamp(table, name, "archived_at", "2026-01-05")},
        f"{P}archived-{word}/{{{name}}}/unarchive/": {"DELETE": own.stamp(table, name, "archived_at", None)},
    }


TABLE: dict[str, Views] = {
    "users/me/": {"GET": workspace.me},
    f"{W}projects/": workspace.projects(),
    P: {
        "GET": own.detail("projects", "project")["GET"],
        "PATCH": workspace.change_project,
        "DELETE": workspace.delete_project,
    },
    f"{P}archive/": {
        "POST": own.stamp("projects", "project", "archived_at", "2026-01-05"),
        "DELETE": own.stamp("projects", "project", "archived_at", None),
    },
    **_per_item(*SPELLINGS[0]),
    **_per_item(*SPELLINGS[1]),
    f"{P}work-items/{{item}}/relations/": {"GET": bridge.relations, "POST": bridge.create_relation},
    f"{P}states/": own.collection("states", "name"),
    f"{P}states/{{row}}/": own.detail("states", "row"),
    f"{P}labels/": own.collection("labels", "name"),
    f"{P}labels/{{row}}/": own.detail("labels", "row"),
    f"{P}members/": {**own.collection("members"), "POST": own.create_member},
    f"{P}members/{{row}}/": own.detail("members", "row"),
    f"{P}project-members/": {**own.collection("members"), "POST": own.create_member},
    f"{P}project-members/{{row}}/": own.detail("members", "row"),
    f"{P}cycles/": {**own.collection("cycles"), "POST": own.create_cycle},
    f"{P}cycles/{{cycle}}/": own.detail("cycles", "cycle"),
    f"{P}cycles/{{cycle}}/cycle-issues/": {
        "GET": bridge.members_of("cycle_issues", "cycle"),
        "POST": bridge.put_in_cycle,
    },
    f"{P}cycles/{{cycle}}/cycle-issues/{{item}}/": {"DELETE": bridge.take_out_of("cycle_issues", "cycle")},
    f"{P}cycles/{{cycle}}/transfer-issues/": {"POST": bridge.transfer},
    **_archive("cycles", "cycle", "cycles"),
    f"{P}modules/": own.collection("modules", "name"),
    f"{P}modules/{{module}}/": own.detail("modules", "module"),
    f"{P}modules/{{module}}/module-issues/": {
        "GET": bridge.members_of("module_issues", "module"),
        "POST": bridge.put_in_module,
    },
    f"{P}modules/{{module}}/module-issues/{{item}}/": {"DELETE": bridge.take_out_of("module_issues", "module")},
    **_archive("modules", "module", "modules"),
    f"{P}intake-issues/": {**own.collection("intake"), "POST": foreign.create_intake},
    f"{P}intake-issues/{{item}}/": foreign.intake_detail(),
    f"{W}stickies/": workspace.loose("stickies"),
    f"{W}stickies/{{row}}/": workspace.loose_detail("stickies"),
    f"{W}stickies/{{row}}.json": workspace.only_put("stickies"),
    f"{W}invitations/": workspace.loose("invitations", "email"),
    f"{W}invitations/{{row}}/": workspace.loose_detail("invitations"),
    f"{W}invitations/{{row}}.json": workspace.only_put("invitations"),
    f"{W}assets/": {"POST": workspace.create_asset},
}


def decode(target: str) -> tuple[str, str]:
    """Return path and query of a raw target: percent-decoded exactly once, nothing normalised."""
    path, mark, query = target.partition("?")
    return unquote(path), mark + query


def resolve(path: str) -> tuple[Views, dict[str, str]] | None:
    """Return the views of a decoded path (without `/api/v1/`) and the ids in it."""
    for pattern, views in _COMPILED:
        found = pattern.fullmatch(path)
        if found:
            return views, found.groupdict()
    return None


def slash_added(path: str, query: str) -> str:
    """Return where the server sends a client that forgot the trailing slash."""
    return quote(path, safe="/:@&+$,~*'()") + "/" + query


def _compile(template: str) -> re.Pattern[str]:
    return re.compile("".join(_pieces(template)))


def _pieces(template: str) -> Iterator[str]:
    for piece in re.split(r"(\{\w+\})", template):
        name = piece.strip("{}")
        yield (f"(?P<{name}>{'[^/]+' if name in _TEXT else _UUID})" if piece.startswith("{") else re.escape(piece))


_COMPILED = tuple((_compile(template), views) for template, views in TABLE.items())

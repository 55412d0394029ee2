"""The kinds of objects below a project, and the GETs that show which project an object is in.

A line of the table is ``kind | surfaces | path | rows | options``. The path is below the project: ``{id}`` stands for
the object, another parameter for a segment of the write's own path, and ``{items}`` for the collection of work items
as the write spells it. ``rows`` names the members that hold the object, if it is not the answer itself. Options:

``names=issue``  the row's member that holds the object's id (default ``id``)
``history``      the answer is the item's activity, which Plane shows for archived items too

The lookups of a kind are tried in order, the next one if the object was not there. Serializers and querysets of Plane
v1.3.1 say which answers name a project.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import NamedTuple


class Kind(StrEnum):
    """A kind of object. The values are what messages call it."""

    WORK_ITEM = "work item"
    EPIC = "epic"
    INTAKE_ITEM = "intake item"
    CYCLE = "cycle"
    MODULE = "module"
    MODULE_LINK = "module link"
    MILESTONE = "milestone"
    LABEL = "label"
    STATE = "state"
    COMMENT = "comment"
    LINK = "link"
    WORKLOG = "worklog"
    PAGE = "page"
    VIEW = "view"
    INTAKE = "intake"
    DEPLOY_BOARD = "deploy board"
    ESTIMATE = "estimate"
    POINT = "estimate point"
    TYPE = "work item type"
    PROPERTY = "property"
    OPTION = "option"
    WORKFLOW = "workflow"
    AUTOMATION = "automation"
    TEMPLATE = "template"
    TRANSITION = "workflow transition"
    HOOK = "workflow hook"
    EDGE = "automation edge"
    NODE = "automation node"
    RELATION_TYPE = "relation definition"
    ASSET = "asset"
    PROJECT = "project"
    UNKNOWN = "object of unknown kind"


class Lookup(NamedTuple):
    """A GET that shows an object, and where in its answer the object is.

    With a ``question``, a JSON-RPC message that reads, a POST of it shows the object instead.
    """

    path: str
    rows: str = ""
    names: str = "id"
    is_history: bool = False
    question: bytes = b""


_TABLE = """
work item      | v1 v2 | {items}/{id}                                    |         |
work item      | v1    | {items}/{id}/activities                         | results | history
work item      | app   | issues/{id}                                     |         |
work item      | app   | issues/{id}/archive                             |         |
epic           | v1 v2 | epics/{id}                                      |         |
intake item    | v1 v2 | {intake}/{id}                                   |         | names=issue
intake item    | app   | {intake}/{id}                                   | issue   |
cycle          | *     | cycles/{id}                                     |         |
cycle          | v1 v2 | archived-cycles                                 | results |
cycle          | app   | archived-cycles/{id}                            |         |
module         | *     | modules/{id}                                    |         |
module         | v1 v2 | archived-modules                                | results |
module         | app   | archived-modules/{id}                           |         |
module link    | *     | modules/{module_id}/module-links/{id}           |         |
milestone      | v1 v2 | milestones/{id}                                 |         |
label          | v1 v2 | labels/{id}                                     |         |
label          | app   | issue-labels/{id}                               |         |
state          | *     | states/{id}                                     |         |
comment        | *     | {items}/{work_item_id}/comments/{id}            |         |
link           | v1 v2 | {items}/{work_item_id}/links/{id}               |         |
link           | app   | issues/{work_item_id}/issue-links/{id}          |         |
worklog        | v1 v2 | {items}/{work_item_id}/worklogs                 | results |
page           | *     | pages/{id}                                      |         |
view           | v2 app | views/{id}                                     |         |
intake         | app   | intakes/{id}                                    |         |
deploy board   | app   | project-deploy-boards/{id}                      |         |
estimate       | v1    | estimates                                       |         |
estimate       | v2 app | estimates/{id}                                 |         |
estimate point | v1    | estimates/{estimate_id}/estimate-points         |         |
estimate point | v2    | estimates/{estimate_id}/points/{id}             |         |
estimate point | app   | estimates                                       | points  |
work item type | v1 v2 | work-item-types/{id}                            |         |
property       | v1    | work-item-types/{type_id}/work-item-properties/{id} |     |
property       | v1 v2 | work-item-properties/{id}                       |         |
option         | v1 v2 | work-item-properties/{property_id}/options/{id} |         |
workflow       | v1 v2 | workflows/{id}                                  |         |
automation     | v2    | automations/{id}                                |         |
"""

PARAMETERS: dict[str, Kind] = {
    "{work_item_id}": Kind.WORK_ITEM,
    "{related_work_item_id}": Kind.WORK_ITEM,
    "{cycle_id}": Kind.CYCLE,
    "{module_id}": Kind.MODULE,
    "{milestone_id}": Kind.MILESTONE,
    "{label_id}": Kind.LABEL,
    "{state_id}": Kind.STATE,
    "{comment_id}": Kind.COMMENT,
    "{link_id}": Kind.LINK,
    "{worklog_id}": Kind.WORKLOG,
    "{page_id}": Kind.PAGE,
    "{view_id}": Kind.VIEW,
    "{intake_id}": Kind.INTAKE,
    "{deploy_board_id}": Kind.DEPLOY_BOARD,
    "{estimate_id}": Kind.ESTIMATE,
    "{point_id}": Kind.POINT,
    "{type_id}": Kind.TYPE,
    "{property_id}": Kind.PROPERTY,
    "{option_id}": Kind.OPTION,
    "{workflow_id}": Kind.WORKFLOW,
    "{transition_id}": Kind.TRANSITION,
    "{hook_id}": Kind.HOOK,
    "{template_id}": Kind.TEMPLATE,
    "{automation_id}": Kind.AUTOMATION,
    "{edge_id}": Kind.EDGE,
    "{node_id}": Kind.NODE,
    "{entity_id}": Kind.UNKNOWN,
    "epics {work_item_id}": Kind.EPIC,
    "intake-issues {work_item_id}": Kind.INTAKE_ITEM,
    "inbox-issues {work_item_id}": Kind.INTAKE_ITEM,
    "modules {link_id}": Kind.MODULE_LINK,
}
"""The kind of object that a parameter of a route names, in general or on routes that begin with a word."""

HARMLESS_PARAMETERS: dict[str, str] = {
    "{attachment_id}": "Plane finds the file by the path's project too, and 404s for a file of another one.",
    "{asset_id}": "Plane finds the file by the path's project too, and 404s for a file of another one.",
    "{member_id}": "A member of the workspace, not an object of a project.",
    "{subscriber_id}": "A member of the workspace, not an object of a project.",
    "{invitation_id}": "Routes with it are never allowed, whatever it names.",
    "{reaction_code}": "An emoji, not an id.",
}
"""The parameters that need no proof, each with the reason."""

FIELDS: dict[str, Kind] = {
    "issue": Kind.WORK_ITEM,
    "issue_id": Kind.WORK_ITEM,
    "issues": Kind.WORK_ITEM,
    "issue_ids": Kind.WORK_ITEM,
    "work_item": Kind.WORK_ITEM,
    "work_item_id": Kind.WORK_ITEM,
    "work_item_ids": Kind.WORK_ITEM,
    "sub_issue_ids": Kind.WORK_ITEM,
    "related_issue": Kind.WORK_ITEM,
    "parent": Kind.WORK_ITEM,
    "parent_id": Kind.WORK_ITEM,
    "duplicate_to": Kind.WORK_ITEM,
    "duplicate_to_id": Kind.WORK_ITEM,
    "epic": Kind.EPIC,
    "epic_id": Kind.EPIC,
    "cycle": Kind.CYCLE,
    "cycle_id": Kind.CYCLE,
    "new_cycle_id": Kind.CYCLE,
    "module": Kind.MODULE,
    "module_id": Kind.MODULE,
    "module_ids": Kind.MODULE,
    "modules": Kind.MODULE,
    "removed_modules": Kind.MODULE,
    "milestone": Kind.MILESTONE,
    "milestone_id": Kind.MILESTONE,
    "state": Kind.STATE,
    "state_id": Kind.STATE,
    "default_state": Kind.STATE,
    "new_state_id": Kind.STATE,
    "labels": Kind.LABEL,
    "label": Kind.LABEL,
    "label_ids": Kind.LABEL,
    "comment": Kind.COMMENT,
    "comment_id": Kind.COMMENT,
    "page": Kind.PAGE,
    "page_id": Kind.PAGE,
    "view": Kind.VIEW,
    "view_id": Kind.VIEW,
    "intake": Kind.INTAKE,
    "estimate": Kind.ESTIMATE,
    "estimate_id": Kind.ESTIMATE,
    "estimate_point": Kind.POINT,
    "new_estimate_id": Kind.POINT,
    "type": Kind.TYPE,
    "type_id": Kind.TYPE,
    "property_id": Kind.PROPERTY,
    "project": Kind.PROJECT,
    "project_id": Kind.PROJECT,
    "project_ids": Kind.PROJECT,
    "asset_ids": Kind.ASSET,
    "relation_definition_id": Kind.RELATION_TYPE,
}
"""The kind of object that a field names on every route whose own line does not say otherwise."""

_TEXT = "Text or a document, which Plane stores as it stands."
_PERSON = "A member of the workspace, not an object of a project."
_IGNORED = "Measured: Plane ignores it and writes to the path's workspace and object."
HARMLESS_FIELDS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("name", "title", "url", "color", "external_id", "external_source", "reaction", "emoji"),
            *("description", "description_html", "description_stripped", "description_json", "description_binary"),
            *("comment_html", "comment_json", "comment_stripped", "logo_props"),
            *("filters", "rich_filters", "query", "query_data", "display_filters", "display_properties"),
            *("view_props", "views"),
        ),
        _TEXT,
    ),
    **dict.fromkeys(
        (
            *("assignees", "assignee_ids", "assignee", "members", "member", "member_id", "member_ids", "lead"),
            *("lead_id", "actor", "owned_by", "created_by", "updated_by", "subscriber", "logged_by", "user"),
            *("project_lead", "default_assignee"),
        ),
        _PERSON,
    ),
    **dict.fromkeys(("workspace", "workspace_id"), _IGNORED),
}
"""The fields whose ids need no proof, each with the reason."""

HARMLESS_AT_TOP = {"id": _IGNORED}
"""Fields that need no proof at the top level of a body only: further down they name other objects."""

SERVER_CHECKED = {(Kind.POINT, "v1"): "Plane v1 takes a point of the path's project only, and answers 400 otherwise."}
"""Kinds that a body may name without a proof on this surface, each with the reason."""


def lookups(kind: Kind, surface: str) -> tuple[Lookup, ...]:
    """Return the lookups of a kind on a surface: ``v1``, ``v2`` or an empty string for the app's own API."""
    return _lookups().get((kind, surface), ())


@cache
def _lookups() -> dict[tuple[Kind, str], tuple[Lookup, ...]]:
    found: dict[tuple[Kind, str], tuple[Lookup, ...]] = {}
    for line in _TABLE.strip().splitlines():
        kind, surfaces, path, rows, option = map(str.strip, line.split("|"))
        names = option.partition("names=")[2] or "id"
        lookup = Lookup(path, rows, names, is_history=option == "history")
        for surface in ("v1", "v2", "app") if surfaces == "*" else surfaces.split():
            key = Kind(kind), surface.replace("app", "")
            found[key] = (*found.get(key, ()), lookup)
    return found

"""Webhook events to changes: v1, which names the user, and v2, which has the previous values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.verification.changes import Change, Kind, Verb
from plane_guard_dashboard.verification.rows import time_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_V1_KINDS: Mapping[str, Kind] = {
    "project": Kind.PROJECT,
    "issue": Kind.WORK_ITEM,
    "cycle": Kind.CYCLE,
    "module": Kind.MODULE,
    "issue_comment": Kind.COMMENT,
    "cycle_issue": Kind.IN_CYCLE,
    "module_issue": Kind.IN_MODULE,
    "intake_issue": Kind.INTAKE,
}
_V2_KINDS: Mapping[str, Kind] = {
    "project": Kind.PROJECT,
    "workitem": Kind.WORK_ITEM,
    "cycle": Kind.CYCLE,
    "module": Kind.MODULE,
    "workitem.comment": Kind.COMMENT,
    "workitem.link": Kind.LINK,
    "workitem.attachment": Kind.ATTACHMENT,
    "workitem.relation": Kind.RELATION,
    "workitem.dependency": Kind.RELATION,
}
_VERBS: Mapping[str, Verb] = {
    **{str(verb): verb for verb in Verb},
    "create": Verb.CREATED,
    "update": Verb.UPDATED,
    "delete": Verb.DELETED,
    "archived": Verb.UPDATED,
}
# Field of v2 -> its name in the activity log.
_FIELDS: Mapping[str, str] = {
    "state_id": "state",
    "parent_id": "parent",
    "label_ids": "labels",
    "assignee_ids": "assignees",
    "estimate_point_id": "estimate_point",
    "description_html": "description",
}
_STAMPS = frozenset({"updated_at", "updated_by_id", "last_activity_at", "completed_at", "sort_order", "edited_at"})
_LONGEST = 300


class UnreadableEventError(ValueError):
    """The body is no event of Plane."""


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery. `id` is the same when it is repeated. `changes` is empty for events about other objects."""

    id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Names that events leave out: the workspace, the project of each work item, the identifier of each project."""

    workspace: str
    projects: Mapping[str, str]
    identifiers: Mapping[str, str]

    def name(self, project: str, row: Mapping[str, Any]) -> str:
        """Return the name for people: a work item's key, otherwise the name in the event."""
        number, identifier = row.get("sequence_id"), self.identifiers.get(project)
        return f"{identifier}-{number}" if number and identifier else _text(row.get("name")) or ""


def read(body: bytes, delivery: str, arrived_ns: int, known: Known) -> Event:
    """Return the event of a body. `arrived_ns` is its time if it tells none.

    Raises:
        UnreadableEventError: It is not JSON, or no event.
    """
    try:
        found = json.loads(body)
        if found.get("version") == "v2":
            return Event(str(found["event_id"]), tuple(_of_v2(found, arrived_ns, known)))
        return Event(delivery or str(found["data"]["id"]), tuple(_of_v1(found, delivery, arrived_ns, known)))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise UnreadableEventError from None


def _of_v1(found: Mapping[str, Any], delivery: str, arrived_ns: int, known: Known) -> Iterator[Change]:
    kind, verb = _V1_KINDS.get(str(found["event"])), _VERBS.get(str(found["action"]))
    if kind is None or verb is None:
        return
    data, activity = found["data"] or {}, found.get("activity") or {}
    actor = activity.get("actor") or {}
    field = str(activity.get("field") or "")
    item = _item_of(kind, data)
    project = _project_of(kind, data, item, known)
    yield Change(
        source=delivery,
        workspace=known.workspace,
        project=project,
        kind=kind,
        object_id=str(data["id"]),
        verb=verb,
        time_ns=_moment(data, verb, arrived_ns),
        actor=str(actor.get("id") or ""),
        field=_FIELDS.get(field, field),
        old=_text(activity.get("old_value")),
        new=_text(activity.get("new_value")),
        work_item=item,
        name=known.name(project, data),
    )


def _of_v2(found: Mapping[str, Any], arrived_ns: int, known: Known) -> Iterator[Change]:
    group, _, action = str(found["event"]).rpartition(".")
    kind, verb = _V2_KINDS.get(group), _VERBS.get(action)
    if kind is None or verb is None:
        return
    previous = found.get("previous_attributes") or {}
    row = found.get("data") or previous
    row = {**row, **row["comment"]} if isinstance(row.get("comment"), dict) else row
    item = _item_of(kind, row) or (str(found["entity_id"]) if kind is Kind.COMMENT else "")
    project = _project_of(kind, row, item, known)
    shared: dict[str, Any] = {
        "source": str(found["event_id"]),
        "workspace": known.workspace,
        "project": project,
        "kind": kind,
        "object_id": str(row.get("id") or found["entity_id"]),
        "verb": verb,
        "time_ns": _moment(row, verb, arrived_ns),
        "actor": _actor(row, verb),
        "work_item": item,
        "name": known.name(project, row),
    }
    if verb is not Verb.UPDATED:
        yield Change(**shared)
        return
    for field, old in previous.items():
        if field not in _STAMPS:
            yield Change(**shared, field=_FIELDS.get(field, field), old=_text(old), new=_text(row.get(field)))


def _item_of(kind: Kind, row: Mapping[str, Any]) -> str:
    if kind is Kind.WORK_ITEM:
        return str(row.get("id") or "")
    return _text(row.get("issue_id") or row.get("issue")) or ""


def _project_of(kind: Kind, row: Mapping[str, Any], item: str, known: Known) -> str:
    if kind is Kind.PROJECT:
        return str(row.get("id") or "")
    return _text(row.get("project_id") or row.get("project")) or known.projects.get(item, "")


def _actor(row: Mapping[str, Any], verb: Verb) -> str:
    """Return the user, if v2 tells. The record of something that was deleted names earlier users only."""
    if verb is Verb.DELETED:
        return ""
    names = ("created_by_id", "actor_id") if verb is Verb.CREATED else ("updated_by_id", "actor_id")
    return next((value for name in names if (value := _text(row.get(name)))), "")


def _moment(row: Mapping[str, Any], verb: Verb, arrived_ns: int) -> int:
    stamp = "created_at" if verb is Verb.CREATED else "updated_at"
    return arrived_ns if verb is Verb.DELETED else time_ns(row.get(stamp)) or arrived_ns


def _text(value: object) -> str | None:
    # Plane writes some empty values as the text "None".
    return None if value is None or value == "None" else str(value)[:_LONGEST]

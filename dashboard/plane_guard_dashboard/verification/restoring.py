"""The request that restores the value before a finding, as far as Plane's API can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.verification.changes import Kind, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.verification.changes import Change

# Field of the activity log -> the field of the request, and if its value is an id.
_ITEM_FIELDS: Mapping[str, tuple[str, bool]] = {
    "name": ("name", False),
    "priority": ("priority", False),
    "start_date": ("start_date", False),
    "target_date": ("target_date", False),
    "state": ("state", True),
    "parent": ("parent", True),
    "estimate_point": ("estimate_point", True),
}
_LISTS = frozenset({"labels", "assignees"})
_OBJECT_FIELDS = frozenset({"name", "color", "description", "group", "status", "start_date", "end_date", "target_date"})
_PATHS: Mapping[Kind, str] = {
    Kind.WORK_ITEM: "work-items/{id}/",
    Kind.STATE: "states/{id}/",
    Kind.LABEL: "labels/{id}/",
    Kind.CYCLE: "cycles/{id}/",
    Kind.MODULE: "modules/{id}/",
    Kind.PROJECT: "",
}


class CannotRestoreError(Exception):
    """Plane's API cannot restore it; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """A PATCH request below `/api/v1/`, and the state of the field that it is meant for."""

    path: str
    body: Mapping[str, Any]
    field: str
    expected: Any

    def is_still_there(self, row: Mapping[str, Any]) -> bool:
        """Return if the field still has the value that the finding gave it."""
        current = row.get(self.field)
        if isinstance(current, list):
            added, removed = self.expected
            return all(one in current for one in added) and not any(one in current for one in removed)
        return bool(current == self.expected or (not current and not self.expected))


def path_of(change: Change) -> str:
    """Return the path of the changed object.

    Raises:
        CannotRestoreError: It has none that can be changed back.
    """
    _check(change)
    place = f"workspaces/{change.workspace}/projects/{change.project}/"
    return place + _PATHS[change.kind].format(id=change.object_id)


def restoration(change: Change, current: Mapping[str, Any]) -> Restoration:
    """Return the request that restores the previous value of an object whose row is `current`.

    Raises:
        CannotRestoreError: The value is not known, or Plane's API cannot set it.
    """
    path = path_of(change)
    if change.kind is not Kind.WORK_ITEM:
        return Restoration(path, {change.field: change.old}, change.field, change.new)
    if change.field in _LISTS:
        values = [one for one in current.get(change.field) or [] if one != change.new_id]
        body = {change.field: [*values, *filter(None, [change.old_id])]}
        return Restoration(path, body, change.field, (_known(change.new_id), _known(change.old_id)))
    if change.field == "archived_at":
        raise CannotRestoreError(f"{change.name} was archived: restore it on its page in Plane.")
    field, is_id = _ITEM_FIELDS[change.field]
    old, new = (change.old_id, change.new_id) if is_id else (change.old, change.new)
    return Restoration(path, {field: old or None}, field, new)


def _check(change: Change) -> None:
    subject = f"{change.kind.replace('_', ' ')} {change.name or change.object_id}"
    if change.verb is Verb.DELETED:
        raise CannotRestoreError(f"The {subject} was deleted and is gone: Plane's API cannot restore it.")
    if change.verb is Verb.CREATED:
        raise CannotRestoreError(f"The {subject} was created: delete it in Plane.")
    is_item = change.kind is Kind.WORK_ITEM
    known = {*_ITEM_FIELDS, *_LISTS, "archived_at"} if is_item else _OBJECT_FIELDS
    if change.kind not in _PATHS or change.field not in known:
        raise CannotRestoreError(f"The previous value of the {subject} is not known: correct it in Plane.")
    if not is_item and change.old is None:
        raise CannotRestoreError(f"The {subject} had another value that is not known: correct it in Plane.")


def _known(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()

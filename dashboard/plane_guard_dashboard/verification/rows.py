"""Rows of Plane's API to changes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.verification.changes import SECOND_NS, Change, Kind, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Row = dict[str, Any]
RELATIONS = frozenset(
    {
        *("blocking", "blocked_by", "duplicate", "relates_to"),
        *("start_after", "start_before", "finish_after", "finish_before"),
        *("implements", "implemented_by"),
    }
)
# Field of the activity log -> the kind of object that it is about.
_KINDS: Mapping[str, Kind] = {
    "comment": Kind.COMMENT,
    "link": Kind.LINK,
    "attachment": Kind.ATTACHMENT,
    "cycles": Kind.IN_CYCLE,
    "modules": Kind.IN_MODULE,
    **dict.fromkeys(RELATIONS, Kind.RELATION),
}
_VERBS = {str(verb): verb for verb in Verb}
# The fields of objects that are compared with those of an earlier verify. The others are counters and stamps.
COMPARED = (
    *("name", "description", "color", "group", "sequence", "default", "status", "parent", "start_date", "end_date"),
    *("target_date", "identifier", "network", "default_state", "project_lead", "lead", "archived_at", "sort_order"),
)
_SAME_WRITE_NS = SECOND_NS
_TAG = re.compile(r"<[^>]*>")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Place:
    """The project, and the work item if there is one, that rows belong to. `key` is its name for people."""

    workspace: str
    project: str
    work_item: str = ""
    key: str = ""


def time_ns(value: object) -> int:
    """Return a time of Plane's JSON in nanoseconds since 1970, or 0."""
    if isinstance(value, int | float):
        return int(value * SECOND_NS)
    try:
        return int(datetime.fromisoformat(str(value)).timestamp() * 1_000_000) * 1_000
    except ValueError:
        return 0


def of_activity(row: Row, place: Place) -> Change | None:
    """Return the change that a row of the activity log shows. Rows with an unknown verb are updates."""
    field = str(row.get("field") or "")
    kind = _KINDS.get(field, Kind.WORK_ITEM)
    verb = _VERBS.get(str(row.get("verb")), Verb.UPDATED)
    if field == "issue" and verb is Verb.DELETED:
        field = ""
    old_id, new_id = _text(row.get("old_identifier")), _text(row.get("new_identifier"))
    own = place.work_item if kind is Kind.WORK_ITEM else new_id or old_id or _text(row.get("issue_comment"))
    value_of = _html if field == "description" else _value
    # The view notes the second of the request in `epoch`. The workers write the row, and `created_at`, later.
    moment = time_ns(row.get("epoch") or row.get("created_at"))
    if not moment:
        return None
    return Change(
        source=str(row.get("id")),
        workspace=place.workspace,
        project=place.project,
        kind=kind,
        object_id=own or place.work_item,
        verb=verb,
        time_ns=moment,
        actor=str(row.get("actor") or row.get("actor_id") or ""),
        field=field if kind in {Kind.WORK_ITEM, Kind.RELATION} else "",
        old=value_of(row.get("old_value")),
        new=value_of(row.get("new_value")),
        old_id=old_id,
        new_id=new_id,
        work_item=place.work_item,
        name=place.key,
    )


def of_comment(row: Row, place: Place) -> Iterator[Change]:
    """Yield the creation of a comment and its last change. The activity log of API v1 leaves comments out."""
    yield from _stamped(row, place, Kind.COMMENT, new=_html(row.get("comment_html")), name=place.key)


def of_object(row: Row, place: Place, kind: Kind, before: Mapping[str, Any] | None) -> Iterator[Change]:
    """Yield the creation of a project, cycle, module, state, label or intake row, and its last change.

    `before` are the fields at the time of an earlier verify. Without them, the change has no values.
    """
    yield from _stamped(row, place, kind, new=None, name=_value(row.get("name")) or "", before=before)


def compared(row: Row) -> dict[str, Any]:
    """Return the fields of an object that are kept for the next verify."""
    return {name: row[name] for name in COMPARED if name in row}


def _stamped(  # noqa: PLR0913  the parts of a change
    row: Row, place: Place, kind: Kind, *, new: str | None, name: str, before: Mapping[str, Any] | None = None
) -> Iterator[Change]:
    object_id = str(row.get("id") or "")
    created, updated = time_ns(row.get("created_at")), time_ns(row.get("updated_at"))
    shared: dict[str, Any] = {
        "workspace": place.workspace,
        "project": place.project,
        "kind": kind,
        "object_id": object_id,
        "work_item": place.work_item or (_text(row.get("issue")) or "" if kind is Kind.INTAKE else ""),
        "name": name,
    }
    author = str(row.get("created_by") or row.get("actor") or "")
    if created:
        yield Change(source=object_id, verb=Verb.CREATED, time_ns=created, actor=author, new=new or name, **shared)
    if updated - created > _SAME_WRITE_NS:
        editor = str(row.get("updated_by") or "")
        moment: dict[str, Any] = {"source": f"{object_id}@{updated}", "time_ns": updated, "actor": editor}
        for field, old, value in _differences(row, before) or [("", None, new)]:
            yield Change(**moment, **shared, verb=Verb.UPDATED, field=field, old=old, new=value)


def _differences(row: Row, before: Mapping[str, Any] | None) -> list[tuple[str, str | None, str | None]]:
    if before is None:
        return []
    return [
        (field, _value(before.get(field)), _value(value))
        for field, value in compared(row).items()
        if before.get(field) != value
    ]


def _text(value: object) -> str | None:
    return str(value) if value else None


def _value(value: object) -> str | None:
    return None if value is None else str(value)[:_LONGEST]


def _html(value: object) -> str | None:
    return _value(_TAG.sub("", value) if isinstance(value, str) else value)

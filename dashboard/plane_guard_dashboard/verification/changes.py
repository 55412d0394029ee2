"""Changes that the server shows, and the writes that they add up to."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from plane_guard.vocabulary import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECOND_NS = 1_000_000_000
_ID_DIGITS = 32


class Kind(StrEnum):
    """The kind of object that changed. The values are attributes of evidence: never rename one."""

    WORK_ITEM = "work_item"
    COMMENT = "comment"
    LINK = "link"
    ATTACHMENT = "attachment"
    IN_CYCLE = "in_cycle"
    IN_MODULE = "in_module"
    RELATION = "relation"
    CYCLE = "cycle"
    MODULE = "module"
    STATE = "state"
    LABEL = "label"
    INTAKE = "intake"
    PROJECT = "project"


class Verb(StrEnum):
    """The verbs of Plane's activity log."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


# One request may change several fields, and `classify` names its op by the first of these that it finds in the body.
# So a change of a field is explained by the op of that field, or by one that comes earlier.
_ITEM_OPS = (Op.DELETE, Op.ARCHIVE, Op.STATE, Op.RELATION, Op.UPDATE)
_FIELD_OP: Mapping[str, Op] = {"state": Op.STATE, "parent": Op.RELATION, "archived_at": Op.ARCHIVE}
_OPS: Mapping[Kind, frozenset[Op]] = {
    Kind.COMMENT: frozenset({Op.COMMENT}),
    Kind.LINK: frozenset({Op.LINK}),
    Kind.ATTACHMENT: frozenset({Op.ATTACHMENT}),
    Kind.IN_CYCLE: frozenset({Op.CYCLE, Op.CREATE}),
    Kind.IN_MODULE: frozenset({Op.MODULE, Op.CREATE}),
    Kind.RELATION: frozenset({Op.RELATION}),
    Kind.CYCLE: frozenset({Op.CYCLE}),
    Kind.MODULE: frozenset({Op.MODULE}),
    Kind.STATE: frozenset({Op.CONFIG}),
    Kind.LABEL: frozenset({Op.LABEL}),
    Kind.INTAKE: frozenset({Op.INTAKE}),
    Kind.PROJECT: frozenset({Op.PROJECT}),
}
# Each value of these fields has a row of its own in the activity log.
_LISTS = frozenset({"labels", "assignees"})
# One request may concern several work items.
_ACROSS_ITEMS = frozenset({Kind.IN_CYCLE, Kind.IN_MODULE, Kind.RELATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change on the server. `time_ns` is the server's clock. `actor` is empty if the server does not name one.

    `source` is the id of the row that shows the change. `related` are the other objects that it names.
    """

    source: str
    workspace: str
    project: str
    kind: Kind
    object_id: str
    verb: Verb
    time_ns: int
    actor: str = ""
    field: str = ""
    old: str | None = None
    new: str | None = None
    old_id: str | None = None
    new_id: str | None = None
    work_item: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """The id of the finding, 32 hexadecimal digits. It is the same whenever the server is asked."""
        text = f"{self.project}/{self.kind}/{self.object_id}/{self.verb}/{self.field}/{self.source}"
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]

    @property
    def ops(self) -> frozenset[Op]:
        """The ops of the decisions that can explain it."""
        if self.kind is not Kind.WORK_ITEM:
            return _OPS[self.kind]
        if self.verb is Verb.CREATED:
            return frozenset({Op.CREATE, Op.INTAKE})
        if self.verb is Verb.DELETED:
            return frozenset({Op.DELETE, Op.INTAKE})
        op = _FIELD_OP.get(self.field, Op.UPDATE)
        return frozenset({*_ITEM_OPS[: _ITEM_OPS.index(op) + 1], Op.CREATE, Op.INTAKE})

    @property
    def op(self) -> Op:
        """The op that names it best."""
        if self.kind is Kind.WORK_ITEM:
            update = _FIELD_OP.get(self.field, Op.UPDATE)
            return {Verb.CREATED: Op.CREATE, Verb.DELETED: Op.DELETE}.get(self.verb, update)
        return min(self.ops - {Op.CREATE})

    @property
    def objects(self) -> frozenset[str]:
        """The ids of the objects that a decision about it may name as its work item."""
        return frozenset(filter(None, (self.object_id, self.work_item, self.old_id, self.new_id)))


@dataclass(frozen=True, slots=True)
class Write:
    """Changes of one request, as far as the server tells: one decision explains all of them."""

    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """The first change."""
        return self.changes[0]

    @property
    def project(self) -> str:
        """The project that was changed."""
        return self.first.project

    @property
    def time_ns(self) -> int:
        """The time by the server's clock."""
        return self.first.time_ns

    @property
    def ops(self) -> frozenset[Op]:
        """The ops that explain all changes."""
        return frozenset.intersection(*(change.ops for change in self.changes))

    @property
    def objects(self) -> frozenset[str]:
        """The ids that a decision about it may name."""
        return frozenset().union(*(change.objects for change in self.changes))


def writes(changes: Iterable[Change]) -> list[Write]:
    """Return the writes that the changes of one user add up to, oldest first.

    Plane notes the second of a request in each row that the request causes.
    """
    groups: dict[tuple[object, ...], list[list[Change]]] = defaultdict(list)
    for change in sorted(changes, key=lambda one: (one.time_ns, one.verb, one.id)):
        parts = groups[_request(change)]
        if not parts or _is_another(change, parts[-1]):
            parts.append([])
        parts[-1].append(change)
    found = [tuple(part) for parts in groups.values() for part in parts]
    return sorted(map(Write, _with_created(found)), key=lambda write: write.time_ns)


def _request(change: Change) -> tuple[object, ...]:
    place = (change.project, change.actor, change.time_ns // SECOND_NS, change.kind)
    if change.kind is Kind.RELATION:
        return place
    if change.kind in _ACROSS_ITEMS:
        return (*place, change.old_id, change.new_id)
    return (*place, change.object_id, change.verb is Verb.DELETED)


def _is_another(change: Change, part: list[Change]) -> bool:
    """Return if a request that caused `part` cannot have caused the change: no field changes twice in one request."""
    if change.kind in _ACROSS_ITEMS or change.field in _LISTS:
        return False
    return any((one.verb, one.field) == (change.verb, change.field) for one in part)


def _with_created(found: list[tuple[Change, ...]]) -> list[tuple[Change, ...]]:
    """Add the cycle and modules of a new work item to the request that created it."""
    created: dict[tuple[str, int], list[Change]] = {}
    rest = []
    for part in found:
        if part[0].kind is Kind.WORK_ITEM and any(one.verb is Verb.CREATED for one in part):
            created[part[0].work_item, part[0].time_ns // SECOND_NS] = list(part)
        else:
            rest.append(part)
    kept = []
    for part in rest:
        own = created.get((part[0].work_item, part[0].time_ns // SECOND_NS))
        if own is not None and len(part) == 1 and Op.CREATE in part[0].ops:
            own += part
        else:
            kept.append(part)
    return [*kept, *map(tuple, created.values())]

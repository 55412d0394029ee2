"""The op of a write. The route tells it, and on routes that do several things the body."""

from collections.abc import Callable
from typing import NamedTuple

from plane_guard import bodies, routes
from plane_guard.paths import ParsedPath
from plane_guard.vocabulary import Op

WRITE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NOT_REST = frozenset({"graphql", "http", "mcp", "messages", "sse"})
_ACCEPTED = frozenset({1, "1"})
# The ops of fields in an item's body. An earlier one wins, as in Plane's serializers.
_ITEM_OPS = (
    (Op.DELETE, "deleted_at"),
    (Op.ARCHIVE, "archived_at"),
    (Op.STATE, "state"),
    (Op.STATE, "state_id"),
    (Op.RELATION, "parent"),
    (Op.RELATION, "parent_id"),
)


class ByBody(NamedTuple):
    """An op that the body decides. Without a body it is ``usual``."""

    usual: Op
    read: Callable[[bodies.Body], Op]


def of(verb: str, parsed: ParsedPath, route: routes.Route | None) -> Op | ByBody:
    """Return the op of a path and a method in upper case, or the function that reads it from the body."""
    if route is None:
        known_method = verb in WRITE_METHODS and not _NOT_REST.intersection(parsed.segments[:1])
        return Op(parsed.scope.default_op) if known_method else Op.UNKNOWN
    if route.op == routes.ITEM:
        return Op.DELETE if verb == "DELETE" else _OF_ITEM
    if route.op == Op.INTAKE and verb in {"PATCH", "PUT"}:
        return _OF_INTAKE
    return _OF_BULK if route.template == "work-items/bulk-update" else Op(route.op)


def _item_op(body: bodies.Body) -> Op:
    keys = body.keys()
    if "deleted_at" in keys and not any(True for _ in body.values("deleted_at")):
        keys -= {"deleted_at"}
    return next((op for op, key in _ITEM_OPS if key in keys), Op.UPDATE)


def _intake_op(body: bodies.Body) -> Op:
    if any(value in _ACCEPTED for value in body.values("status") if isinstance(value, (int, str))):
        return Op.STATE
    return Op.UPDATE if "issue" in body.keys() else Op.INTAKE  # noqa: SIM118  not a dict


def _bulk_op(body: bodies.Body) -> Op:
    sets_state = any(True for field in ("items[].state", "items[].state_id") for _ in body.values(field))
    return Op.STATE if sets_state else Op.UPDATE


_OF_ITEM = ByBody(Op.UPDATE, _item_op)
_OF_INTAKE = ByBody(Op.INTAKE, _intake_op)
_OF_BULK = ByBody(Op.UPDATE, _bulk_op)

"""Recognising a Plane write in a request, without sending or asking anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plane_guard import _bodies, _paths, _references, _routes
from plane_guard._hosts import DEFAULT_HOSTS
from plane_guard._keys import is_slug, is_uuid, is_work_item_key
from plane_guard._request import Request, is_overridden, read_request, text
from plane_guard._words import READ_METHODS, Op

if TYPE_CHECKING:
    from collections.abc import Collection

    from plane_guard._references import Reference
    from plane_guard._request import Headers

_LOOK_ALIKES = ("clockify.me", "app.terraform.io")
_WRITE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NOT_REST = frozenset({"graphql", "mcp"})
_ACCEPTED = frozenset({1, "1"})
# What an item's body does, in the order in which Plane's serializers make one field outweigh another.
_ITEM_OPS = (
    (Op.DELETE, "deleted_at"),
    (Op.ARCHIVE, "archived_at"),
    (Op.STATE, "state"),
    (Op.STATE, "state_id"),
    (Op.RELATION, "parent"),
    (Op.RELATION, "parent_id"),
)


class PlaneWrite(NamedTuple):
    """One write to Plane, as far as the request alone tells.

    ``project_id`` is the project key as it stands in the path, ``None`` when the target cannot be resolved;
    ``projects`` are all project keys that can be read out of the request in whatever way. ``references`` are the
    objects whose place in the project must be proven; ``unprovable`` says why a proof cannot even be tried.
    """

    method: str
    url_template: str
    op: Op
    server_address: str
    server_port: int | None
    workspace: str | None = None
    project_id: str | None = None
    work_item: str | None = None
    projects: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    unprovable: str = ""


def classify(  # noqa: PLR0913  the parts of a request
    method: object,
    url: object,
    body: object = None,
    content_type: str | None = None,
    *,
    headers: Headers = (),
    hosts: Collection[str] = DEFAULT_HOSTS,
) -> PlaneWrite | None:
    """Recognise a Plane write: what it does, where, and which objects it names. Never raises.

    ``body`` is the body if it is in memory (text or bytes); any other object stands for a body that cannot be read.
    ``headers`` are the request's header fields, ``hosts`` the host names of known Plane instances. ``None`` means: not
    a Plane write. A method that is not exactly GET, HEAD, OPTIONS or TRACE is a write.
    """
    try:
        target = text(url)
        if text(method) in READ_METHODS and not is_overridden(headers):
            return None
        return _classify(read_request(method, target, body, content_type, headers), hosts)
    except Exception:  # noqa: BLE001  whatever cannot be judged counts as a write to nowhere known
        return PlaneWrite("", "", Op.UNKNOWN, "", None, unprovable="the request could not be read")


def _classify(request: Request, hosts: Collection[str]) -> PlaneWrite | None:
    plane_host = any(host in hosts for host in request.hosts)
    if not plane_host and all(map(_is_look_alike, request.hosts)):
        return None
    reading = _paths.read(request.path, plane_host=plane_host)
    if reading.place is None:
        return None
    odd = reading.odd or request.odd
    route = _routes.find(reading.place.scope, reading.place.segments) if request.verb in _WRITE_METHODS else None
    if route is not None and route.op == _routes.READ:
        if request.method == "POST" and not odd:
            return None
        route = None
    return _describe(request, reading, route, odd=odd)


def _describe(request: Request, reading: _paths.Reading, route: _routes.Route | None, *, odd: bool) -> PlaneWrite:
    place = reading.place
    assert place is not None  # noqa: S101  the caller has looked
    body = _bodies.read(request.body, request.content_type, request.content_encoding)
    named = _references.find(place, route, body)
    below = route.template if route is not None else _paths.generalise(place.segments)
    return PlaneWrite(
        method=request.method,
        url_template=f"{place.prefix}{below}/" if below else place.prefix,
        op=_op(request, place, route, body),
        server_address=request.hosts[0],
        server_port=request.port,
        workspace=place.workspace if is_slug(place.workspace) else None,
        project_id=None if odd else place.project_key,
        work_item=_work_item(place, route),
        projects=tuple(dict.fromkeys((*reading.projects, *named.projects))),
        references=named.references,
        unprovable=named.unprovable,
    )


def _op(request: Request, place: _paths.Place, route: _routes.Route | None, body: _bodies.Body) -> Op:
    if route is None:
        known_method = request.verb in _WRITE_METHODS and not _NOT_REST.intersection(place.segments[:1])
        return Op(place.scope.default_op) if known_method else Op.UNKNOWN
    if route.op == _routes.ITEM:
        return Op.DELETE if request.verb == "DELETE" else _item_op(body)
    if route.op == Op.INTAKE and request.verb in {"PATCH", "PUT"}:
        return _intake_op(body)
    if route.template == "work-items/bulk-update" and _sets_state(body):
        return Op.STATE
    return Op(route.op)


def _item_op(body: _bodies.Body) -> Op:
    keys = body.keys()
    if "deleted_at" in keys and not any(True for _ in body.values("deleted_at")):
        keys -= {"deleted_at"}
    return next((op for op, key in _ITEM_OPS if key in keys), Op.UPDATE)


def _intake_op(body: _bodies.Body) -> Op:
    if any(value in _ACCEPTED for value in body.values("status") if isinstance(value, (int, str))):
        return Op.STATE
    return Op.UPDATE if "issue" in body.keys() else Op.INTAKE  # noqa: SIM118  not a dict


def _sets_state(body: _bodies.Body) -> bool:
    return any(True for field in ("items[].state", "items[].state_id") for _ in body.values(field))


def _work_item(place: _paths.Place, route: _routes.Route | None) -> str | None:
    for segment in _references.item_segments(place, route):
        return segment if is_uuid(segment) or is_work_item_key(segment) else None
    return None


def _is_look_alike(host: str) -> bool:
    return any(host == known or host.endswith("." + known) for known in _LOOK_ALIKES)

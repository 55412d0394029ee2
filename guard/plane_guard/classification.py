"""Recognising a Plane write in a request, without sending or asking anything.

Address, method and header fields say most of it, and often say the same again: that part is remembered. A body adds
what it says of the few fields that matter on a route.
"""

from collections.abc import Collection
from typing import NamedTuple

from plane_guard import bodies, mcp, ops, paths, routes
from plane_guard import references as _references
from plane_guard.cache import remembering
from plane_guard.hosts import DEFAULT_HOSTS, LIVE_HOST
from plane_guard.keys import is_slug, is_uuid, is_work_item_key
from plane_guard.references import Reference
from plane_guard.request import Address, Headers, Request, in_one, is_overridden, read_fields, read_request, text
from plane_guard.vocabulary import READ_METHODS, Op

_NOTHING: frozenset[str] = frozenset()
_JSON = "application/json"
_LOOK_ALIKES = ("clockify.me", "app.terraform.io")


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


class _Known(NamedTuple):
    """What is known of a write without its body, and where in a body more could be said.

    ``heeds`` are the top-level names in the body that could say more; ``None``: anything in it could. ``mcp_path`` is
    the path of a JSON-RPC endpoint, if it is one.
    """

    write: PlaneWrite
    place: paths.Place
    route: routes.Route | None
    op: Op | ops.ByBody
    heeds: frozenset[str] | None
    mcp_path: str = ""


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
        target, name, fields = text(url), text(method), read_fields(headers)
        overridden = is_overridden(fields)
        if name in READ_METHODS and not overridden:
            return None
        known = _remembered(target, name, fields.get("host", ()), overridden, _hashable(hosts))
        if known is None:
            return None
        if known.heeds == _NOTHING:
            return known.write
        kind = content_type or in_one(fields, "content-type")
        encoding = in_one(fields, "content-encoding").strip().lower()
        found = bodies.read(body, kind, encoding)
        return _with_message(known, found, kind) if known.mcp_path else _with_body(known, found)
    except Exception:  # noqa: BLE001  whatever cannot be judged counts as a write to nowhere known
        return PlaneWrite("", "", Op.UNKNOWN, "", None, unprovable="the request could not be read")


def plane_shaped_address(url: str) -> Address | None:
    """Return host and port of a URL whose path only Plane has, whatever the method; ``None`` for every other URL."""
    return _shaped(url)


def _plane_shaped_address(url: str) -> Address | None:
    request = read_request("", url)
    if all(map(_is_look_alike, request.hosts)):
        return None
    place = paths.read(request.path, plane_host=False).place
    return None if place is None else request.addresses[0]


def _hashable(hosts: Collection[str]) -> frozenset[str]:
    if isinstance(hosts, frozenset):  # pragma: no mutate  it would be the same again
        return hosts
    return frozenset((hosts,) if isinstance(hosts, str) else hosts)


def _without_body(
    url: str,
    method: str,
    named_hosts: tuple[str, ...],
    overridden: bool,  # noqa: FBT001  remembered by its arguments
    hosts: frozenset[str],
) -> _Known | None:
    request = read_request(method, url, named_hosts, overridden=overridden)
    plane_host = request.is_at(hosts)
    if not plane_host and all(map(_is_look_alike, request.hosts)):
        return None
    reading = paths.read(request.path, plane_host=plane_host, live=LIVE_HOST in request.hosts)
    if reading.place is None:
        return None
    odd = reading.odd or request.odd
    route = routes.find(reading.place.scope, reading.place.segments) if request.verb in ops.WRITE_METHODS else None
    if route is not None and route.op == routes.READ:
        if request.method == "POST" and not odd:
            return None
        route = None
    place = reading.place
    if place.scope is routes.INSTANCE and not odd and mcp.ends_session(request.method, place.segments):
        return None
    known = _describe(request, reading, place, route, odd=odd)
    takes_messages = place.scope is routes.INSTANCE and mcp.is_endpoint(place.segments) and request.method == "POST"
    return known._replace(heeds=None, mcp_path=request.path) if takes_messages and not odd else known


def _describe(
    request: Request, reading: paths.Reading, place: paths.Place, route: routes.Route | None, *, odd: bool
) -> _Known:
    named = _references.in_path(place, route)
    below = route.template if route is not None else paths.generalise(place.segments)
    op = ops.of(request.verb, place, route)
    write = PlaneWrite(
        method=request.method,
        url_template=f"{place.prefix}{below}/" if below else place.prefix,
        op=op.usual if isinstance(op, ops.ByBody) else op,
        server_address=request.hosts[0],
        server_port=request.port,
        workspace=place.workspace if is_slug(place.workspace) else None,
        project_id=None if odd else place.project_key,
        work_item=_work_item(place, route),
        projects=reading.projects,
        references=named.references,
        unprovable=named.unprovable,
    )
    heeds = _references.heeded(place, route)
    if heeds is not None and isinstance(op, ops.ByBody):
        heeds |= op.heeds
    return _Known(write, place, route, op, heeds)


def _with_body(known: _Known, body: bodies.Body) -> PlaneWrite:
    write = known.write
    if known.heeds is not None and body.names_none_of(known.heeds):
        return write
    named = _references.in_body(known.place, known.route, body)
    return write._replace(
        op=known.op.read(body) if isinstance(known.op, ops.ByBody) else known.op,
        projects=tuple(dict.fromkeys((*write.projects, *named.projects))),
        references=tuple(dict.fromkeys((*write.references, *named.references))),
        unprovable=named.unprovable or write.unprovable,
    )


def _with_message(known: _Known, body: bodies.Body, content_type: str) -> PlaneWrite | None:
    is_json = content_type.partition(";")[0].strip().lower() == _JSON
    call = mcp.read(body.document if is_json else None, known.mcp_path, known.place.segments)
    return None if call is None else known.write._replace(**call._asdict())


def _work_item(place: paths.Place, route: routes.Route | None) -> str | None:
    for segment in _references.item_segments(place, route):
        return segment if is_uuid(segment) or is_work_item_key(segment) else None
    return None


def _is_look_alike(host: str) -> bool:
    return any(host == known or host.endswith("." + known) for known in _LOOK_ALIKES)


_remembered = remembering(_without_body)
_shaped = remembering(_plane_shaped_address)

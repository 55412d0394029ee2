"""Recognizing a Plane write in a request, without sending or asking anything.

Address, method and header fields tell most of it. A suite sends many requests that differ in their bodies only, so
that part is cached.
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

_JSON = "application/json"
_LOOK_ALIKES = ("clockify.me", "app.terraform.io")


class PlaneWrite(NamedTuple):
    """A write to Plane, as far as the request alone tells.

    ``project_id`` is the project key as it stands in the path, or ``None`` if the target is ambiguous. ``projects``
    are all project keys that can be read out of the request in whatever way. ``references`` are the objects that must
    be proven to be in the project. ``unprovable`` says why a proof cannot be tried.
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


class _WithoutBody(NamedTuple):
    """A write without its body. ``reads_body`` is false if nothing in a body could add to it.

    ``mcp_path`` is the path of a JSON-RPC endpoint, if it is one.
    """

    write: PlaneWrite
    parsed: paths.ParsedPath
    route: routes.Route | None
    op: Op | ops.ByBody
    reads_body: bool
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
    """Return the Plane write that a request is: its op, its project and the objects that it names. Never raises.

    ``body`` is the body if it is in memory (text or bytes). Any other object stands for a body that cannot be read.
    ``headers`` are the request's header fields, ``hosts`` the host names of known Plane instances. ``None`` means that
    the request is not a Plane write. A method that is not exactly GET, HEAD, OPTIONS or TRACE is a write.
    """
    try:
        target, name, fields = text(url), text(method), read_fields(headers)
        overridden = is_overridden(fields)
        if name in READ_METHODS and not overridden:
            return None
        known = _cached_without_body(target, name, fields.get("host", ()), overridden, _hashable(hosts))
        if known is None:
            return None
        if not known.reads_body:
            return known.write
        kind = content_type or in_one(fields, "content-type")
        encoding = in_one(fields, "content-encoding").strip().lower()
        found = bodies.read(body, kind, encoding)
        return _with_message(known, found, kind) if known.mcp_path else _with_body(known, found)
    except Exception:  # noqa: BLE001  a request that cannot be judged counts as a write to an unknown project
        return PlaneWrite("", "", Op.UNKNOWN, "", None, unprovable="the request could not be read")


def plane_shaped_address(url: str) -> Address | None:
    """Return host and port of a URL whose path only Plane has, whatever the method; ``None`` for every other URL."""
    return _shaped(url)


def _plane_shaped_address(url: str) -> Address | None:
    request = read_request("", url)  # pragma: no mutate  the method is not looked at
    if all(map(_is_look_alike, request.hosts)):
        return None
    parsed = paths.read(request.path).parsed
    return None if parsed is None else request.addresses[0]


def _hashable(hosts: Collection[str]) -> frozenset[str]:
    if isinstance(hosts, frozenset):  # pragma: no mutate  it would be the same again
        return hosts
    return frozenset((hosts,) if isinstance(hosts, str) else hosts)


def _without_body(
    url: str,
    method: str,
    named_hosts: tuple[str, ...],
    overridden: bool,  # noqa: FBT001  a key of the cache
    hosts: frozenset[str],
) -> _WithoutBody | None:
    request = read_request(method, url, named_hosts, overridden=overridden)
    plane_host = request.is_at(hosts)
    if not plane_host and all(map(_is_look_alike, request.hosts)):
        return None
    reading = paths.read(request.path, plane_host=plane_host, live=LIVE_HOST in request.hosts)
    parsed = reading.parsed
    if parsed is None:
        return None
    ambiguous = reading.ambiguous or request.is_ambiguous
    route = routes.find(parsed.scope, parsed.segments) if request.verb in ops.WRITE_METHODS else None
    if route is not None and route.op == routes.READ:
        if request.method == "POST" and not ambiguous:
            return None
        route = None
    takes_messages = parsed.scope is routes.INSTANCE and not ambiguous
    if takes_messages and mcp.ends_session(request.method, parsed.segments):
        return None
    known = _describe(request, reading, parsed, route, is_ambiguous=ambiguous)
    if takes_messages and mcp.is_endpoint(parsed.segments) and request.method == "POST":
        return known._replace(reads_body=True, mcp_path=request.path)
    return known


def _describe(
    request: Request,
    reading: paths.PathReading,
    parsed: paths.ParsedPath,
    route: routes.Route | None,
    *,
    is_ambiguous: bool,
) -> _WithoutBody:
    named = _references.in_path(parsed, route)
    below = route.template if route is not None else paths.generalize(parsed.segments)
    op = ops.of(request.verb, parsed, route)
    write = PlaneWrite(
        method=request.method,
        url_template=f"{parsed.prefix}{below}/" if below else parsed.prefix,
        op=op.usual if isinstance(op, ops.ByBody) else op,  # pragma: no mutate  the body is read for the real one
        server_address=request.hosts[0],
        server_port=request.port,
        workspace=parsed.workspace if is_slug(parsed.workspace) else None,
        project_id=None if is_ambiguous else parsed.project_key,
        work_item=_work_item(parsed, route),
        projects=reading.projects,
        references=named.references,
        unprovable=named.unprovable,
    )
    reads_body = isinstance(op, ops.ByBody) or _references.can_name_objects(parsed)
    return _WithoutBody(write, parsed, route, op, reads_body)


def _with_body(known: _WithoutBody, body: bodies.Body) -> PlaneWrite:
    write = known.write
    named = _references.in_body(known.parsed, known.route, body)
    return write._replace(
        op=known.op.read(body) if isinstance(known.op, ops.ByBody) else known.op,
        projects=tuple(dict.fromkeys((*write.projects, *named.projects))),
        references=tuple(dict.fromkeys((*write.references, *named.references))),
        unprovable=named.unprovable or write.unprovable,
    )


def _with_message(known: _WithoutBody, body: bodies.Body, content_type: str) -> PlaneWrite | None:
    is_json = content_type.partition(";")[0].strip().lower() == _JSON
    call = mcp.read(body.document if is_json else None, known.mcp_path, known.parsed.segments)
    return None if call is None else known.write._replace(**call._asdict())


def _work_item(parsed: paths.ParsedPath, route: routes.Route | None) -> str | None:
    for segment in _references.item_segments(parsed, route):
        return segment if is_uuid(segment) or is_work_item_key(segment) else None
    return None


def _is_look_alike(host: str) -> bool:
    return any(host == known or host.endswith("." + known) for known in _LOOK_ALIKES)


_cached_without_body = remembering(_without_body)
_shaped = remembering(_plane_shaped_address)

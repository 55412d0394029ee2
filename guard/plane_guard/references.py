"""The objects that a write names besides its project, and the lookups that can prove where they are.

A project in the path proves nothing about the objects named behind it: Plane accepts a comment on another project's
work item under any project's path.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from plane_guard import bodies, kinds, paths, routes
from plane_guard.keys import canonical_uuid, is_uuid
from plane_guard.kinds import Kind, Lookup

_UUID_ANYWHERE = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_ITEM_COLLECTIONS = frozenset({"issues", "work-items", "epics"})
_ITEM_SPELLINGS = frozenset({"issues", "work-items"})
_PROJECT_SCOPES = (routes.PROJECT, routes.PROJECT_ASSETS)


class Reference(NamedTuple):
    """An object that a write names, and the lookups that prove it, to be tried in order.

    A path with ``{work_item_id}`` is below a work item that the write does not name.
    """

    id: str
    kind: Kind
    lookups: tuple[Lookup, ...]

    @property
    def detail_path(self) -> str:
        """The path of the first lookup."""
        return self.lookups[0].path


class Named(NamedTuple):
    """Everything that a write names besides its own project. ``unprovable`` says why a proof cannot be tried."""

    references: tuple[Reference, ...] = ()
    projects: tuple[str, ...] = ()
    unprovable: str = ""


_UNREADABLE = Named(unprovable="the body cannot be read, and it can name other objects")
_OF_UNKNOWN_ROUTE = Named(unprovable="the route is not a known one, and it names objects")


def in_path(parsed: paths.ParsedPath, route: routes.Route | None) -> Named:
    """Return the objects named in the path of a write under a project."""
    if not can_name_objects(parsed):
        return Named()
    if route is None:
        return Named() if all(map(paths.is_plain_word, parsed.segments)) else _OF_UNKNOWN_ROUTE
    collector = _Collector(parsed, route)
    for name, segment in _parameters(parsed, route).items():
        if name not in kinds.HARMLESS_PARAMETERS:
            kind = kinds.PARAMETERS.get(f"{parsed.segments[0]} {name}") or kinds.PARAMETERS.get(name, Kind.UNKNOWN)
            collector.add(kind, segment if is_uuid(segment) else None, f"`{name}` in the path")
    return collector.named()


def can_name_objects(parsed: paths.ParsedPath) -> bool:
    """Return if objects below a project can be named here. Above projects no write is ever allowed."""
    return parsed.scope in _PROJECT_SCOPES


def in_body(parsed: paths.ParsedPath, route: routes.Route | None, body: bodies.Body) -> Named:
    """Return the objects named in the body of a write under a project."""
    if body.empty or not can_name_objects(parsed):  # pragma: no mutate  an empty body names nothing, as it is
        return Named()
    if route is None:
        names_objects = not body.readable or any(_UUID_ANYWHERE.search(text) for text in body.strings())
        return _OF_UNKNOWN_ROUTE if names_objects else Named()
    if not body.readable:
        return _UNREADABLE
    collector = _Collector(parsed, route)
    listed = dict(map(_listed_field, route.fields))
    for names, value in body.leaves():
        _read_leaf(collector, listed, names, value)
    return collector.named()


def item_segments(parsed: paths.ParsedPath, route: routes.Route | None) -> Iterator[str]:
    """Yield the path segments that stand where a work item's id belongs."""
    if route is None:
        if len(parsed.segments) > 1 and parsed.segments[0] in _ITEM_COLLECTIONS:
            yield parsed.segments[1]
        return
    for name, segment in _parameters(parsed, route).items():
        if name in routes.ITEM_PARAMETERS:
            yield segment


def _parameters(parsed: paths.ParsedPath, route: routes.Route) -> dict[str, str]:
    names = route.template.split("/")
    pairs = zip(names, parsed.segments, strict=False)  # pragma: no mutate  its default is the same
    return {name: segment for name, segment in pairs if name[:1] == "{"}


@cache
def _listed_field(field: str) -> tuple[tuple[str, ...], Kind]:
    kind, _, path = field.rpartition(":")
    return tuple(path.replace("[]", "").split(".")), Kind[kind.upper()] if kind else Kind.WORK_ITEM


def _read_leaf(
    collector: "_Collector", listed: dict[tuple[str, ...], Kind], names: tuple[str, ...], value: object
) -> None:
    shown = ".".join(names)
    for place in range(len(names)):
        kind = listed.get(names[: place + 1])
        if kind is not None:
            collector.add(kind, canonical_uuid(value), f"`{shown}` in the body")
            return
    if any(name in kinds.HARMLESS_FIELDS for name in names):
        return
    if any(map(canonical_uuid, names)):
        collector.add(Kind.UNKNOWN, None, "a field name in the body")  # pragma: no mutate  nothing reads the kind
    object_id = canonical_uuid(value)
    if object_id is None or (len(names) == 1 and names[0] in kinds.HARMLESS_AT_TOP):
        return
    last = names[-1] if names else ""  # pragma: no mutate  no field has such a name
    kind = kinds.FIELDS.get(last, Kind.UNKNOWN)
    collector.add_unless_checked(kind, object_id, f"`{shown}` in the body")


class _Collector:
    """Gathers what is named while a request is read."""

    def __init__(self, parsed: paths.ParsedPath, route: routes.Route) -> None:
        self._parsed = parsed
        self._references: list[Reference] = []
        self._projects: list[str] = []
        self._unprovable = ""
        first = parsed.segments[0] if parsed.segments else ""  # pragma: no mutate  no collection has such a name
        spelled = first if first in _ITEM_SPELLINGS else "work-items" if parsed.surface else "issues"
        self._known = {"{items}": spelled, "{intake}": first, **_parameters(parsed, route)}

    def add_unless_checked(self, kind: Kind, object_id: str, where: str) -> None:
        """Add an object, unless the server is known to check its project itself."""
        if (kind, self._parsed.surface) not in kinds.SERVER_CHECKED:
            self.add(kind, object_id, where)

    def add(self, kind: Kind, object_id: str | None, where: str) -> None:
        """Add an object by its id, or by `None` if something that is not an id stands there."""
        own = self._parsed.project_segment
        if object_id is not None and object_id == own:
            return
        if kind is Kind.PROJECT:
            self._unprovable = f"{where} names another project"
            self._projects += [object_id] if object_id else []
        elif object_id is None:
            self._unprovable = f"{where} names an object by something that is not its id"
        else:
            self._add_reference(kind, object_id, where)

    def _add_reference(self, kind: Kind, object_id: str, where: str) -> None:
        known = kinds.lookups(kind, self._parsed.surface)
        if not known:
            article = "an" if kind[0] in "aeiou" else "a"  # pragma: no mutate  no kind begins with X
            self._unprovable = f"{where} names {article} {kind}, and Plane has no lookup that would prove its project"
            return
        lookups = tuple(filter(None, (self._resolve(lookup, object_id) for lookup in known)))
        if lookups:
            self._references.append(Reference(object_id, kind, lookups))
        else:
            self._unprovable = f"{where} names a {kind} that the path leaves no way to look up"

    def _resolve(self, lookup: Lookup, object_id: str) -> Lookup | None:
        """Return the lookup with its path filled in, or None if the path cannot be asked for safely."""
        below = [self._segment(name, object_id) for name in lookup.path.split("/")]
        path = self._parsed.path_below(below)
        return None if path is None else lookup._replace(path=path)

    def _segment(self, name: str, object_id: str) -> str:
        return object_id if name == "{id}" else self._known.get(name, name)

    def named(self) -> Named:
        """Return what was gathered."""
        return Named(tuple(dict.fromkeys(self._references)), tuple(self._projects), self._unprovable)

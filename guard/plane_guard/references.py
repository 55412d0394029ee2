"""Which objects a write names beside its project, and where a proof of their whereabouts could be had.

A project in the path proves nothing about the objects named behind it: Plane accepts a comment on another project's
work item under any project's path.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from plane_guard import bodies, paths, routes
from plane_guard.keys import is_uuid

_UUID_ANYWHERE = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_ITEM_COLLECTIONS = frozenset({"issues", "work-items", "epics"})
_SHOWN_IN = _ITEM_COLLECTIONS | {"intake-issues", "inbox-issues"}
_PROJECT_SCOPES = (routes.PROJECT, routes.PROJECT_ASSETS)


class Reference(NamedTuple):
    """An object that a write names; a GET of ``detail_path`` shows it if it is in the URL's project.

    With a ``question``, a JSON-RPC message that reads, the object is shown by a POST of it instead.
    """

    id: str
    detail_path: str
    question: bytes = b""


class Named(NamedTuple):
    """Everything that a write names beside its own project."""

    references: tuple[Reference, ...] = ()
    projects: tuple[str, ...] = ()
    unprovable: str = ""


_UNREADABLE = Named(unprovable="the body cannot be read, and it can name other objects")
_OF_UNKNOWN_ROUTE = Named(unprovable="the route is not a known one, and it names objects")


def in_path(place: paths.Place, route: routes.Route | None) -> Named:
    """The objects named in the path of a write under a project."""
    if place.scope not in _PROJECT_SCOPES:
        return Named()
    if route is None:
        return Named() if all(map(paths.is_plain_word, place.segments)) else _OF_UNKNOWN_ROUTE
    collector = _Collector(place)
    for segment in item_segments(place, route):
        collector.add(_collection_of(place, segment), segment if is_uuid(segment) else None, "the path")
    for field in filter(_is_in_path, route.fields):
        collector.add_field("other", None, field.removeprefix("other:"))
    return collector.named()


def heeded(place: paths.Place, route: routes.Route | None) -> frozenset[str] | None:
    """The top-level names in a body that can name objects here; ``None``: all of it can."""
    if place.scope not in _PROJECT_SCOPES:
        return frozenset()
    if route is None:
        return None
    names = (field.rpartition(":")[2] for field in route.fields if not _is_in_path(field))
    return frozenset(name.partition(".")[0].removesuffix("[]") for name in names)


def in_body(place: paths.Place, route: routes.Route | None, body: bodies.Body) -> Named:
    """The objects named in the body of a write under a project."""
    if place.scope not in _PROJECT_SCOPES:
        return Named()
    if route is None:
        names_objects = not body.readable or any(_UUID_ANYWHERE.search(text) for text in body.strings())
        return _OF_UNKNOWN_ROUTE if names_objects else Named()
    if not body.readable:
        return _UNREADABLE if heeded(place, route) else Named()
    collector = _Collector(place)
    for field in route.fields:
        kind, _, name = field.rpartition(":")
        for value in body.values(name):
            for found in bodies.identifiers(value):
                collector.add_field(kind, found, name)
    return collector.named()


def item_segments(place: paths.Place, route: routes.Route | None) -> Iterator[str]:
    """The path segments that stand where a work item's id belongs."""
    if route is None:
        if len(place.segments) > 1 and place.segments[0] in _ITEM_COLLECTIONS:
            yield place.segments[1]
        return
    for at, name in enumerate(route.template.split("/")):
        if name in routes.ITEM_PARAMETERS:
            yield place.segments[at]


def _is_in_path(field: str) -> bool:
    return field.startswith("other:{")


def _collection_of(place: paths.Place, segment: str) -> str:
    first = place.segments[0]
    if first in _SHOWN_IN and place.segments[1:2] == (segment,):
        return first
    return _items(place)


def _items(place: paths.Place) -> str:
    return "work-items" if place.surface else "issues"


class _Collector:
    """Gathers what is named while a request is read."""

    def __init__(self, place: paths.Place) -> None:
        self._place = place
        self._references: list[Reference] = []
        self._projects: list[str] = []
        self._unprovable = ""

    def add_field(self, kind: str, object_id: str | None, field: str) -> None:
        where = f"`{field}` in the {'path' if field.startswith('{') else 'body'}"
        if kind == "project":
            self._add_project(object_id, where)
        elif kind == "other":
            self._unprovable = f"{where} names an object whose project cannot be proven"
        else:
            self.add({"cycle": "cycles", "module": "modules"}.get(kind, _items(self._place)), object_id, where)

    def add(self, collection: str, object_id: str | None, where: str) -> None:
        path = self._place.detail_path(collection, object_id) if object_id else None
        if object_id and path:
            self._references.append(Reference(object_id, path))
        else:
            self._unprovable = f"{where} names an object by something that is not its id"

    def _add_project(self, project: str | None, where: str) -> None:
        if project != self._place.project_segment:
            self._unprovable = f"{where} names another project"
            if project:
                self._projects.append(project)

    def named(self) -> Named:
        return Named(tuple(dict.fromkeys(self._references)), tuple(self._projects), self._unprovable)

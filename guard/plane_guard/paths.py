"""Reading a request path as a Plane server will, and noticing when it could be read in two ways.

Django decodes percent-escapes once and then matches literally; proxies in front of it may also collapse dot
segments, merge slashes or decode again. A path on which such readers would disagree is *odd*: it is judged by every
reading at once, and never trusted to be in the sandbox.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from plane_guard import routes
from plane_guard.keys import canonical_uuid, is_identifier, is_project_key, is_uuid

_HEX_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
_ODD_BEFORE_DECODING = re.compile(r"%(?:2[fFeE5]|5[cC]|3[bB]|[01][0-9A-Fa-f]|7[fF])|%(?![0-9A-Fa-f]{2})")
_ODD_AFTER_DECODING = re.compile(r"//|\\|;|[?#]|[\x00-\x1f\x7f]|(?:^|/)\.{1,2}(?:/|$)")
# `api|graphql|mcp|auth` or `/sse|/live|/messages|/http/` in any case, or what could hide them. It begins with one
# class, so the search skips quickly to where a word could begin, which it would not for alternatives, nor while it
# ignores case.
_POSSIBLY_PLANE = (
    r"[aAgGmMsSlLhH%\\\x00-\x1f\x7f](?:(?<![aAgGmMsSlLhH])|[pP][iI](?<=[aA]..)|[uU][tT][hH](?<=[aA]...)"
    r"|[cC][pP](?<=[mM]..)|[rR][aA][pP][hH][qQ][lL](?<=[gG]......)|[sS][eE](?<=/[sS]..)|[iI][vV][eE](?<=/[lL]...)"
    r"|[eE][sS][sS][aA][gG][eE][sS](?<=/[mM].......)|[tT][tT][pP]/(?<=/[hH]....))"
)
_IN_BYTES = re.compile(_POSSIBLY_PLANE.encode())
_IN_TEXT = re.compile(_POSSIBLY_PLANE)
_LONGEST_LOOK = 512
_SAFE_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FROM_A_MARK = re.compile(r"[?#].*", re.DOTALL)
_MOST_PLACES = 8  # more than one is odd already, and each costs time
_PARAMETERS = re.compile(r";[^/]*")
_PLAIN_WORD = re.compile(r"v[12]|[a-z]{1,20}(?:-[a-z]{1,20}){0,4}")
_PUBLIC_BOARD = ("public", "anchor")
_SURFACES = frozenset({("v1",), ("v2",)})
_INSTANCE_ROOTS = frozenset({"api", "graphql", "mcp", "auth", "http", "sse"})
_LIVE_ROOTS = _INSTANCE_ROOTS | {"live"}
_SSE_MESSAGES = ("messages",)
_TOKEN_ENDPOINTS = (("auth", "o", "token"), ("auth", "o", "revoke-token"))


class Place(NamedTuple):
    """Where a path leads: the part of the route table to look in, and the parameters before it."""

    scope: routes.Scope
    prefix: str
    segments: tuple[str, ...]
    surface: str = ""
    workspace: str | None = None
    project_segment: str | None = None
    root: tuple[str, ...] = ()

    @property
    def project_key(self) -> str | None:
        """The project as it stands in the path, or ``None`` where this surface would not accept it."""
        if self.project_segment is None:
            return None
        if is_uuid(self.project_segment):
            return self.project_segment
        if self.surface == "v2" and is_identifier(self.project_segment):
            key = f"{self.workspace}/{self.project_segment}"
            return key if is_project_key(key) else None
        return None

    def detail_path(self, collection: str, object_id: str) -> str | None:
        """The path of an object's detail under this project; ``None`` where it could not be asked for safely."""
        below_api = self.root[:-6] + self.root[-4:] if self.root[-6:-4] == ("assets", "v2") else self.root
        segments = (*below_api, collection, object_id)
        return f"/{'/'.join(segments)}/" if all(map(_SAFE_SEGMENT.fullmatch, segments)) else None


class Reading(NamedTuple):
    """What a path says; ``place`` is ``None`` where no reader would find Plane in it."""

    place: Place | None
    odd: bool
    projects: tuple[str, ...]


def might_be_plane(target: bytes) -> bool:
    """Whether a raw request target could lead to Plane at all: cheap, and wrong only towards yes."""
    return _IN_BYTES.search(target) is not None


def text_might_be_plane(target: str) -> bool:
    """The same question where a client holds the target as text."""
    return _IN_TEXT.search(target) is not None


def first_line_might_be_plane(data: bytes) -> bool:
    """The same question of the first of some lines, each of which ends with a carriage return.

    Where that is far away, nobody looks for it: the answer is yes.
    """
    found = _IN_BYTES.search(data, 0, _LONGEST_LOOK)
    return len(data) > _LONGEST_LOOK if found is None else found[0] != b"\r"


def decode(path: str) -> str:
    """Percent-decode once, bytes that are not UTF-8 becoming replacement characters."""
    if "%" not in path:
        return path
    raw = path.encode(errors="replace")
    parts = raw.split(b"%")
    decoded = parts[0] + b"".join(_decode_part(part) for part in parts[1:])
    return decoded.decode(errors="replace")


def _decode_part(part: bytes) -> bytes:
    if _HEX_PAIR.match(part) is None:
        return b"%" + part
    return bytes((int(part[:2], 16),)) + part[2:]


def read(path: str, *, plane_host: bool, live: bool = False) -> Reading:
    """Find Plane in a raw request path (no query), on a known Plane host or on any other.

    ``live`` means that the host serves the live editor of pages below ``/live``.
    """
    decoded = decode(path)
    odd = _is_odd(path, decoded)
    # A path that is not odd has no other reading: the condition saves time and changes no result.
    texts = _other_readings(path, decoded) if odd else (decoded,)  # pragma: no mutate
    places: list[Place] = []
    projects: dict[str, None] = {}
    for text in texts:
        segments = tuple(filter(None, text.split("/")))
        found = list(islice(_places(segments), _MOST_PLACES))
        odd = odd or len(found) > 1 or any(_misspelt(segments, place) for place in found)
        places += found
        projects.update(dict.fromkeys(_projects(segments, found)))
    if not places and plane_host:
        roots = _LIVE_ROOTS if live else _INSTANCE_ROOTS
        places = [place for text in texts for place in _instance_place(text, roots)]
    return Reading(places[0] if places else None, odd or len(projects) > 1, tuple(projects))


def generalise(segments: tuple[str, ...]) -> str:
    """A path with everything but plain words replaced, safe to show and low in cardinality."""
    return "/".join(segment if _PLAIN_WORD.fullmatch(segment) else "{id}" for segment in segments)


def is_plain_word(segment: str) -> bool:
    """Whether this segment names a kind of thing rather than one object."""
    return _PLAIN_WORD.fullmatch(segment) is not None


def _is_odd(path: str, decoded: str) -> bool:
    if _ODD_AFTER_DECODING.search(decoded) is not None or not decoded.isprintable():
        return True
    return "%" in path and _ODD_BEFORE_DECODING.search(path) is not None


def _other_readings(path: str, decoded: str) -> tuple[str, ...]:
    texts: list[str] = []
    for text in (decoded, decode(decoded), decode(_collapse(path))):
        slashed = _CONTROL.sub("", text).replace("\\", "/")
        for variant in (text, slashed, _FROM_A_MARK.sub("", slashed), _PARAMETERS.sub("", slashed)):
            texts += (variant, _collapse(variant))
    return tuple(dict.fromkeys(texts))


def _collapse(text: str) -> str:
    kept: list[str] = []
    for segment in text.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/".join(kept)


def _places(segments: tuple[str, ...]) -> Iterator[Place]:
    lowered = tuple(segment.lower() for segment in segments)
    ahead = lowered[:-1].count("workspaces")  # of those that a slug can follow
    for at, segment in enumerate(lowered):
        if segment == "workspaces":
            ahead -= 1
        elif segment == "api":
            place = _place_below_api(segments, lowered, at + 1, has_workspace=ahead > 0)
            if place is not None:
                yield place._replace(root=segments[: len(segments) - len(place.segments)])


def _place_below_api(
    segments: tuple[str, ...], lowered: tuple[str, ...], start: int, *, has_workspace: bool
) -> Place | None:
    below = lowered[start : start + 3]
    if below[:1] == ("workspaces",):
        return _place_in_workspace("/api/", segments[start + 1 :])
    if below == ("assets", "v2", "workspaces"):
        return _place_in_assets(segments[start + 3 :])
    if below[:2] == _PUBLIC_BOARD and len(lowered) > start + 3:
        return Place(routes.INSTANCE, "/", segments[start - 1 :])
    if below[:1] in _SURFACES and has_workspace:
        at = lowered.index("workspaces", start)
        return _place_in_workspace(f"/api/{below[0]}/", segments[at + 1 :], below[0])
    return None


def _place_in_workspace(root: str, segments: tuple[str, ...], surface: str = "") -> Place:
    if not segments:
        return Place(routes.INSTANCE, f"{root}workspaces/", ())
    workspace, below = segments[0], segments[1:]
    prefix = f"{root}workspaces/{{slug}}/"
    if len(below) > 1 and below[0].lower() == "projects" and routes.find(routes.WORKSPACE, below) is None:
        prefix += "projects/{project_id}/"
        return Place(routes.PROJECT, prefix, below[2:], surface, workspace, below[1])
    favourite = below[1] if below[:1] == ("user-favorite-projects",) and len(below) > 1 else None
    return Place(routes.WORKSPACE, prefix, below, workspace=workspace, project_segment=favourite)


def _place_in_assets(segments: tuple[str, ...]) -> Place:
    prefix = "/api/assets/v2/workspaces/{slug}/"
    workspace, below = segments[0] if segments else None, segments[1:]
    if len(below) > 1 and below[0].lower() == "projects":
        prefix += "projects/{project_id}/"
        return Place(routes.PROJECT_ASSETS, prefix, below[2:], workspace=workspace, project_segment=below[1])
    return Place(routes.WORKSPACE_ASSETS, prefix, below, workspace=workspace)


def _instance_place(text: str, roots: frozenset[str]) -> Iterator[Place]:
    segments = tuple(filter(None, text.split("/")))
    lowered = tuple(segment.lower() for segment in segments)
    for at, segment in enumerate(lowered):
        if segment == "uploads":
            return
        if segment in roots or lowered[at:] == _SSE_MESSAGES:
            if lowered[at:] not in _TOKEN_ENDPOINTS:
                yield Place(routes.INSTANCE, "/", segments[at:])
            return


def _misspelt(segments: tuple[str, ...], place: Place) -> bool:
    named = (word for word in place.prefix.split("/") if word[:1] not in {"", "{"})
    return any(word not in segments for word in named)


def _projects(segments: tuple[str, ...], places: list[Place]) -> Iterator[str]:
    for word, after in pairwise(segments):
        key = canonical_uuid(after) if word.lower() == "projects" else None
        if key is not None:
            yield key
    for place in places:
        if place.project_key is not None:
            yield place.project_key

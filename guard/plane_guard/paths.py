"""Parsing a request path as a Plane server does, and recognizing paths that could be read in two ways.

Django decodes percent-escapes once and then matches literally. Proxies in front of it may also collapse dot segments,
merge slashes or decode again. A path on which such readers disagree is *ambiguous*. It is judged by every reading at
once, and is never trusted to be in the sandbox.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from plane_guard import routes
from plane_guard.keys import canonical_uuid, is_identifier, is_project_key, is_uuid

_HEX_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
_AMBIGUOUS_BEFORE_DECODING = re.compile(r"%(?:2[fFeE5]|5[cC]|3[bB]|[01][0-9A-Fa-f]|7[fF])|%(?![0-9A-Fa-f]{2})")
_AMBIGUOUS_AFTER_DECODING = re.compile(r"//|\\|;|[?#]|[\x00-\x1f\x7f]|(?:^|/)\.{1,2}(?:/|$)")
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
_SAFE_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+|\{work_item_id\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FROM_A_MARK = re.compile(r"[?#].*", re.DOTALL)
_MOST_READINGS = 8  # more than one is ambiguous already, and each costs time
_PARAMETERS = re.compile(r";[^/]*")
_PLAIN_WORD = re.compile(r"v[12]|[a-z]{1,20}(?:-[a-z]{1,20}){0,4}")
# The words below `/api/` that only Plane's public boards have, and how many segments such a path has at least.
_PUBLIC_BOARDS = {("public", "anchor"): 4, ("public", "assets", "v2", "anchor"): 5}
_MOST_WORDS = max(_PUBLIC_BOARDS.values())  # of a path, that tell what it is
_SURFACES = frozenset({("v1",), ("v2",)})
_INSTANCE_ROOTS = frozenset({"api", "graphql", "mcp", "auth", "http", "sse"})
_LIVE_ROOTS = _INSTANCE_ROOTS | {"live"}
_SSE_MESSAGES = ("messages",)
_TOKEN_ENDPOINTS = (("auth", "o", "token"), ("auth", "o", "revoke-token"))


class ParsedPath(NamedTuple):
    """A path below the API: the part of the route table to look in, and the parameters before it."""

    scope: routes.Scope
    prefix: str
    segments: tuple[str, ...]
    surface: str = ""
    workspace: str | None = None
    project_segment: str | None = None
    root: tuple[str, ...] = ()

    @property
    def project_key(self) -> str | None:
        """The project as it stands in the path, or ``None`` if this surface does not accept it."""
        if self.project_segment is None:
            return None
        if is_uuid(self.project_segment):
            return self.project_segment
        if self.surface == "v2" and is_identifier(self.project_segment):
            key = f"{self.workspace}/{self.project_segment}"
            return key if is_project_key(key) else None
        return None

    def path_below(self, below: Iterable[str]) -> str | None:
        """Return a path under this project, or ``None`` if it could not be asked for safely."""
        root = self.root[:-6] + self.root[-4:] if self.root[-6:-4] == ("assets", "v2") else self.root
        segments = (*root, *below)
        return f"/{'/'.join(segments)}/" if all(map(_SAFE_SEGMENT.fullmatch, segments)) else None


class PathReading(NamedTuple):
    """A path as every reader may read it. ``parsed`` is ``None`` if no reader finds Plane in it."""

    parsed: ParsedPath | None
    ambiguous: bool
    projects: tuple[str, ...]


def might_be_plane(target: bytes) -> bool:
    """Return if a raw request target could lead to Plane. It is cheap, and errs only towards yes."""
    return _IN_BYTES.search(target) is not None


def text_might_be_plane(target: str) -> bool:
    """Return the same for a target that a client holds as text."""
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


def read(path: str, *, plane_host: bool = False, live: bool = False) -> PathReading:
    """Find Plane in a raw request path (no query), on a known Plane host or on any other.

    ``live`` means that the host serves the live editor of pages below ``/live``.
    """
    decoded = decode(path)
    ambiguous = _is_ambiguous(path, decoded)
    # A path that is not ambiguous has no other reading: the condition saves time and changes no result.
    texts = _other_readings(path, decoded) if ambiguous else (decoded,)  # pragma: no mutate
    found_paths: list[ParsedPath] = []
    projects: dict[str, None] = {}
    for text in texts:
        segments = tuple(filter(None, text.split("/")))
        found = list(islice(_parsed_paths(segments), _MOST_READINGS))
        ambiguous = ambiguous or len(found) > 1 or any(_differs_in_case(segments, parsed) for parsed in found)
        found_paths += found
        projects.update(dict.fromkeys(_projects(segments, found)))
    if not found_paths and plane_host:
        roots = _LIVE_ROOTS if live else _INSTANCE_ROOTS
        found_paths = [parsed for text in texts for parsed in _parse_in_instance(text, roots)]
    return PathReading(found_paths[0] if found_paths else None, ambiguous or len(projects) > 1, tuple(projects))


def generalize(segments: tuple[str, ...]) -> str:
    """Return a path with everything but plain words replaced, safe to show and low in cardinality."""
    return "/".join(segment if _PLAIN_WORD.fullmatch(segment) else "{id}" for segment in segments)


def is_plain_word(segment: str) -> bool:
    """Return if this segment names a kind of thing and not one object."""
    return _PLAIN_WORD.fullmatch(segment) is not None


def _is_ambiguous(path: str, decoded: str) -> bool:
    if _AMBIGUOUS_AFTER_DECODING.search(decoded) is not None or not decoded.isprintable():
        return True
    return "%" in path and _AMBIGUOUS_BEFORE_DECODING.search(path) is not None


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


def _parsed_paths(segments: tuple[str, ...]) -> Iterator[ParsedPath]:
    lowered = tuple(segment.lower() for segment in segments)
    ahead = lowered[:-1].count("workspaces")  # of those that a slug can follow
    for at, segment in enumerate(lowered):
        if segment == "workspaces":
            ahead -= 1
        elif segment == "api":
            parsed = _parse_below_api(segments, lowered, at + 1, has_workspace=ahead > 0)
            if parsed is not None:
                yield parsed._replace(root=segments[: len(segments) - len(parsed.segments)])


def _parse_below_api(
    segments: tuple[str, ...], lowered: tuple[str, ...], start: int, *, has_workspace: bool
) -> ParsedPath | None:
    below = lowered[start : start + _MOST_WORDS]
    if below[:1] == ("workspaces",):
        return _parse_in_workspace("/api/", segments[start + 1 :])
    if below[:3] == ("assets", "v2", "workspaces"):
        return _parse_in_assets(segments[start + 3 :])
    if any(below[: len(words)] == words and len(below) >= least for words, least in _PUBLIC_BOARDS.items()):
        return ParsedPath(routes.INSTANCE, "/", segments[start - 1 :])
    if below[:1] in _SURFACES and has_workspace:
        at = lowered.index("workspaces", start)
        return _parse_in_workspace(f"/api/{below[0]}/", segments[at + 1 :], below[0])
    return None


def _parse_in_workspace(root: str, segments: tuple[str, ...], surface: str = "") -> ParsedPath:
    if not segments:
        return ParsedPath(routes.INSTANCE, f"{root}workspaces/", ())
    workspace, below = segments[0], segments[1:]
    prefix = f"{root}workspaces/{{slug}}/"
    if len(below) > 1 and below[0].lower() == "projects" and routes.find(routes.WORKSPACE, below) is None:
        prefix += "projects/{project_id}/"
        return ParsedPath(routes.PROJECT, prefix, below[2:], surface, workspace, below[1])
    favourite = below[1] if below[:1] == ("user-favorite-projects",) and len(below) > 1 else None
    return ParsedPath(routes.WORKSPACE, prefix, below, workspace=workspace, project_segment=favourite)


def _parse_in_assets(segments: tuple[str, ...]) -> ParsedPath:
    prefix = "/api/assets/v2/workspaces/{slug}/"
    workspace, below = segments[0] if segments else None, segments[1:]
    if len(below) > 1 and below[0].lower() == "projects":
        prefix += "projects/{project_id}/"
        return ParsedPath(routes.PROJECT_ASSETS, prefix, below[2:], workspace=workspace, project_segment=below[1])
    return ParsedPath(routes.WORKSPACE_ASSETS, prefix, below, workspace=workspace)


def _parse_in_instance(text: str, roots: frozenset[str]) -> Iterator[ParsedPath]:
    segments = tuple(filter(None, text.split("/")))
    lowered = tuple(segment.lower() for segment in segments)
    for at, segment in enumerate(lowered):
        if segment == "uploads":
            return
        # Slices of the whole rest, here and above, would make a long path take the square of its length.
        if segment in roots or lowered[at : at + 2] == _SSE_MESSAGES:
            if lowered[at:] not in _TOKEN_ENDPOINTS:
                yield ParsedPath(routes.INSTANCE, "/", segments[at:])
            return


def _differs_in_case(segments: tuple[str, ...], parsed: ParsedPath) -> bool:
    named = (word for word in parsed.prefix.split("/") if word[:1] not in {"", "{"})
    return any(word not in segments for word in named)


def _projects(segments: tuple[str, ...], found_paths: list[ParsedPath]) -> Iterator[str]:
    for word, after in pairwise(segments):
        key = canonical_uuid(after) if word.lower() == "projects" else None
        if key is not None:
            yield key
    for parsed in found_paths:
        if parsed.project_key is not None:
            yield parsed.project_key

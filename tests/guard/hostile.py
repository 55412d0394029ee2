"""URLs that try to look like the sandbox and lead to production, and the readers that they try to set at odds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import unquote

from hypothesis import strategies as st

from tests.guard.plane import ITEM, OTHER_ITEM, PROD, SANDBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ROUTES = re.compile(
    rf"(?=(?:^|/)api/(?:(?:v1/|assets/v2/)?workspaces/[^/]+/projects/(?P<id>{_UUID})(?:/|$)"
    rf"|v2/workspaces/(?P<slug>[^/]+)/projects/"
    rf"(?:(?P<id2>{_UUID})|(?P<identifier>(?!templates)[A-Za-z0-9]{{1,12}}))(?:/|$)))"
)


def _collapsed(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept)


# What may stand before the server: nothing, a client or proxy that collapses, one that decodes and collapses, and
# hands on the result encoded (`once`) or as it is (`twice`), one that has its own idea of separators.
_READERS: dict[str, Callable[[str], str]] = {
    "Django": unquote,
    "client": lambda path: unquote(_collapsed(path)),
    "once": lambda path: _collapsed(unquote(path)),
    "twice": lambda path: unquote(_collapsed(unquote(path))),
    "twice, then collapsed": lambda path: _collapsed(unquote(unquote(path))),
    "backslashes": lambda path: _collapsed(unquote(path).replace("\\", "/")),
    "parameters dropped": lambda path: re.sub(r";[^/]*", "", unquote(path)),
    "cut at a decoded mark": lambda path: re.split(r"[?#]", unquote(path))[0],
    "blanks dropped": lambda path: unquote(re.sub(r"[\t\r\n]", "", path)),
}


def projects_picked(path: str) -> dict[str, str]:
    """The project that each reader would write to; Plane may live under any prefix."""
    picked = {}
    for name, read in _READERS.items():
        for route in _ROUTES.finditer(read(path)):
            picked[name] = route["id"] or route["id2"] or f"{route['slug']}/{route['identifier']}"
    return picked


def _as_it_is(text: str) -> str:
    return text


def _escaped(text: str, at: int) -> str:
    return f"{text[:at]}%{ord(text[at]):02x}{text[at + 1 :]}" if at < len(text) else text


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.title,
    lambda text: _escaped(text, 0),
    lambda text: _escaped(text, 5),
    lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    lambda text: _escaped(text, 0).replace("%", "%25"),
    lambda text: text.replace("-", "%2D"),
    lambda text: text.replace("-", ""),
    lambda text: f"{text};x",
    lambda text: f"{text}%00",
    lambda text: f"{text[:3]}\t{text[3:]}",
    lambda text: f"{text}.",
    lambda text: f"{text}%20",
    lambda text: f"{text}%zz",
    lambda text: f"%ff{text}",
    lambda text: f"urn:uuid:{text}",
)
_JOINTS = (
    "//", "%2F", "%2f", "%252F", "\\", "%5c", "/./", "/%2e/", "/x/../", "/x/%2e%2e/", "/x/.%2E/", "/..%2f", "/../",
    ";/", "/x/%252e%252e/", "%3F", "%23", "/%09/", "?", "#", "/api/", "/projects/", "/workspaces/",
)  # fmt: skip
_TAILS = (
    "", "labels", f"work-items/{ITEM}", f"work-items/{OTHER_ITEM}/comments", "cycles/x/cycle-issues", "strange/thing",
    "pages", "states", "modules", "views", f"../{PROD}/labels", f"..%2f{PROD}",
    f"projects/{PROD}/labels", f"x;/../../{PROD}",
    f"%2e%2e/{SANDBOX}", f"api/v1/workspaces/acme/projects/{PROD}",
    f"../../../../../api/workspaces/acme/projects/{PROD}",
)  # fmt: skip
_PREFIXES = (
    *[""] * 12, "/base", "/base", "/base", "/api", "/x/..", "/", "/%2e%2e", "/uploads",
    "/api/v1/workspaces/acme", "/api/v1",
    f"/api/v1/workspaces/acme/projects/{SANDBOX}", "/http://other", "/..;", "/a%2Fb",
)  # fmt: skip
_PROJECTS = (*[SANDBOX] * 6, PROD, PROD, "ORCH", "bulk-update", "templates")
_SURFACES = (("v1",), ("v1",), ("v2",), (), ("assets", "v2"), ("v3",))
_SLUGS = ("acme", "acme", "acme", "api", "workspaces", "projects", "v1")
_ENDS = (*["/"] * 12, "", "//", "/.", "/..", f"/../{PROD}", "%2f", "?", f"?project_id={PROD}", "#x")
_ORIGINS = ("https://plane.example.com", "http://localhost:8000", "https://api.plane.so", "https://API.PLANE.SO.",
            "http://u:p@[::1]:1", "//plane", "https://api.plane.so@other", "HTTP://x", "")  # fmt: skip
_METHODS = ("POST", "PATCH", "DELETE", "PUT", "patch", "Delete", "BREW", "GET")
_HEADERS: tuple[list[tuple[str, str]], ...] = (
    [], [], [], [], [], [], [], [], [("Host", "other")], [("X-HTTP-Method-Override", "DELETE")],
    [("Content-Type", "application/json")],
    [("X-Original-URL", f"/projects/{PROD}")], [("Content-Encoding", "gzip")],
)  # fmt: skip
_BODIES: tuple[object, ...] = (
    b'{"name": "x"}', None, b"", b'{"state": "x"}', f'{{"parent": "{OTHER_ITEM}"}}', f'{{"issues": ["{OTHER_ITEM}"]}}',
    f'{{"project_id": "{PROD}"}}', b"{", iter((b"{}",)), f"issues={OTHER_ITEM}", b"[[[]]]",
)  # fmt: skip
_ODD = 246
T = TypeVar("T")


class Hostile(NamedTuple):
    """A request that hides where it goes."""

    method: str
    url: str
    body: object
    headers: list[tuple[str, str]]


class _Dice:
    """Choices made by the bytes of one draw, which is much faster than many draws; zero is the usual choice."""

    def __init__(self, thrown: bytes) -> None:
        self._thrown = iter(thrown)

    def pick(self, options: Sequence[T]) -> T:
        return options[next(self._thrown) % len(options)]

    def rarely(self, usual: T, options: Sequence[T]) -> T:
        return self.pick(options) if next(self._thrown) >= _ODD else usual


def _request(thrown: bytes) -> Hostile:
    dice = _Dice(thrown)
    words = ("api", *dice.pick(_SURFACES), "workspaces", dice.pick(_SLUGS), "projects", dice.pick(_PROJECTS))
    path = dice.pick(_PREFIXES)
    for word in words:
        spell = dice.rarely(_as_it_is, _SPELLINGS)
        path += dice.rarely("/", _JOINTS) + spell(word)
    path += f"/{dice.pick(_TAILS)}".rstrip("/") + dice.pick(_ENDS)
    return Hostile(dice.pick(_METHODS), dice.pick(_ORIGINS) + path, dice.pick(_BODIES), dice.pick(_HEADERS))


REQUESTS = st.binary(min_size=48, max_size=48).map(_request)


def path_of(url: str) -> str:
    """The path in a URL, as it goes over the wire: no scheme, no authority, no query."""
    path = re.sub(r"^(?:[A-Za-z]+:)?//[^/?#\\]*", "", url)
    return re.split(r"[?#]", path)[0]

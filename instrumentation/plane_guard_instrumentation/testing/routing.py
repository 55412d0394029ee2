"""Route templates, and how a raw request target finds its route, or does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plane_guard_instrumentation.testing.calls import Views

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TEXT = frozenset({"slug", "identifier", "number", "anchor", "reaction"})


class RouteTable:
    """Views by path template. Placeholders are UUIDs, except for the few that are text."""

    def __init__(self, routes: Mapping[str, Views]) -> None:
        """Compile the templates. Of two that match, the first wins, as in Django."""
        self.templates = tuple(routes)
        # Most paths differ in their number of segments, and a fake server should not be slower than the real one.
        self._by_length: dict[int, list[tuple[re.Pattern[str], Views]]] = {}
        for template, views in routes.items():
            self._by_length.setdefault(template.count("/"), []).append((_compile(template), views))

    def resolve(self, path: str) -> tuple[Views, dict[str, str]] | None:
        """Return the views of a decoded path and the ids in it."""
        for pattern, views in self._by_length.get(path.count("/"), ()):
            found = pattern.fullmatch(path)
            if found:
                return views, found.groupdict()
        return None


def decode(target: str) -> tuple[str, str]:
    """Return path and query of a raw target: percent-decoded exactly once, nothing normalised."""
    path, mark, query = target.partition("?")
    return unquote(path), mark + query


def slash_added(path: str, query: str) -> str:
    """Return the redirect target for a path without its trailing slash."""
    return quote(path, safe="/:@&+$,~*'()") + "/" + query


def _compile(template: str) -> re.Pattern[str]:
    return re.compile("".join(_pieces(template)))


def _pieces(template: str) -> Iterator[str]:
    for piece in re.split(r"(\{\w+\})", template):
        name = piece.strip("{}")
        yield (f"(?P<{name}>{'[^/]+' if name in _TEXT else _UUID})" if piece.startswith("{") else re.escape(piece))

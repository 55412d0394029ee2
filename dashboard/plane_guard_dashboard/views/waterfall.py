"""The spans of a trace as lines of a waterfall: nested by parent, in order of start. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Span = Mapping[str, Any]

MOST_LINES = 20
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A span with its depth. `offset_ms` counts from the start of the first span."""

    span_id: str
    depth: int
    name: str
    service: str
    offset_ms: float
    duration_ms: float
    failed: bool
    verdict: str
    marked: bool


def layout(spans: Sequence[Span], marked: str) -> tuple[Line, ...]:
    """Return a line per span and mark the one with the decision. A span without a known parent is a root."""
    known = {span["span_id"] for span in spans}
    children: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: (span["start_ns"], span["span_id"])):
        parent = span["parent_span_id"]
        children.setdefault(parent if parent in known and parent != span["span_id"] else "", []).append(span)
    first = min((span["start_ns"] for span in spans), default=0)
    return tuple(_line(span, depth, first, marked) for span, depth in _nested(spans, children))


def around(lines: Sequence[Line], most: int = MOST_LINES) -> tuple[Line, ...]:
    """Return the marked line, its nearest ancestors, and as many neighbouring lines as fit."""
    here = next((number for number, line in enumerate(lines) if line.marked), 0)
    above = _ancestors(lines, here)[: most // 2]
    nearest = sorted(range(len(lines)), key=lambda number: abs(number - here))
    chosen = list(dict.fromkeys((*above, *nearest)))[:most]
    return tuple(lines[number] for number in sorted(chosen))


def _nested(spans: Sequence[Span], children: Mapping[str, Sequence[Span]]) -> Iterator[tuple[Span, int]]:
    """Yield parents before their children. Spans in a cycle of parents come last."""
    seen: set[str] = set()
    for root in (*children.get("", ()), *spans):
        waiting = [(root, 0)]
        while waiting:
            span, depth = waiting.pop()
            if span["span_id"] in seen:
                continue
            seen.add(span["span_id"])
            yield span, depth
            waiting += [(child, depth + 1) for child in reversed(children.get(span["span_id"], ()))]


def _ancestors(lines: Sequence[Line], here: int) -> list[int]:
    found: list[int] = []
    depth = lines[here].depth if lines else 0
    for number in range(here - 1, -1, -1):
        if lines[number].depth < depth:
            depth = lines[number].depth
            found.append(number)
    return found


def _line(span: Span, depth: int, first: int, marked: str) -> Line:
    return Line(
        span["span_id"],
        depth,
        span["name"],
        span["service"],
        (span["start_ns"] - first) / _MS,
        span["duration_ns"] / _MS,
        bool(span["failed"]),
        span["verdict"],
        span["span_id"] == marked,
    )

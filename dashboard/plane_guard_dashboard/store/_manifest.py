"""Contents of a cache: how far each source file has been read, and the Parquet files that the rows are in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS

KINDS = {
    kind: {**columns, "source": int, "position": int}
    for kind, columns in (("decisions", DECISIONS), ("sessions", SESSIONS), ("spans", SPANS))
}
_LAYOUT = 1
SCHEMA = hashlib.sha256(repr((_LAYOUT, KINDS)).encode()).hexdigest()[:16]


def origin_of(text: str) -> str:
    """Where the source files of a manifest are, whatever version wrote it; empty where it does not say."""
    try:
        origin = json.loads(text)["origin"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return origin if isinstance(origin, str) else ""


@dataclass(slots=True)
class Tracked:
    """A source file, by its inode and first line, and what came of its first `offset` bytes.

    `shadowed_by` are the sources that hold rows of which this file has copies.
    """

    number: int
    key: str
    name: str
    offset: int = 0
    lines: int = 0
    unreadable: int = 0
    duplicates: int = 0
    samples: list[tuple[int, str]] = field(default_factory=list)
    shadowed_by: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Segment:
    """An immutable Parquet file of one relation; `sources` are the numbers that occur in it."""

    kind: str
    name: str
    rows: int
    size: int
    checksum: int
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that has been sealed."""

    tracked: tuple[Tracked, ...] = ()
    segments: tuple[Segment, ...] = ()
    next_number: int = 1

    def dumps(self, origin: str = "") -> str:
        """As text; `origin` is where the source files are."""
        return json.dumps({"schema": SCHEMA, "origin": origin, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Manifest:
        """From text.

        Raises:
            ValueError: Another version wrote it, or it is damaged.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            if found["schema"] != SCHEMA:
                raise ValueError("another schema")
            tracked = tuple(Tracked(**{**one, "samples": [(*s,) for s in one["samples"]]}) for one in found["tracked"])
            segments = tuple(Segment(**{**one, "sources": (*one["sources"],)}) for one in found["segments"])
            parts: list[Tracked | Segment] = [*tracked, *segments]
            _check(
                [found["next_number"], *(number for one in parts for number in _numbers(one))],
                [text for one in parts for text in _texts(one)],
            )
            return cls(tracked, segments, found["next_number"])
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"damaged: {error!r}") from error


def _numbers(one: Tracked | Segment) -> list[object]:
    if isinstance(one, Segment):
        return [one.rows, one.size, one.checksum, *one.sources]
    offsets = [offset for offset, _ in one.samples]
    return [one.number, one.offset, one.lines, one.unreadable, one.duplicates, *one.shadowed_by, *offsets]


def _texts(one: Tracked | Segment) -> list[object]:
    return [one.kind, one.name] if isinstance(one, Segment) else [one.key, one.name, *(text for _, text in one.samples)]


def _check(numbers: list[object], texts: list[object]) -> None:
    """Raise TypeError for a value of another type, which would only fail much later."""
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise TypeError("a number is none")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")

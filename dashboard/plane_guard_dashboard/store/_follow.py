"""Match the files in a folder to those that were read, after any rotation, copy or deletion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.otlp import text
from plane_guard_dashboard.store._files import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plane_guard_dashboard.evidence.traces import BadLine
    from plane_guard_dashboard.store._files import Seen


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
class Followed:
    """The files by number, with their progress and place, and the files that are gone or cannot be opened."""

    tracked: dict[int, Tracked]
    live: dict[int, Seen]
    keys: dict[Seen, str]
    gone: set[int]
    denied: tuple[BadLine, ...]


def follow(found: Iterable[Seen], before: Mapping[int, Tracked], keys: Mapping[Seen, str]) -> Followed:
    """Match the files to those before. A file that shrank or begins differently is another file.

    `keys` are the identities of files that were looked at already.
    """
    denied: list[BadLine] = []
    numbers = count(max(before, default=0) + 1)
    keys = {seen: key for seen in found if (key := keys.get(seen) or key_of(seen, denied))}
    known = {one.key: one for one in before.values()}
    live: dict[int, Seen] = {}
    for seen, key in keys.items():
        if key not in known or seen.size < known[key].offset:
            known[key] = Tracked(next(numbers), key, "")
        known[key] = replace(known[key], name=text(seen.name))
        live[known[key].number] = seen
    tracked = {one.number: one for one in known.values() if one.number in live}
    gone = set(before) - set(live)
    while bereft := [one for one in tracked.values() if gone.intersection(one.shadowed_by)]:
        for one in bereft:  # its copies of rows that are gone are copies no longer: it is read again
            again = Tracked(next(numbers), one.key, one.name)
            gone.add(one.number)
            del tracked[one.number]
            tracked[again.number], live[again.number] = again, live.pop(one.number)
    return Followed(tracked, live, keys, gone, tuple(denied))

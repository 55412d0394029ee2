"""Match the files in a folder to those that were read, after any rotation, copy or deletion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.otlp import text
from plane_guard_dashboard.store._files import key_of
from plane_guard_dashboard.store._manifest import Tracked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plane_guard_dashboard.evidence.traces import BadLine
    from plane_guard_dashboard.store._files import Seen


@dataclass(frozen=True, slots=True)
class Followed:
    """The files by number: what came of each and where it is now; which are gone, and which cannot be opened."""

    tracked: dict[int, Tracked]
    live: dict[int, Seen]
    keys: dict[Seen, str]
    gone: set[int]
    denied: tuple[BadLine, ...]
    next_number: int


def follow(
    found: Iterable[Seen], before: Mapping[int, Tracked], keys: Mapping[Seen, str], next_number: int
) -> Followed:
    """Look at the files that are not among `keys`. One that shrank, or begins otherwise, is another file."""
    denied: list[BadLine] = []
    numbers = count(next_number)
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
    return Followed(tracked, live, keys, gone, tuple(denied), next(numbers))

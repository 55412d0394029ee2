"""Choose the Parquet files of a cache for the next write: few, and without deleted rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from plane_guard_dashboard.store._manifest import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plane_guard_dashboard.store._cache import Cache
    from plane_guard_dashboard.store._database import Database
    from plane_guard_dashboard.store._manifest import Segment

MOST_SMALL = 32
ROWS_OF_A_LARGE_ONE = 250_000


def compacted(cache: Cache, database: Database, segments: Sequence[Segment], gone: set[int]) -> Iterator[Segment]:
    """The files without the rows that are gone, and with those of the tail."""
    for kind in KINDS:
        found = [one for one in segments if one.kind == kind and not gone.issuperset(one.sources)]
        small = [one for one in found if one.rows < ROWS_OF_A_LARGE_ONE]
        merged = small if len(small) >= MOST_SMALL else []
        for one in found:
            if one not in merged:
                yield _merge(cache, database, [one], gone) if gone.intersection(one.sources) else one
        if merged:
            yield _merge(cache, database, merged, gone)
        if database.waiting(kind):
            yield cache.write(kind, partial(database.store_tail, kind))


def _merge(cache: Cache, database: Database, segments: Sequence[Segment], gone: set[int]) -> Segment:
    return cache.write(segments[0].kind, partial(database.store_merged, segments, gone))

"""A period of time: parsing, formatting and the period before it. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import END_OF_TIME

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND = 1_000_000_000
ALL_TIME = "all"
PRESETS: Mapping[str, int] = {
    ALL_TIME: 0,
    "15min": 900 * SECOND,
    "1h": 3600 * SECOND,
    "24h": 86_400 * SECOND,
    "7d": 7 * 86_400 * SECOND,
    "30d": 30 * 86_400 * SECOND,
}
_STEPS = 180


@dataclass(frozen=True, slots=True)
class Period:
    """A period from `since_ns` up to, but not including, `until_ns`. `misread` is true if a typed time is invalid."""

    since_ns: int = 0
    until_ns: int = END_OF_TIME
    misread: bool = False


def period(preset: str, since: str, until: str, now: datetime) -> Period:
    """Return the chosen period. A typed time overrides the preset."""
    first, last = read(since), read(until)
    misread = (bool(since) and first is None) or (bool(until) and last is None)
    if first is None:
        first = 0 if last is not None else _begin(PRESETS.get(preset, 0), now)
    return Period(first, END_OF_TIME if last is None else last, misread)


def before(since_ns: int, until_ns: int, now: datetime) -> Period | None:
    """Return the previous period of the same length, or None if all time is shown."""
    if not since_ns:
        return None
    return Period(max(0, 2 * since_ns - min(until_ns, nanoseconds(now))), since_ns)


def read(text: str) -> int | None:
    """Return a time in ISO 8601 as nanoseconds. The time is UTC unless it has an offset."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = nanoseconds(when if when.tzinfo else when.replace(tzinfo=UTC))
    return found if 0 <= found <= END_OF_TIME else None


def written(time_ns: int) -> str:
    """Return a time in the form of the address bar."""
    return moment(time_ns).strftime("%Y-%m-%dT%H:%M:%S")


def nanoseconds(when: datetime) -> int:
    """Return a time as nanoseconds since 1970."""
    return int(when.timestamp()) * SECOND + when.microsecond * 1000


def _begin(length: int, now: datetime) -> int:
    # In steps, so that a second look at the same data finds its answers in the cache.
    if not length:
        return 0
    step = length // _STEPS
    return (nanoseconds(now) - length) // step * step

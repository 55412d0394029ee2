"""The filters of a view, read from the address. Pure functions.

The address holds all of their state, so a view can be linked, reloaded and sent, and Back returns to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard.vocabulary import Target
from plane_guard_dashboard.store.queries import FIELDS, Filters, Origins, Verdict
from plane_guard_dashboard.views.period import ALL_TIME, PRESETS, period, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    Query = Mapping[str, Sequence[str]]

RANGE, SINCE, UNTIL, CONTAINS, ORIGIN = "range", "from", "until", "contains", "origin"
ISSUE, WITHOUT, LIVE = "issue", "without", "live"
AUTO = "auto"
"""Real tests, or the demo if there are no others."""
ORIGINS = (AUTO, *(origin.value for origin in Origins))
KEYS = (CONTAINS, RANGE, SINCE, UNTIL, *FIELDS, ORIGIN, ISSUE, WITHOUT)
VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "verdict": tuple(Verdict),
    "target": tuple(Target),
    RANGE: tuple(PRESETS),
    ORIGIN: ORIGINS,
}
_TIME = "is no time, and is ignored. Use the form 2026-01-31T10:00, in UTC."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The filters in use as pairs of parameter and value, and a message for each parameter with an ignored value."""

    filters: Filters
    active: tuple[tuple[str, str], ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


def chosen(query: Query, now: datetime) -> Chosen:
    """Return the filters of an address."""
    pairs = [(key, value.strip()) for key in KEYS for value in query.get(key, ())]
    problems = {key: text for key, value in pairs if value and (text := _problem(key, value))}
    active = tuple((key, value) for key, value in pairs if value and not (_problem(key, value) or _usual(key, value)))
    first = dict(reversed(active))
    span = period(first.get(RANGE, ALL_TIME), first.get(SINCE, ""), first.get(UNTIL, ""), now)
    found = Filters(
        since_ns=span.since_ns,
        until_ns=span.until_ns,
        origin=first.get(ORIGIN, AUTO),
        containing=first.get(CONTAINS, ""),
        issue=first.get(ISSUE, ""),
        only=_grouped(pair for pair in active if pair[0] in FIELDS),
        without=_grouped(_parts(value) for key, value in active if key == WITHOUT),
    )
    return Chosen(found, active, problems)


def kept(query: Query) -> dict[str, list[str]]:
    """Return the part of an address that every page keeps."""
    return {key: list(query[key]) for key in (*KEYS, LIVE) if query.get(key)}


def toggled(query: Query, key: str, value: str) -> dict[str, list[str]]:
    """Return an address with this value added, or removed if it is there."""
    values = list(query.get(key, ()))
    changed = [one for one in values if one != value] if value in values else [*values, value]
    return {**{name: list(found) for name, found in query.items()}, key: changed}


def cleared(query: Query) -> dict[str, list[str]]:
    """Return an address without filters."""
    return {key: list(values) for key, values in query.items() if key not in KEYS}


def _usual(key: str, value: str) -> bool:
    return (key, value) in {(RANGE, ALL_TIME), (ORIGIN, AUTO)}


def _problem(key: str, value: str) -> str:
    if key in (SINCE, UNTIL):
        return "" if read(value) is not None else f"{value!r} {_TIME}"
    if key == WITHOUT and value.partition(":")[0] not in FIELDS:
        return f"{value!r} is no field and value, and is ignored. Use the form op:comment."
    known = VOCABULARY.get(key)
    if known is None or value in known:
        return ""
    return f"{value!r} is no value of {key}, and is ignored. Use {', '.join(known[:-1])} or {known[-1]}."


def _parts(value: str) -> tuple[str, str]:
    name, _, rest = value.partition(":")
    return name, rest


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return found

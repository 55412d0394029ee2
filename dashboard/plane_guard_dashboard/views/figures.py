"""The verdict for production, and the figures behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.store.queries import MOST_ROWS, Filters, Origins
from plane_guard_dashboard.views.period import SECOND, before, nanoseconds
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from plane_guard_dashboard.views.view import View

DAY = 86_400
STALE_AFTER = DAY
CLOCKS_DIFFER_BY = 60
WIDTH = 190  # four beside each other on a laptop, two on half a screen
# A client that cannot be inspected, but to which known Plane hosts are closed.
_CLOSED = re.compile(r"[Kk]nown Plane hosts are closed to it")
_AGES = ((DAY, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the overview. `leaks`, `last_report_ns` and `unknown` are never filtered.

    `unknown` says why silence would prove nothing; it is empty if every report is there, recent and complete.
    """

    scope: dict[str, Any]
    processes: int
    leaks: int
    last_report_ns: int
    previous: int | None
    filtered: bool
    now: datetime
    gaps: Gaps
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gaps:
    """The processes that use something that is not covered, and the texts of their sessions, most frequent first.

    `open` counts those with a way to a known Plane host. To the others such hosts are closed.
    """

    processes: int
    open: int
    texts: tuple[str, ...]


def gaps_of(rows: Sequence[Mapping[str, Any]]) -> Gaps:
    """Return the gaps from the rows of the query `gaps`."""
    opened = (row for row in rows if not all(map(_CLOSED.search, row["uncovered"].splitlines())))
    return Gaps(
        sum(row["processes"] for row in rows),
        sum(row["processes"] for row in opened),
        tuple("; ".join(row["uncovered"].splitlines()) for row in rows),
    )


def figures(view: View) -> Figures:
    """Count what the overview shows."""
    everything, gaps = view.everything(), gaps_of(view.rows("gaps", limit=MOST_ROWS))
    guarded = everything.row("processes")
    last = max(guarded["last_ns"], everything.row("scope")["last_ns"])
    return Figures(
        scope=view.row("scope"),
        processes=view.row("processes")["processes"],
        leaks=view.row("leaks")["prod_allowed"],
        last_report_ns=last,
        previous=_previous(view),
        filtered=view.filters not in (Filters(), Filters(origin=Origins.TESTS)),
        now=view.now,
        gaps=gaps,
        unknown=_unknown(view, guarded["processes"], last, gaps.open),
    )


def _unknown(view: View, guarded: int, last_ns: int, uncovered: int) -> tuple[str, ...]:
    health, old = view.engine.health(), seconds_since(last_ns, view.now)
    damaged = health.unreadable_lines + health.unreadable_files
    reasons = {
        "no guarded process has reported": not guarded,
        f"no report for {age(old)}": bool(guarded) and old >= STALE_AFTER,
        "the time of the last report is in the future": is_ahead(last_ns, view.now),
        f"{plural(damaged, 'line or file', 'lines or files')} could not be read": damaged,
        f"not everything is covered in {plural(uncovered, 'process', 'processes')}": uncovered,
    }
    return tuple(text for text, holds in reasons.items() if holds)


def headline(found: Figures) -> str:
    """Return the verdict for production in one sentence."""
    told = sentence(found.scope["prod_attempts"], found.leaks, filtered=found.filtered)
    if found.leaks or found.scope["prod_attempts"] or not found.unknown:
        return told
    return f"Unknown whether anything tried to write to production: {found.unknown[0]}"


def sentence(blocked: int, allowed: int, *, filtered: bool = False) -> str:
    """Return the counts of writes to production in one sentence."""
    if allowed:
        return f"{plural(allowed, 'write')} to production got through"
    if blocked:
        return f"{plural(blocked, 'attempt')} to write to production, all blocked"
    return "No attempt on production matches the filters" if filtered else "No attempt to write to production seen"


def age(seconds: float) -> str:
    """Return a duration in its largest whole unit."""
    for size, unit in _AGES:
        if seconds >= size:
            return f"{int(seconds) // size} {unit}"
    return "0 s"


def seconds_since(time_ns: int, now: datetime) -> float:
    """Return the seconds since a time; 0 for a time in the future, because clocks differ."""
    return max(0, (nanoseconds(now) - time_ns) / SECOND)


def is_ahead(time_ns: int, now: datetime) -> bool:
    """Return True for a time so far in the future that the clock of its machine must be ahead."""
    return time_ns - nanoseconds(now) > CLOCKS_DIFFER_BY * SECOND


def asides(scope: Mapping[str, Any]) -> str:
    """Return the counts that the headline leaves out."""
    words = {
        "possible_prod_attempts": ("attempt", "possibly on production"),
        "demo_attempts": ("attempt", "made by `plane-guard demo`"),
        "other_blocks": ("block", "not aimed at production"),
        "expected": ("expected block", "not counted"),
    }
    return " · ".join(f"{plural(scope[name], noun)} {rest}" for name, (noun, rest) in words.items() if scope[name])


def tiles(found: Figures) -> None:
    """Show four figures."""
    with st.container(horizontal=True):
        _compared(found.scope["prod_attempts"], found.previous)
        _tile("Tests responsible", found.scope["tests"], "tried at least once")
        _leaks(found.leaks)
        _tile("Guarded processes", found.processes, _last_report(found))


def _previous(view: View) -> int | None:
    period = before(view.filters.since_ns, view.filters.until_ns, view.now)
    if period is None:
        return None
    earlier = view.changed(since_ns=period.since_ns, until_ns=period.until_ns)
    return int(earlier.row("scope")["prod_attempts"])


def _leaks(leaks: int) -> None:
    st.metric(
        "Production writes allowed",
        f"{leaks:,}",
        "✖ must be 0" if leaks else "✔ none",
        delta_color="red" if leaks else "green",
        delta_arrow="off",
        border=True,
        width="content",
    )


def _compared(attempts: int, previous: int | None) -> None:
    if previous is None:
        _tile("Blocked attempts", attempts, "on production")
        return
    st.metric(
        "Blocked attempts",
        f"{attempts:,}",
        attempts - previous,
        delta_color="inverse" if attempts != previous else "off",
        delta_arrow="auto" if attempts != previous else "off",
        delta_description="vs previous period",
        help=f"Blocked on production. In the previous period of the same length: {previous:,}.",
        border=True,
        width=WIDTH,
    )


def _last_report(found: Figures) -> str:
    if is_ahead(found.last_report_ns, found.now):
        return "⚠ last report in the future"
    seconds = seconds_since(found.last_report_ns, found.now)
    stale = "⚠ " if seconds >= STALE_AFTER else ""
    return f"{stale}last report {age(seconds)} ago" if seconds >= 1 else "last report just now"


def _tile(label: str, value: int, note: str) -> None:
    st.metric(label, f"{value:,}", note, delta_color="off", delta_arrow="off", border=True, width=WIDTH)

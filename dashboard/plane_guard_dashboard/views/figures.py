"""The head of the overview: the verdict, four figures and the age of the last report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views.period import SECOND, before, nanoseconds
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from datetime import datetime

    from plane_guard_dashboard.views.view import View

DAY = 86_400
STALE_AFTER = DAY
WIDTH = 190  # four beside each other on a laptop, two on half a screen
_AGES = ((DAY, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the head. Leaks and the last report are never filtered."""

    scope: dict[str, Any]
    processes: int
    leaks: int
    last_report_ns: int
    previous: int | None
    filtered: bool
    now: datetime


def figures(view: View) -> Figures:
    """Count what the head shows."""
    everything = view.everything()
    last = max(everything.row("processes")["last_ns"], everything.row("scope")["last_ns"])
    return Figures(
        scope=view.row("scope"),
        processes=view.row("processes")["processes"],
        leaks=view.row("leaks")["prod_allowed"],
        last_report_ns=last,
        previous=_previous(view),
        filtered=view.filters != Filters(),
        now=view.now,
    )


def head(found: Figures) -> None:
    """Show title, notes and tiles."""
    st.title(sentence(found.scope["prod_attempts"], found.leaks, filtered=found.filtered))
    if asides := _asides(found.scope):
        st.caption(" · ".join(asides))
    _tiles(found)


def sentence(blocked: int, allowed: int, *, filtered: bool = False) -> str:
    """Return the verdict for production in one sentence."""
    if allowed:
        return f"{plural(allowed, 'write')} to production got through"
    if blocked:
        return f"{plural(blocked, 'attempt')} to write to production, all blocked"
    return "No attempt on production matches the filters" if filtered else "Nothing tried to write to production"


def age(seconds: float) -> str:
    """Return a duration in its largest whole unit."""
    for size, unit in _AGES:
        if seconds >= size:
            return f"{int(seconds) // size} {unit}"
    return "0 s"


def seconds_since(time_ns: int, now: datetime) -> float:
    """Return the seconds since a time; 0 for a time in the future, because clocks differ."""
    return max(0, (nanoseconds(now) - time_ns) / SECOND)


def _previous(view: View) -> int | None:
    period = before(view.filters.since_ns, view.filters.until_ns, view.now)
    if period is None:
        return None
    earlier = view.changed(since_ns=period.since_ns, until_ns=period.until_ns)
    return int(earlier.row("scope")["prod_attempts"])


def _asides(scope: dict[str, Any]) -> list[str]:
    words = {
        "demo_attempts": ("attempt", "made by `plane-guard demo`"),
        "other_blocks": ("block", "not aimed at production"),
        "expected": ("expected block", "not counted"),
    }
    return [f"{plural(scope[name], noun)} {rest}" for name, (noun, rest) in words.items() if scope[name]]


def _tiles(found: Figures) -> None:
    with st.container(horizontal=True):
        _compared(found.scope["prod_attempts"], found.previous)
        _tile("Tests responsible", found.scope["tests"], "tried at least once")
        _leaks(found.leaks)
        _tile("Guarded processes", found.processes, _last_report(found))


def _leaks(leaks: int) -> None:
    st.metric(
        "Production writes allowed",
        f"{leaks:,}",
        "✖ must be 0" if leaks else "✔ none",
        delta_color="red" if leaks else "green",
        delta_arrow="off",
        border=True,
        width=WIDTH,
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
    seconds = seconds_since(found.last_report_ns, found.now)
    stale = "⚠ " if seconds >= STALE_AFTER else ""
    return f"{stale}last report {age(seconds)} ago" if seconds >= 1 else "last report just now"


def _tile(label: str, value: int, note: str) -> None:
    st.metric(label, f"{value:,}", note, delta_color="off", delta_arrow="off", border=True, width=WIDTH)


def told(time_ns: int) -> str:
    """Return a time as text."""
    return f"{moment(time_ns):%Y-%m-%d %H:%M} UTC"

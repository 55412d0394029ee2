"""The head of the page: one sentence, four figures, and whether the guard is there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard._wording import plural

if TYPE_CHECKING:
    from datetime import datetime

_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def head(scope: dict[str, Any], processes: int, leaks: int, now: datetime) -> None:
    """Title, alarm, asides and figures."""
    st.title(sentence(scope["prod_attempts"], leaks))
    if leaks:
        st.error(
            "The guard allowed a test process to write to production. This must never happen: "
            "set the outcome to Allowed to see where it came from.",
            icon=":material/crisis_alert:",
        )
    if asides := _asides(scope):
        st.caption(" · ".join(asides))
    _figures(scope, processes, leaks, now)


def sentence(blocked: int, allowed: int) -> str:
    """The page in one sentence."""
    if allowed:
        return f"{plural(allowed, 'write')} to production got through"
    if blocked:
        return f"{plural(blocked, 'attempt')} to write to production, all blocked"
    return "Nothing tried to write to production"


def age(when: datetime | None, now: datetime) -> str:
    """How long ago the last decision was, in the largest whole unit."""
    if when is None:
        return "no decision yet"
    seconds = int((now - when).total_seconds())
    for size, unit in _AGES:
        if seconds >= size:
            return f"last decision {seconds // size} {unit} ago"
    return "last decision just now"


def _asides(scope: dict[str, Any]) -> list[str]:
    words = {
        "demo_attempts": ("attempt", "made by `plane-guard demo`"),
        "other_blocks": ("block", "not aimed at production"),
        "expected_blocks": ("expected block", "not counted"),
    }
    return [f"{plural(scope[name], noun)} {rest}" for name, (noun, rest) in words.items() if scope[name]]


def _figures(scope: dict[str, Any], processes: int, leaks: int, now: datetime) -> None:
    blocked, tests, allowed, guard = st.columns(4)
    _figure(blocked, "Blocked attempts", scope["prod_attempts"], "on production")
    _figure(tests, "Tests responsible", scope["tests"], "tried at least once")
    allowed.metric(
        "Production writes allowed",
        f"{leaks:,}",
        "✖ must be 0" if leaks else "✔ as it must be",
        delta_color="red" if leaks else "green",
        delta_arrow="off",
        border=True,
    )
    _figure(guard, "Guarded processes", processes, age(scope["last"], now))


def _figure(place: Any, label: str, value: int, note: str) -> None:
    place.metric(label, f"{value:,}", note, delta_color="off", delta_arrow="off", border=True)

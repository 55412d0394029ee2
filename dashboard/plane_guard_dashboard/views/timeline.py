"""Attempts over time as bars, with a table as the alternative. Dragging over the bars filters by time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import streamlit as st

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.store.queries import END_OF_TIME
from plane_guard_dashboard.views import filter_actions
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.period import SECOND, nanoseconds, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from plane_guard_dashboard.views.view import View

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = tuple(
    seconds * SECOND
    for seconds in (
        *(1, 5, 15, MINUTE, 5 * MINUTE, 15 * MINUTE),
        *(HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY),
    )
)
_FORMATS = (
    (MINUTE * SECOND, "%H:%M:%S"),
    (15 * MINUTE * SECOND, "%H:%M"),
    (DAY * SECOND, "%d %b %H:%M"),
    (STEPS[-1] + 1, "%d %b %Y"),
)
_COLOURS = {
    "got through": "#7f1d1d",
    "blocked on production": "#d0453e",
    "possibly on production": "#e0952f",
    "blocked elsewhere": "#64748b",
    "expected block": "#b8bfcc",
    "allowed in the sandbox": "#2f9e6e",
}
_BRUSH = "brush"
_LEGEND = {"orient": "top", "labelLimit": 320, "columns": 3}
_UNTITLED = {"title": None}
_COLUMNS = (
    Column("From (UTC)", "time"),
    Column("Kind", "kind"),
    Column("Decisions", "decisions"),
)
MOST_BARS = 60
FEWEST_SLOTS = 24


def step_for(first: int, last: int) -> int:
    """Return the smallest round step that needs at most MOST_BARS bars, in nanoseconds."""
    return next((step for step in STEPS if (last - first) // step < MOST_BARS), STEPS[-1])


def timeline(view: View) -> None:
    """Show a bar per slot of time, coloured by kind. Sandbox writes and expected blocks are an option."""
    first, last = _ends(view)
    step = step_for(first, last)
    everything = st.toggle("Show sandbox writes and expected blocks", key="sandbox", bind="query-params")
    bars = [_bar(row, step) for row in view.rows("timeline", step=step, with_sandbox=bool(everything))]
    if not bars:
        st.caption("No attempts in this period.")
        return
    domain = _domain(first // step, last // step, step)
    key = f"timeline-{view.filters.since_ns}-{view.filters.until_ns}"
    st.vega_lite_chart(
        pa.Table.from_pylist(bars),
        _chart(bars, domain, step),
        key=key,
        alt="Attempts over time, by kind. The table below has the same figures.",
        on_select=partial(_brushed, key),
        selection_mode=_BRUSH,
    )
    with st.expander("Table"):
        grid(bars, _COLUMNS, key="timeline", alt="Attempts over time, by kind")


def _ends(view: View) -> tuple[int, int]:
    span = view.row("span")
    chosen = view.filters
    if not chosen.since_ns:
        return span["first_ns"], span["last_ns"]
    until = min(chosen.until_ns, nanoseconds(view.now)) if chosen.until_ns != END_OF_TIME else nanoseconds(view.now)
    return chosen.since_ns, max(until - 1, span["last_ns"])


def _bar(row: dict[str, Any], step: int) -> dict[str, Any]:
    start = row["slot"] * step
    return {
        "from": moment(start),
        "until": moment(start + step),
        "time": f"{moment(start):%Y-%m-%d %H:%M:%S}",
        "kind": row["kind"],
        "decisions": row["decisions"],
    }


def _brushed(key: str) -> None:
    ends = st.session_state[key].get("selection", {}).get(_BRUSH, {}).get("from", ())
    if len(ends) == len(("from", "until")):
        since, until = (int(end / 1000) * SECOND for end in ends)
        filter_actions.between(written(since), written(max(until, since + SECOND)))


def _domain(first: int, last: int, step: int) -> list[datetime]:
    around = max(1, (FEWEST_SLOTS - (last - first)) // 2)
    return [moment((first - around) * step), moment((last + 1 + around) * step)]


def _chart(bars: Sequence[dict[str, Any]], domain: Sequence[datetime], step: int) -> dict[str, Any]:
    kinds = [kind for kind in _COLOURS if any(bar["kind"] == kind for bar in bars)]
    colours = {"domain": kinds, "range": [_COLOURS[kind] for kind in kinds]}
    ends = [int(end.timestamp() * 1000) for end in domain]
    scale = {"type": "utc", "domain": ends}
    return {
        "height": 260,
        "params": [{"name": _BRUSH, "select": {"type": "interval", "encodings": ["x"]}}],
        "mark": {"type": "bar", "orient": "vertical"},
        "encoding": {
            "x": {"field": "from", "type": "temporal", "bin": "binned", "axis": _axis(step), "scale": scale}
            | _UNTITLED,
            "x2": {"field": "until"},
            "y": {"field": "decisions", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}} | _UNTITLED,
            "color": {"field": "kind", "type": "nominal", "scale": colours, "legend": _LEGEND} | _UNTITLED,
            "tooltip": [{"field": column.key, "title": column.label} for column in _COLUMNS],
        },
    }


def _axis(step: int) -> dict[str, Any]:
    form = next(form for largest, form in _FORMATS if step < largest)
    label = f"utcFormat(datum.value, '{form}')"
    return {"labelExpr": label, "tickCount": 8, "labelOverlap": True, "labelFlush": False}

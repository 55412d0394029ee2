"""Decisions over time as bars, and the same figures as a table behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pyarrow as pa  # type: ignore[import-untyped]
import streamlit as st

from plane_guard_dashboard.rows import moment

if TYPE_CHECKING:
    from datetime import datetime

    from plane_guard_dashboard.queries import Filters
    from plane_guard_dashboard.store import Store

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = tuple(
    seconds * SECOND
    for seconds in (
        1,
        5,
        15,
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        HOUR,
        6 * HOUR,
        DAY,
        7 * DAY,
        30 * DAY,
        365 * DAY,
    )
)
_FORMATS = (
    (MINUTE * SECOND, "%H:%M:%S"),
    (15 * MINUTE * SECOND, "%H:%M"),
    (DAY * SECOND, "%d %b %H:%M"),
    (STEPS[-1] + 1, "%d %b %Y"),
)
_COLOURS = {
    "prod-project-in-test": "#d0453e",
    "foreign-reference": "#8b5cf6",
    "opt-in-disabled": "#e0952f",
    "ambiguous-target": "#2b93d1",
    "protected-operation": "#c2417c",
    "unguarded-client": "#7a5c3e",
    "guard-error": "#64748b",
    "sandbox-allowed": "#2f9e6e",
    "live-runtime": "#9aa3b5",
}
_OTHER_COLOUR = "#b8bfcc"
_TABLE = {"From (UTC)": "time", "Reason": "reason", "Outcome": "outcome", "Decisions": "decisions"}
MOST_BARS = 60
FEWEST_SLOTS = 24


def step_for(first: int, last: int) -> int:
    """The smallest round step that needs no more than MOST_BARS bars."""
    return next((step for step in STEPS if (last - first) // step < MOST_BARS), STEPS[-1])


def timeline(store: Store, chosen: Filters, first: int, last: int) -> None:
    """A bar per slot of time, coloured by reason."""
    step = step_for(first, last)
    counts = store.query("timeline", step=step, **chosen.parameters())
    bars = [
        {
            "from": moment(row["slot"] * step),
            "until": moment((row["slot"] + 1) * step),
            "time": f"{moment(row['slot'] * step):%Y-%m-%d %H:%M:%S}",
            "reason": row["reason"],
            "outcome": row["outcome"],
            "decisions": row["decisions"],
        }
        for row in counts
    ]
    st.altair_chart(
        _chart(pa.Table.from_pylist(bars), _domain(first // step, last // step, step), step),
        alt="Decisions over time, by reason",
    )
    with st.expander("The same as a table"):
        st.dataframe(
            [{name: bar[key] for name, key in _TABLE.items()} for bar in bars],
            hide_index=True,
            alt="Decisions over time, by reason",
        )


def _domain(first: int, last: int, step: int) -> list[datetime]:
    around = max(1, (FEWEST_SLOTS - (last - first)) // 2)
    return [moment((first - around) * step), moment((last + 1 + around) * step)]


def _chart(bars: pa.Table, domain: list[datetime], step: int) -> alt.Chart:
    reasons = sorted(set(bars["reason"].to_pylist()))
    ends = [int(end.timestamp() * 1000) for end in domain]
    colours = alt.Scale(domain=reasons, range=[_COLOURS.get(reason, _OTHER_COLOUR) for reason in reasons])
    chart: alt.Chart = (
        alt.Chart(bars)
        .mark_bar(orient="vertical")
        .encode(
            x=alt.X("from:T", bin="binned", title=None, axis=_axis(step), scale=alt.Scale(type="utc", domain=ends)),
            x2="until",
            y=alt.Y("decisions:Q", title=None, axis=alt.Axis(tickMinStep=1, format="d")),
            color=alt.Color("reason:N", title=None, scale=colours, legend=alt.Legend(orient="top", labelLimit=320)),
            tooltip=[
                alt.Tooltip("time:N", title="From (UTC)"),
                alt.Tooltip("reason:N", title="Reason"),
                alt.Tooltip("outcome:N", title="Outcome"),
                alt.Tooltip("decisions:Q", title="Decisions"),
            ],
        )
        .properties(height=280)
    )
    return chart


def _axis(step: int) -> alt.Axis:
    form = next(form for largest, form in _FORMATS if step < largest)
    return alt.Axis(labelExpr=f"utcFormat(datum.value, '{form}')", tickCount=8, labelOverlap=True, labelFlush=False)

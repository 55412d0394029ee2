"""The trace of a decision as a waterfall, with a table as the alternative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import pyarrow as pa  # type: ignore[import-untyped]
import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.views.blocks import grid
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.waterfall import Line, around, layout
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.view import View

MOST_SPANS = 500
LONGEST_NAME = 120
LINE_HEIGHT = 42
AROUND_LINES = 100  # the axis and the legend
DEEPEST = 12
INDENT, DOTS = 14, "· "  # of a name in the chart, in pixels; in the table
SLIVER = 0.004  # of the width: what is shorter would not be seen
ALT = "The trace of the decision"
_KINDS: Mapping[str, str] = {"this decision": "#d0453e", "other decision": "#d9822b", "span": "#7f8db3"}
_INK: Mapping[str, str] = {"light": "#1c2233", "dark": "#e6e9f2"}
_COLUMNS = (
    Column("Span", "line"),
    Column("Service", "service"),
    Column("Start (ms)", "start", "number"),
    Column("Duration (ms)", "duration", "number"),
    Column("What", "what"),
)


def trace(view: View, decision: Mapping[str, Any]) -> None:
    """Show the collected spans of the decision's trace."""
    found = view.rows("trace", trace_id=decision["trace_id"], limit=MOST_SPANS) if decision["trace_id"] else []
    everything = layout(_with(found, decision), decision["span_id"])
    lines = around(everything)
    st.caption(_caption(len(lines), len(everything), len(found)))
    if len(everything) == 1:
        return
    st.altair_chart(_chart(_bars(lines)), alt=ALT)
    with st.expander("The same as a table" if len(lines) == len(everything) else "All spans as a table"):
        grid(_bars(everything), _COLUMNS, key="trace", alt=ALT)


def _with(found: Sequence[Mapping[str, Any]], decision: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the spans, and the decision's own span if it is not among them."""
    if any(span["span_id"] == decision["span_id"] for span in found):
        return found
    return [*found, {**decision, "name": decision["span_name"]}]


def _caption(shown: int, known: int, found: int) -> str:
    if known == 1:
        return "No other span of this trace was collected."
    more = " or more" if found >= MOST_SPANS else ""
    left_out = f"; the {shown} around the decision are drawn" if known > shown else ""
    return f"{plural(known, 'span')}{more} in this trace{left_out}."


def _bars(lines: Sequence[Line]) -> list[dict[str, Any]]:
    whole = max((line.offset_ms + line.duration_ms for line in lines), default=0) or 1.0
    return [_bar(number, line, whole) for number, line in enumerate(lines)]


def _bar(number: int, line: Line, whole: float) -> dict[str, Any]:
    kind = "this decision" if line.marked else "other decision" if line.verdict else "span"
    depth, name = min(line.depth, DEEPEST), ("▶ " if line.marked else "") + visible(line.name, LONGEST_NAME)
    failed = "failed" if line.failed and not line.verdict else ""
    return {
        "row": number,
        "label": f"{name} ({line.duration_ms:,.3g} ms)" if line.duration_ms else name,
        "indent": INDENT * depth,
        "line": DOTS * depth + name,
        "name": name,
        "service": visible(line.service, LONGEST_NAME),
        "start": line.offset_ms,
        "end": max(line.offset_ms + line.duration_ms, line.offset_ms + whole * SLIVER),
        "duration": line.duration_ms,
        "kind": kind,
        "what": " · ".join(word for word in (kind, line.verdict, failed) if word),
    }


def _chart(bars: Sequence[Mapping[str, Any]]) -> alt.LayerChart:
    data = alt.Chart(pa.Table.from_pylist(list(bars))).encode(
        y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.1, paddingOuter=0.05)),
        tooltip=[
            alt.Tooltip("name:N", title="Span"),
            alt.Tooltip("service:N", title="Service"),
            alt.Tooltip("start:Q", title="Start (ms)", format=",.3f"),
            alt.Tooltip("duration:Q", title="Duration (ms)", format=",.3f"),
            alt.Tooltip("what:N", title="What"),
        ],
    )
    colours = alt.Scale(domain=list(_KINDS), range=list(_KINDS.values()))
    boxes = data.mark_bar(height=9, yOffset=8, cornerRadius=2).encode(
        x=alt.X("start:Q", title="milliseconds", axis=alt.Axis(orient="top", format=",.3~f", tickCount=6)),
        x2="end",
        color=alt.Color("kind:N", title=None, scale=colours, legend=alt.Legend(orient="bottom")),
    )
    names = data.mark_text(
        align="left", dx=alt.ExprRef("datum.indent"), dy=-7, fontSize=12, limit=900, color=_INK[_theme()]
    ).encode(x=alt.value(2), text="label:N")
    chart: alt.LayerChart = (boxes + names).properties(height=LINE_HEIGHT * len(bars) + AROUND_LINES)
    return chart


def _theme() -> str:
    return st.context.theme.type or "light"

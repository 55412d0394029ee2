"""Attempts over time as bars, with a table as the alternative. Dragging over the bars filters by time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import END_OF_TIME, OWNER, PARTS
from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.blocks import block, grid, link_row
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.labels import owner_of
from plane_guard_dashboard.views.period import SECOND, nanoseconds
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plane_guard_dashboard.views.view import View

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = tuple(
    seconds * SECOND
    for seconds in (
        *(1, 5, 15, MINUTE, 5 * MINUTE, 15 * MINUTE),
        *(HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY),
    )
)
_COLOURS = {
    "got through": "#dc2626",
    "blocked on production": "#4f6df5",
    "possibly on production": "#d9822b",
    "blocked elsewhere": "#64748b",
    "expected block": "#94a3b8",
    "allowed in the sandbox": "#2f9e6e",
}
_OTHERS = ("#4f6df5", "#d9822b", "#8b5cf6", "#0f9d8a", "#c2417c", "#2b93d1")
PART, SANDBOX, OTHER, NO_OWNER = "bars", "sandbox", "other", "no owner"
MOST_PARTS, LONGEST_NAME = 6, 60
_COLUMNS = (
    Column("From", "time", "time"),
    Column("Kind", "kind"),
    Column("Decisions", "decisions", "number"),
)
MOST_BARS = 60
FEWEST_SLOTS = 24


def step_for(first: int, last: int) -> int:
    """Return the smallest round step that needs at most MOST_BARS bars, in nanoseconds."""
    return next((step for step in STEPS if (last - first) // step < MOST_BARS), STEPS[-1])


def timeline(view: View, page: str) -> None:
    """Show a bar per slot of time, in parts. Sandbox writes and expected blocks are an option of the address."""
    first, last = _ends(view)
    step = step_for(first, last)
    part, everything = _part(), SANDBOX in st.query_params
    rows = view.rows(f"timeline_by_{part}", step=step, with_sandbox=everything)
    st.header("Over time")
    _choices(page, part, everything=everything)
    if not rows:
        st.caption("No attempts in this period.")
        return
    if part == OWNER:
        rows = [{**row, "kind": owner_of(row["kind"]) or NO_OWNER} for row in rows]
    shown = _largest(rows)
    bars = [{**row, "time": row["slot"] * step} for row in shown]
    before = max(1, (FEWEST_SLOTS - (last - first) // step) // 2)
    total = plural(sum(row["decisions"] for row in rows), "decision")
    block(
        "timeline",
        "timeline",
        label=f"{total} over time, by {part}, as in the table below",
        page="" if page == links.HOME else page,
        step=step // 1_000_000,
        first=first // step - before,
        slots=last // step - first // step + 1 + 2 * before,
        kinds=list(_colours(row["kind"] for row in shown).items()),
        bars=[(row["slot"], row["kind"], row["decisions"]) for row in shown],
    )
    st.caption("Drag over the bars to show only that time, or fill in From and Until under More filters.")
    with st.expander("Table"):
        grid(bars, _COLUMNS, key="timeline-table", alt="Attempts over time, by kind")


def _part() -> str:
    chosen = st.query_params.get(PART, "")
    return chosen if chosen in PARTS else "kind"


def _choices(page: str, part: str, *, everything: bool) -> None:
    query = links.query()
    other = {name: values for name, values in query.items() if name != SANDBOX}
    sandbox = other if everything else {**other, SANDBOX: ["1"]}
    choices = [(f"By {name}", links.with_query(page, {**query, PART: [name]})) for name in PARTS]
    said = "Without sandbox writes and expected blocks" if everything else "With sandbox writes and expected blocks"
    link_row([*choices, (said, links.with_query(page, sandbox))], key=PART, alt="Bars", chosen=f"By {part}")


def _largest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with all but the largest parts as one, because more colours cannot be told apart."""
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["kind"]] += row["decisions"]
    shown = {name for name, _ in totals.most_common(MOST_PARTS)}
    merged: Counter[tuple[int, str]] = Counter()
    for row in rows:
        name = visible(row["kind"], LONGEST_NAME) if row["kind"] in shown else OTHER
        merged[row["slot"], name] += row["decisions"]
    return [{"slot": slot, "kind": kind, "decisions": number} for (slot, kind), number in merged.items()]


def _ends(view: View) -> tuple[int, int]:
    span = view.row("scope")
    chosen = view.filters
    if not chosen.since_ns:
        return span["first_ns"], span["last_ns"]
    until = min(chosen.until_ns, nanoseconds(view.now)) if chosen.until_ns != END_OF_TIME else nanoseconds(view.now)
    return chosen.since_ns, max(until - 1, span["last_ns"])


def _colours(kinds: Iterable[str]) -> dict[str, str]:
    kinds = set(kinds)
    present = sorted(kinds - {OTHER})
    if set(present) <= set(_COLOURS):
        return {kind: colour for kind, colour in _COLOURS.items() if kind in present}
    rest = {OTHER: "#64748b"} if OTHER in kinds else {}
    return {**dict(zip(present, _OTHERS, strict=False)), **rest}

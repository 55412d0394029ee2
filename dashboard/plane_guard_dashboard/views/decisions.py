"""The list of decisions, and the account of what was read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard._wording import plural
from plane_guard_dashboard.queries import MOST_ROWS, Filters

if TYPE_CHECKING:
    from plane_guard_dashboard.store import Store
    from plane_guard_dashboard.traces import Accounting

_COLUMNS = {
    "Time (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
    "Test": st.column_config.TextColumn(width=300),
    "Project": st.column_config.TextColumn(width=120),
    "Work item": st.column_config.TextColumn(width=120),
    "Decision": st.column_config.TextColumn(width=120),
}


def decisions(store: Store, chosen: Filters, matching: int) -> None:
    """The latest decisions that match, as plain text in a grid."""
    latest = store.query("latest", limit=MOST_ROWS, **chosen.parameters())
    st.subheader("Decisions")
    st.caption(f"Showing the latest {len(latest):,} of {matching:,}.")
    st.dataframe(
        [_shown(row) for row in latest],
        hide_index=True,
        column_config=_COLUMNS,
        alt="The decisions that match the filters, latest first",
    )


def outcome(value: str, *, expected: bool) -> str:
    """A sign and a word, so that it holds without colour."""
    if value == "allow":
        return "✔ allowed"
    return "◌ expected block" if expected else "✖ blocked"


def account(read: Accounting) -> None:
    """How much was read, and what could not be."""
    st.caption(
        f"Read {plural(read.lines, 'line')} of {plural(read.files, 'file')}; "
        f"{plural(read.duplicates, 'duplicate')} left out, {plural(read.unreadable_lines, 'line')} "
        f"and {plural(read.unreadable_files, 'file')} could not be read in full."
    )
    if not read.samples:
        return
    with st.expander("What could not be read", icon=":material/warning:"):
        st.dataframe(
            [{"File": bad.file, "Byte": bad.offset, "Why": bad.reason} for bad in read.samples],
            hide_index=True,
            alt="Lines and files that could not be read",
        )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "Time (UTC)": row["ts"],
        "Outcome": outcome(row["outcome"], expected=row["expected"]),
        "Test": row["test"],
        "Operation": row["op"],
        "Reason": row["reason"],
        "Project": row["project"],
        "Work item": row["work_item"],
        "Called from": row["caller"],
        "Target": row["target"],
        "Run": row["run"],
        "Made by": "demo" if row["demo"] else "test",
        "Decision": row["decision_id"],
    }

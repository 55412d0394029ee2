"""Ingest health: the engine, the sources, and the lines that could not be read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.views.blocks import grid
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from plane_guard_dashboard.store import Health

_SOURCES = (
    Column("Source", "name"),
    Column("Size", "size", "bytes"),
    Column("Read", "read", "bytes"),
    Column("Not read yet", "lag", "bytes"),
    Column("Lines", "lines", "number"),
    Column("Bad lines", "unreadable_lines", "number"),
)
_BAD = (Column("File", "file"), Column("Byte", "offset", "number"), Column("Why", "reason"))


def account(health: Health) -> None:
    """Show figures, location, sources and unreadable lines."""
    _figures(health)
    st.caption(f"{health.engine} reads this source and never changes it.")
    st.code(visible(health.place), language=None, wrap_lines=True)
    if health.cache:
        st.caption("Cache location, or the reason why caching is off. The cache is safe to delete.")
        st.code(visible(health.cache), language=None, wrap_lines=True)
    _sources(health)
    _bad(health)


def _figures(health: Health) -> None:
    figures = {
        "Lines read": (health.lines, "One line holds one span, or many."),
        "Bad lines": (health.unreadable_lines, "Could not be read, or only in part."),
        "Bad files": (health.unreadable_files, "Could not be opened."),
        "Duplicates": (health.duplicates, "A decision that arrives several times counts once."),
        "Pending": (health.pending_lines, "Lines that are still being written."),
    }
    with st.container(horizontal=True):
        for label, (count, meaning) in figures.items():
            st.metric(label, f"{count:,}", help=meaning, border=True, width=150)


def _sources(health: Health) -> None:
    st.header("Sources")
    shown = health.sources[:MOST_ROWS]
    st.caption(f"Every file or table, and how much of it was read. Showing {len(shown):,} of {len(health.sources):,}.")
    rows = [{**asdict(source), "lag": max(0, source.size - source.read)} for source in shown]
    grid(rows, _SOURCES, key="sources", alt="What is read")


def _bad(health: Health) -> None:
    st.header("Bad lines")
    if not health.samples:
        st.caption("All lines could be read.")
        return
    st.caption(
        f"{plural(health.unreadable_lines, 'line')} and {plural(health.unreadable_files, 'file')} could not be read "
        f"in full. A decision may be missing for each. The first {len(health.samples)}:"
    )
    grid([asdict(sample) for sample in health.samples], _BAD, key="bad", alt="Lines that could not be read")

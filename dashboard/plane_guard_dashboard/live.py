"""Keeps the page in step with the traces: read once per change, looked at every few seconds."""

from __future__ import annotations

import streamlit as st

from plane_guard_dashboard import traces
from plane_guard_dashboard.store import Store

SECONDS_BETWEEN_LOOKS = 2


def load(source: str) -> Store | traces.NoTracesError:
    """The traces as a store, or why there are none."""
    seen = traces.fingerprint(source)
    st.session_state["_seen"] = seen
    try:
        return _store(source, seen)
    except traces.NoTracesError as error:
        return error


@st.cache_resource(max_entries=2, show_spinner="Reading traces …")
def _store(source: str, seen: tuple[tuple[str, int, int], ...]) -> Store:  # noqa: ARG001 - `seen` is the cache's key
    return Store(traces.read(source))


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def follow(source: str) -> None:
    """Look again and again while the page is open."""
    look(source)


def look(source: str) -> None:
    """Rerun the page when there is something new to read."""
    if traces.fingerprint(source) != st.session_state.get("_seen"):
        st.rerun()

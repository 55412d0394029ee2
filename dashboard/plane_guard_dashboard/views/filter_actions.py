"""Changes the filters from within a page: one value only, one value left out, or none at all.

For callbacks (`on_click=narrow.only, args=(field, value)`): the widgets that hold the filters are already drawn when a
page runs, and only a callback comes before them. The address bar follows by itself.
"""

from __future__ import annotations

import streamlit as st

from plane_guard_dashboard.store.queries import ANY, FIELDS
from plane_guard_dashboard.views.period import ALL_TIME

RANGE, SINCE, UNTIL, CONTAINS, ORIGIN, ISSUE, WITHOUT = (
    "range",
    "from",
    "until",
    "contains",
    "origin",
    "issue",
    "without",
)
KEYS = (RANGE, SINCE, UNTIL, *FIELDS, CONTAINS, ORIGIN, ISSUE, WITHOUT)

DEFAULTS = {RANGE: ALL_TIME, SINCE: "", UNTIL: "", CONTAINS: "", ORIGIN: ANY, ISSUE: ""}  # of the others: an empty list


def only(field: str, value: str) -> None:
    """Show nothing but this value."""
    st.session_state[field] = [value]
    _leave_in(field, value)


def without(field: str, value: str) -> None:
    """Leave this value out."""
    st.session_state[field] = [one for one in st.session_state.get(field, ()) if one != value]
    known = list(st.session_state.get(WITHOUT, ()))
    st.session_state[WITHOUT] = [*known, *({excluded(field, value)} - set(known))]


def between(since: str, until: str) -> None:
    """Show this time only; each is written as in the address bar."""
    st.session_state[SINCE], st.session_state[UNTIL] = since, until


def clear() -> None:
    """Show everything."""
    for key in KEYS:
        st.session_state[key] = DEFAULTS.get(key, [])


def excluded(field: str, value: str) -> str:
    """How the filter `without` names a value."""
    return f"{field}:{value}"


def _leave_in(field: str, value: str) -> None:
    known = st.session_state.get(WITHOUT, ())
    st.session_state[WITHOUT] = [one for one in known if one != excluded(field, value)]

"""Change the filters from within a page: one value only, all but one value, or no filter.

Use these as callbacks (`on_click=filter_actions.only, args=(field, value)`). The filter widgets are drawn before a page
runs, and only a callback runs before them. The address bar follows.
"""

from __future__ import annotations

import streamlit as st

from plane_guard_dashboard.store.queries import FIELDS
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
AUTO = "auto"
"""Real tests, or the demo if there are no others."""
KEYS = (RANGE, SINCE, UNTIL, *FIELDS, CONTAINS, ORIGIN, ISSUE, WITHOUT)

DEFAULTS = {
    RANGE: ALL_TIME,
    SINCE: "",
    UNTIL: "",
    CONTAINS: "",
    ORIGIN: AUTO,
    ISSUE: "",
}  # of the others: an empty list


def only(field: str, value: str) -> None:
    """Show only this value."""
    st.session_state[field] = [value]
    _leave_in(field, value)


def without(field: str, value: str) -> None:
    """Hide this value."""
    st.session_state[field] = [one for one in st.session_state.get(field, ()) if one != value]
    known = list(st.session_state.get(WITHOUT, ()))
    st.session_state[WITHOUT] = [*known, *({excluded(field, value)} - set(known))]


def between(since: str, until: str) -> None:
    """Show only this period. Both times have the form of the address bar."""
    st.session_state[SINCE], st.session_state[UNTIL] = since, until


def clear() -> None:
    """Show everything."""
    for key in KEYS:
        st.session_state[key] = DEFAULTS.get(key, [])


def excluded(field: str, value: str) -> str:
    """Return the name of a value in the filter `without`."""
    return f"{field}:{value}"


def _leave_in(field: str, value: str) -> None:
    known = st.session_state.get(WITHOUT, ())
    st.session_state[WITHOUT] = [one for one in known if one != excluded(field, value)]

"""The filters beside a page. The address bar holds their state, so a view can be linked and reloaded.

Each widget is bound to the query parameter with the name of its key (`filter_actions.KEYS`). The entry script draws the
filters for every page, so they stay when the page changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import FIELDS, Filters, Origins
from plane_guard_dashboard.views import filter_actions
from plane_guard_dashboard.views.period import ALL_TIME, PRESETS, Period, period, read

if TYPE_CHECKING:
    from datetime import datetime

Values = Callable[[str], list[str]]

LABELS = {name: name.title() for name in FIELDS} | {"op": "Operation"}
COMMON = ("verdict", "target", "reason", "run", "test")
RARE = tuple(name for name in FIELDS if name not in COMMON)
_PUT_AWAY = (
    *RARE,
    filter_actions.WITHOUT,
    filter_actions.ORIGIN,
    filter_actions.ISSUE,
    filter_actions.SINCE,
    filter_actions.UNTIL,
)
_TIMES = (filter_actions.SINCE, filter_actions.UNTIL)
_LONGEST_VALUE = 60
_MOST_TO_LEAVE_OUT = 20


def filters(values: Values, now: datetime) -> Filters:
    """Draw the filters and return their state. `values` returns the values of a field, most frequent first."""
    _keep()
    known = {name: values(name) for name in FIELDS}
    with st.sidebar:
        preset = st.selectbox("Time", list(PRESETS), key=filter_actions.RANGE, bind="query-params") or ALL_TIME
        only = {name: _many(LABELS[name], name, known[name]) for name in COMMON}
        containing = _text("Test contains", filter_actions.CONTAINS, "tests/test_orders.py")
        with st.expander("More filters", expanded=any(map(_used_now, _PUT_AWAY))):
            only |= {name: _many(LABELS[name], name, known[name]) for name in RARE}
            without = _many("Leave out", filter_actions.WITHOUT, _to_leave_out(known))
            origin = _origin()
            issue = _text("Fingerprint", filter_actions.ISSUE, "of attempts that are alike")
            chosen = _period(preset, now)
    return Filters(chosen.since_ns, chosen.until_ns, origin, containing, issue, _used(only), _left_out(without))


def _keep() -> None:
    # A click on another page in the first instant of this one loses what the address said, though not what it meant.
    for key in filter_actions.KEYS:
        if _set(key) and key not in st.query_params:
            st.session_state[key] = st.session_state[key]


def _set(key: str) -> bool:
    value = st.session_state.get(key)
    return bool(value) and value != filter_actions.DEFAULTS.get(key)


def _used_now(key: str) -> bool:
    # At first only the address knows: the widget is not there yet.
    return _set(key) or (key not in st.session_state and key in st.query_params)


def summary() -> list[str]:
    """Return the filters in use, each as plain text. An invalid time is not in use."""
    parts = []
    for key in filter(_set, filter_actions.KEYS):
        value = st.session_state[key]
        if key in _TIMES and read(value) is None:
            continue
        values = value if isinstance(value, list) else [value]
        parts.append(f"{key}: {', '.join(visible(one, _LONGEST_VALUE) for one in values)}")
    return parts


def active() -> None:
    """Show the filters in use and a button that clears them. Show nothing if there are none."""
    if parts := summary():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"Filtered by {' · '.join(parts)}", width="content")
            st.button("Clear", key="clear", on_click=filter_actions.clear, type="tertiary", icon=":material/close:")


def _many(label: str, key: str, options: list[str]) -> tuple[str, ...]:
    # With accept_new_options a value in the address that nothing has (any more) filters too, instead of being dropped.
    return tuple(
        st.multiselect(
            label,
            options,
            key=key,
            bind="query-params",
            placeholder="Any",
            accept_new_options=True,
            select_all=False,
        )
    )


def _text(label: str, key: str, example: str) -> str:
    return (st.text_input(label, key=key, bind="query-params", placeholder=example) or "").strip()


def _origin() -> str:
    names = [filter_actions.AUTO, *(origin.value for origin in Origins)]
    return st.selectbox("Decisions of", names, key=filter_actions.ORIGIN, bind="query-params") or filter_actions.AUTO


def _period(preset: str, now: datetime) -> Period:
    since = _text("From (UTC)", filter_actions.SINCE, "2026-01-31T10:00")
    until = _text("Until (UTC)", filter_actions.UNTIL, "2026-01-31T11:00")
    chosen = period(preset, since, until, now)
    if chosen.misread:
        st.warning("Invalid time, ignored. Use the form 2026-01-31T10:00.")
    return chosen


def _used(only: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: chosen for name, chosen in only.items() if chosen}


def _to_leave_out(known: Mapping[str, list[str]]) -> list[str]:
    return [filter_actions.excluded(name, value) for name in FIELDS for value in known[name][:_MOST_TO_LEAVE_OUT]]


def _left_out(chosen: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in chosen:
        name, _, value = one.partition(":")
        if name in FIELDS:
            found[name] = (*found.get(name, ()), value)
    return found

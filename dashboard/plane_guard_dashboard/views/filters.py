"""The filters beside a page. The address bar holds their state, so that a view can be linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.queries import ANY, MOST_ROWS, Filters, Origins
from plane_guard_dashboard.rows import PROD

if TYPE_CHECKING:
    from plane_guard_dashboard.store import Store

_OUTCOMES = {"block": "Blocked", "allow": "Allowed", ANY: "Any"}
_TARGETS = {PROD: "Production", "sandbox": "Sandbox", "unresolved": "Unresolved", ANY: "Any"}
_ORIGINS = {Origins.ANY.value: "Any", Origins.TESTS.value: "Tests", Origins.DEMO.value: "Demo"}


def filters(store: Store) -> Filters:
    """What the reader of the page asked for."""
    with st.sidebar:
        st.subheader("Filters")
        return Filters(
            run=_run(store),
            target=_pick("Target", "target", _TARGETS),
            outcome=_one("Outcome", "outcome", _OUTCOMES, "block"),
            reason=_many("Reason", "reason", store.values("reasons", MOST_ROWS)),
            op=_many("Operation", "op", store.values("ops", MOST_ROWS)),
            project=_many("Project", "project", store.values("projects", MOST_ROWS)),
            test=_text("Test contains", "test"),
            origin=_one("Decisions of", "origin", _ORIGINS, Origins.ANY.value),
            expected=st.toggle("Include expected blocks", key="expected", bind="query-params"),
        )


def _run(store: Store) -> str:
    runs = [ANY, *store.values("runs", MOST_ROWS)]
    chosen = st.selectbox(
        "Run", runs, key="run", bind="query-params", format_func=lambda run: "All runs" if run == ANY else run
    )
    return chosen or ANY


def _one(label: str, key: str, options: dict[str, str], default: str) -> str:
    chosen = st.segmented_control(
        label,
        list(options),
        default=default,
        required=True,
        format_func=options.__getitem__,
        key=key,
        width="stretch",
        bind="query-params",
    )
    return chosen or ANY


def _pick(label: str, key: str, options: dict[str, str]) -> str:
    chosen = st.selectbox(label, list(options), format_func=options.__getitem__, key=key, bind="query-params")
    return chosen or ANY


def _many(label: str, key: str, options: list[str]) -> tuple[str, ...]:
    return tuple(st.multiselect(label, options, key=key, bind="query-params", placeholder="Any"))


def _text(label: str, key: str) -> str:
    return (st.text_input(label, key=key, bind="query-params", placeholder="tests/test_orders.py") or "").strip()

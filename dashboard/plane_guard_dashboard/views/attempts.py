"""Attempts: what tried to write to production, from which test, and why it was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.traces import NoTracesError
from plane_guard_dashboard.views.decisions import account, decisions
from plane_guard_dashboard.views.figures import head
from plane_guard_dashboard.views.filters import filters
from plane_guard_dashboard.views.states import nothing, quiet, unmatched
from plane_guard_dashboard.views.timeline import timeline

if TYPE_CHECKING:
    from datetime import datetime

    from plane_guard_dashboard.queries import Filters
    from plane_guard_dashboard.store import Store


def attempts(found: Store | NoTracesError, now: datetime) -> None:
    """The page."""
    if isinstance(found, NoTracesError):
        nothing(found)
        return
    chosen = filters(found)
    scope = found.one("scope", **chosen.parameters())
    processes = found.one("processes", **chosen.parameters())["processes"]
    leaks = found.one("leaks")["prod_allowed"]
    head(scope, processes, leaks, now)
    if not scope["prod_attempts"] and not leaks:
        quiet(processes, scope["decisions"])
    _matching(found, chosen, scope["decisions"])
    account(found.accounting)


def _matching(store: Store, chosen: Filters, in_scope: int) -> None:
    span = store.one("span", **chosen.parameters())
    if span["matching"]:
        st.subheader("Over time")
        timeline(store, chosen, span["first"], span["last"])
        decisions(store, chosen, span["matching"])
    elif in_scope:
        unmatched(in_scope)

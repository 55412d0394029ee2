"""Addresses of the dashboard's own pages, which keep the filters."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from plane_guard_dashboard.views.filters import kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOME = "overview"


def query() -> dict[str, list[str]]:
    """Return the parameters of the address."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def address(page: str, **params: str) -> str:
    """Return the address of a page with parameters of its own and the filters of this view."""
    return with_query(page, {**kept(query()), **{name: [value] for name, value in params.items()}})


def with_query(page: str, params: Mapping[str, Sequence[str]]) -> str:
    """Return the address of a page with these parameters."""
    text = urlencode({name: list(values) for name, values in params.items() if values}, doseq=True)
    return ("" if page == HOME else page) + (f"?{text}" if text else "")


def decision(decision_id: str) -> str:
    """Return the address of a decision."""
    return address("decision", id=decision_id)

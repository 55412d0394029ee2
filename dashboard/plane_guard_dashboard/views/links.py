"""Ways from page to page, which keep the filters, and out to the place where whole traces are shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamlit.navigation.page import Page

TRACE_URL = "PLANE_GUARD_TRACE_URL"
_PAGES = "_pages"


def register(pages: Mapping[str, Page]) -> None:
    """Remember the pages of this run by their names; the entry script does so before a page runs."""
    st.session_state[_PAGES] = pages


def to_decision(decision_id: str) -> None:
    """Go to one decision."""
    to_page("decision", id=decision_id)


def to_page(name: str, **params: str) -> None:
    """Go to a page. `params` are its own; the filters go along by themselves."""
    st.switch_page(st.session_state[_PAGES][name], query_params=params)


def trace_link(trace_id: str, span_id: str) -> str | None:
    """Where the trace is shown in full, by the template in the environment; None without one, or with a wrong one."""
    template = os.environ.get(TRACE_URL, "")
    if not trace_id or not _is_web(template):
        return None
    ids = {"trace_id": trace_id, "span_id": span_id}
    for name, value in ids.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _is_web(template: str) -> bool:
    try:
        parts = urlsplit(template)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "{" not in parts.netloc

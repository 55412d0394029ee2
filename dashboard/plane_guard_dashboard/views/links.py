"""Links between pages, which keep the filters, and links out to a trace backend or a CI job."""

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
    """Remember the pages of this run by name. The entry script calls this before a page runs."""
    st.session_state[_PAGES] = pages


def to_decision(decision_id: str) -> None:
    """Open the page of one decision."""
    to_page("decision", id=decision_id)


def to_page(name: str, **params: str) -> None:
    """Open a page with parameters of its own. The filters stay."""
    st.switch_page(st.session_state[_PAGES][name], query_params=params)


def trace_link(trace_id: str, span_id: str) -> str | None:
    """Return the trace's address by the template in the environment, or None if it is unset or invalid."""
    template = os.environ.get(TRACE_URL, "")
    if not trace_id or not _is_web(template):
        return None
    ids = {"trace_id": trace_id, "span_id": span_id}
    for name, value in ids.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def is_web(address: str) -> bool:
    """Return if a browser may open this address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and address.isprintable()


def _is_web(template: str) -> bool:
    try:
        parts = urlsplit(template)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "{" not in parts.netloc

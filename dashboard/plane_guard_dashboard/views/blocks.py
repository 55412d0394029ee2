"""Blocks of a page that Streamlit has no widget for: tables of links, facts, commands to copy, filters.

`browser/page.js` renders them. Text reaches the browser as JSON and becomes text there, never markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.views import export

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plane_guard_dashboard.views.columns import Column, Fact

    Row = Mapping[str, Any]

LONGEST_TEXT = 2000
_BROWSER = Path(__file__).with_name("browser")
_render = st.components.v2.component(
    "plane_guard_block",
    html='<div id="block"></div>',
    css=(_BROWSER / "page.css").read_text("utf-8"),
    js=(_BROWSER / "page.js").read_text("utf-8"),
)


def grid(
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    key: str,
    alt: str,
    opens: Callable[[Row], str] | None = None,
) -> None:
    """Show rows, and buttons to export them. A click on a row, or Enter on its link, leads to the address of `opens`.

    A row with a true value under `prod_allowed` is marked as a write that got through.
    """
    lines = [
        {
            "cells": [_cell(row[column.key]) for column in columns],
            "href": opens(row) if opens else "",
            "mark": "leak" if row.get("prod_allowed") else "",
        }
        for row in rows
    ]
    heads = [{"label": column.label, "kind": column.kind, "under": column.under} for column in columns]
    block("table", key, label=alt, columns=heads, rows=lines)
    with st.container(horizontal=True):
        export.buttons(rows, columns, key)


def facts(found: Sequence[Fact], *, key: str, alt: str) -> None:
    """Show labelled values. Unknown ones are left out."""
    known = [(fact.label, fact.kind, _cell(fact.value)) for fact in found if fact.value not in (None, "", "(none)", 0)]
    block("facts", key, label=alt, items=known)


def commands(found: Mapping[str, str], *, key: str, alt: str) -> None:
    """Show named texts, each with a button that copies it."""
    block("commands", key, label=alt, items=[(name, text) for name, text in found.items() if text])


def link_row(found: Sequence[tuple[str, str]], *, key: str, alt: str, chosen: str = "") -> None:
    """Show links to addresses of the dashboard. The one with the text `chosen` is marked."""
    items = [{"text": text, "href": href, "on": text == chosen} for text, href in found]
    block("links", key, label=alt, items=items)


def block(kind: str, key: str, **data: Any) -> None:
    """Show one block of `page.js`."""
    _render(key=f"block-{key}", data={"block": kind, **data})


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_cell(one) for one in value]
    return visible(value, LONGEST_TEXT) if isinstance(value, str) else value

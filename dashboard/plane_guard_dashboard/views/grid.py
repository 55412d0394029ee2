"""A grid of plain text, never Markdown. Its values can be used as filters and exported as a file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.views import export, filter_actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plane_guard_dashboard.views.columns import Column

LONGEST_TEXT = 2000
_NAMES = {"op": "operation"}

Row = dict[str, Any]
Chosen = tuple[Row, "str | None"]


def grid(rows: Sequence[Row], columns: Sequence[Column], *, key: str, alt: str, select: bool = False) -> Row | None:
    """Show rows. With `select`, return the selected row.

    A selected cell can be used as a filter. A selection stays while other rows come and go.
    """
    narrowing = any(column.narrows for column in columns)
    chosen = _shown(rows, columns, key, alt, _modes(select=select, narrowing=narrowing))
    with st.container(horizontal=True, vertical_alignment="center"):
        opened = bool(chosen and chosen[1] and select and st.button("Open", key=f"{key}-open", type="primary"))
        if chosen and chosen[1]:
            _narrowing(chosen[0], chosen[1], columns, key)
        export.buttons(rows, columns, key)
    return chosen[0] if chosen and (opened or not chosen[1]) else None


def _modes(*, select: bool, narrowing: bool) -> list[Any]:
    return ["single-row"] * select + ["single-cell"] * narrowing


def _shown(rows: Sequence[Row], columns: Sequence[Column], key: str, alt: str, modes: list[Any]) -> Chosen | None:
    plain: dict[str, Any] = {
        "hide_index": True,
        "column_config": {column.label: column.config for column in columns if column.config is not None},
        "alt": alt,
    }
    if not modes:
        st.dataframe(table(rows, columns), **plain)
        return None
    name = f"{key}-{_digest(rows, columns)}"
    default = _carried(name, key, rows)
    state = st.dataframe(
        table(rows, columns), key=name, on_select="rerun", selection_mode=modes, selection_default=default, **plain
    )
    st.session_state[f"_grid_{key}"] = (name, tuple(rows))
    return _chosen(state, rows)


def table(rows: Sequence[Row], columns: Sequence[Column]) -> pa.Table:
    """Return the cells as they are shown."""
    return pa.table({column.label: [_cell(row[column.key]) for row in rows] for column in columns})


def _cell(value: object) -> object:
    return visible(value, LONGEST_TEXT) if isinstance(value, str) else value


def _digest(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    cells = repr([[row[column.key] for column in columns] for row in rows])
    return hashlib.sha256(cells.encode(errors="replace")).hexdigest()[:16]


def _carried(name: str, key: str, rows: Sequence[Row]) -> Any:
    """Return the selection for the new rows, so that a click never selects another row."""
    before, old_rows = st.session_state.get(f"_grid_{key}", (name, ()))
    if before == name:
        return None
    chosen = _chosen(st.session_state.get(before), old_rows)
    if chosen is None or chosen[0] not in rows:
        return None
    index = list(rows).index(chosen[0])
    return {"selection": {"cells": [(index, chosen[1])]} if chosen[1] else {"rows": [index]}}


def _chosen(state: Any, rows: Sequence[Row]) -> Chosen | None:
    selection = (state or {}).get("selection", {})
    places = [*selection.get("cells", ()), *((index, None) for index in selection.get("rows", ()))]
    return next(((rows[index], label) for index, label in places if index < len(rows)), None)


def _narrowing(row: Row, label: str, columns: Sequence[Column], key: str) -> None:
    for column in columns:
        if column.narrows and label == column.label:
            name = _NAMES.get(column.narrows, column.narrows)
            for words, change in (
                (f"Only this {name}", filter_actions.only),
                (f"Without this {name}", filter_actions.without),
            ):
                field, value = column.narrows, str(row[column.key])
                st.button(words, key=f"{key}-{change.__name__}-{field}", on_click=change, args=(field, value))

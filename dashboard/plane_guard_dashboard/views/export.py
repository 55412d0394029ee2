"""Export the rows of a grid as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import streamlit as st

from plane_guard_dashboard.evidence.rows import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.columns import Column

_TIMES = ("time", "ago")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def buttons(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], key: str) -> None:
    """Show a button per kind of file. The file is created on click."""
    for name, kind, make in (("CSV", "text/csv", as_csv), ("Parquet", "application/vnd.apache.parquet", as_parquet)):
        st.download_button(
            name,
            partial(make, rows, columns),
            file_name=f"plane-guard-{key}.{name.lower()}",
            mime=kind,
            key=f"{key}-{name}",
            help=f"These {len(rows)} rows as {name}",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> bytes:
    """Return the rows as CSV. No cell is a formula for a spreadsheet."""
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(column.label for column in columns)
    sheet.writerows([_harmless(_value(row, column)) for column in columns] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def as_parquet(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> bytes:
    """Return the rows as Parquet."""
    file = io.BytesIO()
    pq.write_table(pa.table({column.label: [_value(row, column) for row in rows] for column in columns}), file)
    return file.getvalue()


def _value(row: Mapping[str, Any], column: Column) -> Any:
    value = row[column.key]
    return moment(value) if column.kind in _TIMES else value


def _harmless(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

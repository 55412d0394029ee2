"""The grid: plain text, rows that lead on, and files that are harmless to a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from streamlit.testing.v1 import AppTest

from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.export import as_csv, as_parquet
from tests.dashboard.pages.single import HOSTILE, grid, markdown, opened, tables

COLUMNS = (Column("Test", "test", "test"), Column("Attempts", "attempts", "number"))
ROWS = [{"test": f"test-{number}", "attempts": number, "id": f"id-{number}"} for number in range(3)]


def _script(rows: object, columns: object) -> None:
    from plane_guard_dashboard.views import links
    from plane_guard_dashboard.views.blocks import grid

    grid(rows, columns, key="g", alt="A grid", opens=lambda row: links.decision(row["id"]))  # type: ignore[arg-type]


def shown(rows: list[dict[str, Any]], **query: str) -> AppTest:
    app = AppTest.from_function(_script, kwargs={"rows": rows, "columns": COLUMNS})
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_a_row_leads_to_an_address_that_keeps_the_filters() -> None:
    app = shown(ROWS, op="comment", live="off", group="g")
    assert opened(app, 0, 1) == "decision?op=comment&live=off&id=id-1"
    assert grid(app)[2] == {"Test": "test-2", "Attempts": 2}


def test_a_write_that_got_through_is_marked() -> None:
    app = shown([{**ROWS[0], "prod_allowed": True}, ROWS[1]])
    assert [row["mark"] for row in tables(app)[0]["rows"]] == ["leak", ""]


def test_an_empty_grid_is_shown() -> None:
    assert grid(shown([])) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_cells_are_text(text: str) -> None:
    app = shown([{"test": text, "attempts": 1, "id": "x"}])
    assert text[:50] not in markdown(app)
    (row,) = grid(app)
    assert row["Test"][:20].isprintable()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    rows = [{"test": f"{start}cmd()|' /C calc'!A0", "attempts": -1}]
    (_, cells) = csv.reader(io.StringIO(as_csv(rows, COLUMNS).decode(), newline=""))
    assert cells == [f"'{start}cmd()|' /C calc'!A0", "-1"]


def test_the_csv_has_headings_times_and_every_letter() -> None:
    rows = [{"test": '日本語, "quoted"\nline', "at": 1_767_312_000_000_000_000}]
    columns = (COLUMNS[0], Column("When", "at", "ago"))
    found = list(csv.reader(io.StringIO(as_csv(rows, columns).decode(), newline="")))
    assert found == [["Test", "When"], ['日本語, "quoted"\nline', "2026-01-02T00:00:00+00:00"]]


def test_the_parquet_file_has_the_values_as_they_are() -> None:
    table = pq.read_table(io.BytesIO(as_parquet([{"test": "=x", "attempts": 3}], COLUMNS)))
    assert table.to_pylist() == [{"Test": "=x", "Attempts": 3}]

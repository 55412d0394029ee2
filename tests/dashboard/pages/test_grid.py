"""The grid: plain text, a choice that is never taken for another row, and files that are harmless to a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from streamlit.testing.v1 import AppTest

from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.export import as_csv, as_parquet
from tests.dashboard.pages.single import HOSTILE, markdown

COLUMNS = (Column("Test", "test", "test"), Column("Attempts", "attempts"))
ROWS = [{"test": f"test-{number}", "attempts": number, "id": f"id-{number}"} for number in range(3)]


def _script(rows: object, columns: object, *, select: bool) -> None:
    import streamlit as st

    from plane_guard_dashboard.views.grid import grid

    chosen = grid(st.session_state.get("rows", rows), columns, key="g", alt="A grid", select=select)  # type: ignore[arg-type]
    st.text(f"chosen: {chosen['id'] if chosen else None}")


def shown(rows: list[dict[str, Any]], *, select: bool = True) -> AppTest:
    app = AppTest.from_function(_script, kwargs={"rows": rows, "columns": COLUMNS, "select": select})
    app.run()
    assert not app.exception
    return app


def choose(app: AppTest, **selection: Any) -> AppTest:
    name, _ = app.session_state["_grid_g"]
    app.session_state[name] = {"selection": {"rows": [], "columns": [], "cells": [], **selection}}
    app.run()
    assert not app.exception
    return app


def chosen(app: AppTest) -> str:
    return str(app.text[0].value).removeprefix("chosen: ")


def test_without_a_choice_there_is_no_row() -> None:
    app = shown(ROWS)
    assert chosen(app) == "None"
    assert not app.button


def test_a_ticked_row_is_returned_as_it_was_given() -> None:
    assert chosen(choose(shown(ROWS), rows=[1])) == "id-1"


def test_a_cell_can_be_filtered_by_and_opened() -> None:
    app = choose(shown(ROWS), cells=[(2, "Test")])
    assert chosen(app) == "None"
    assert [button.label for button in app.button] == ["Open", "Only this test", "Without this test"]
    app.button(key="g-only-test").click().run()
    assert app.session_state["test"] == ["test-2"]
    app.button(key="g-without-test").click().run()
    assert app.session_state["without"] == ["test:test-2"]
    app.button(key="g-open").click().run()
    assert chosen(app) == "id-2"


def test_a_cell_of_another_column_offers_no_filter() -> None:
    app = choose(shown(ROWS, select=False), cells=[(2, "Attempts")])
    assert not app.button


def test_a_choice_follows_its_row_when_others_come() -> None:
    app = choose(shown(ROWS), rows=[1])
    app.session_state["rows"] = [{"test": "new", "attempts": 9, "id": "id-9"}, *ROWS]
    assert chosen(app.run()) == "id-1"
    app.session_state["rows"] = ROWS[:1]
    assert chosen(app.run()) == "None"


def test_an_empty_grid_is_shown() -> None:
    assert len(shown([]).dataframe) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_cells_are_text(text: str) -> None:
    app = shown([{"test": text, "attempts": 1, "id": "x"}])
    choose(app, cells=[(0, "Test")])
    assert text[:50] not in markdown(app)
    (cell,) = app.dataframe[0].value["Test"]
    assert cell[:20].isprintable()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    rows = [{"test": f"{start}cmd()|' /C calc'!A0", "attempts": -1}]
    (_, cells) = csv.reader(io.StringIO(as_csv(rows, COLUMNS).decode(), newline=""))
    assert cells == [f"'{start}cmd()|' /C calc'!A0", "-1"]


def test_the_csv_has_headings_times_and_every_letter() -> None:
    rows = [{"test": '日本語, "quoted"\nline', "attempts": datetime(2026, 1, 2, tzinfo=UTC)}]
    found = list(csv.reader(io.StringIO(as_csv(rows, COLUMNS).decode(), newline="")))
    assert found == [["Test", "Attempts"], ['日本語, "quoted"\nline', "2026-01-02T00:00:00+00:00"]]


def test_the_parquet_file_has_the_values_as_they_are() -> None:
    table = pq.read_table(io.BytesIO(as_parquet([{"test": "=x", "attempts": 3}], COLUMNS)))
    assert table.to_pylist() == [{"Test": "=x", "Attempts": 3}]

"""Somebody else's text, made harmless and still readable."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.console import Console

from plane_guard_dashboard.escaping import LONGEST, markdown, plain, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tests/test_a.py::test_x[prod-1]", "tests/test_a.py::test_x[prod-1]"),
        ("日本語 é 🧪", "日本語 é 🧪"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31m\x07\x9b", "\\x1b[31m\\x07\\x9b"),
        ("\u202eevil\u2066\u200b", "\\u202eevil\\u2066\\u200b"),
        ("x" * (LONGEST + 1), "x" * LONGEST + "…"),
    ],
)
def test_what_steers_a_terminal_is_written_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("test_x[prod]", "`test_x[prod]`"),
        ("<b>", "`<b>`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("`_a_`", "<code>&#96;&#95;a&#95;&#96;</code>"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_a_cell_of_markdown_is_code(text: str, cell: str) -> None:
    assert markdown(text) == cell


@given(some.text())
def test_no_text_ends_a_line_a_cell_or_its_code(text: str) -> None:
    assert len(visible(text).splitlines()) <= 1
    cell = markdown(text)
    assert "|" not in cell
    assert cell.count("`") in {0, 2}


@given(some.text(alphabet="[]/\\bold red:@=", max_size=30))
def test_rich_reads_no_markup_in_any_text(text: str) -> None:
    output = io.StringIO()
    Console(file=output, width=400, emoji=False).print(f"{plain(text)}[bold].[/]")
    assert output.getvalue().replace("\\", "") == f"{visible(text)}.\n".replace("\\", "")

"""The tables of a report: which there are, and how they look on a terminal and in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from plane_guard_dashboard.escaping import markdown, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_dashboard.report.summary import Attempt, Summary

MOST_ATTEMPTS = 100
MOST_COMBINATIONS = 20
COLUMNS = ("Test", "Project", "Work item", "Op", "Reason", "Blocked")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: texts of others, then figures of ours. `more` says what was left out."""

    columns: tuple[str, ...]
    figures: int
    rows: tuple[tuple[str | int, ...], ...]
    more: str = ""


def sheets(summary: Summary) -> Iterator[tuple[str, Sheet]]:
    """Every table that has something to show, with its title."""
    if summary.attempts:
        yield "Attempts to write to production", _attempts(summary)
    if summary.top_tests:
        rows = tuple((test.test, test.blocked, test.prod_attempts) for test in summary.top_tests)
        yield "Tests with most blocked writes", Sheet(("Test", "Blocked", "To production"), 2, rows)
    if summary.by_project_op_reason:
        yield "By project, op and reason", _combinations(summary)


def _attempts(summary: Summary) -> Sheet:
    known = {group.fingerprint for group in summary.groups if group.known}
    rows = tuple(
        (
            *_cells(attempt),
            *(("known" if attempt.fingerprint in known else "new",) if summary.compared else ()),
            attempt.count,
        )
        for attempt in summary.attempts[:MOST_ATTEMPTS]
    )
    columns = (*COLUMNS[:-1], "Since", COLUMNS[-1]) if summary.compared else COLUMNS
    return Sheet(columns, 1, rows, _more(len(summary.attempts), MOST_ATTEMPTS, "kinds of attempt"))


def _combinations(summary: Summary) -> Sheet:
    found = summary.by_project_op_reason
    rows = tuple((one.project, one.op, one.reason, one.allowed, one.blocked, one.expected) for one in found)
    columns = ("Project", "Op", "Reason", "Allowed", "Blocked", "Expected")
    return Sheet(columns, 3, rows[:MOST_COMBINATIONS], _more(len(rows), MOST_COMBINATIONS, "combinations"))


def _cells(attempt: Attempt) -> tuple[str, ...]:
    return (attempt.test, attempt.project, attempt.work_item, attempt.op, attempt.reason)


def _more(number: int, shown: int, what: str) -> str:
    return f"Showing {shown} of {number} {what}." if number > shown else ""


def as_table(sheet: Sheet) -> Table:
    """For a terminal."""
    table = Table(*sheet.columns, header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[-sheet.figures :]:
        column.justify = "right"
    for row in sheet.rows:
        table.add_row(*(Text(visible(str(cell)), overflow="fold") for cell in row))
    return table


def as_markdown(sheet: Sheet) -> str:
    """For a page: every text as code, every figure as it is."""
    texts = len(sheet.columns) - sheet.figures
    rows = [[markdown(cell) if isinstance(cell, str) else str(cell) for cell in row] for row in sheet.rows]
    lines = [sheet.columns, ["---"] * texts + ["---:"] * sheet.figures, *rows]
    return "\n".join([f"| {' | '.join(line)} |" for line in lines] + ([f"\n{sheet.more}"] if sheet.more else []))

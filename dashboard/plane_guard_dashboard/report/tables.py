"""The table of a report: one row per kind of attempt, for a terminal and in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from plane_guard_dashboard.escaping import markdown, visible
from plane_guard_dashboard.evidence.groups import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plane_guard_dashboard.report.summary import Group, Summary

MOST_ROWS = 100


def blocked_groups(summary: Summary) -> Sequence[Group]:
    """Return the groups of blocked writes. Those that got through are not in the table, but above it."""
    return [group for group in summary.groups if not group.prod_allowed]


def more(summary: Summary) -> str:
    """Return the number of the rows that are left out, or an empty string."""
    number = summary.all_groups - sum(bool(group.prod_allowed) for group in summary.groups)
    return f"Showing {MOST_ROWS} of {number:,} kinds of attempt." if number > MOST_ROWS else ""


def kind(group: Group) -> str:
    """Return the target of the blocked writes, for people."""
    if group.prod_attempts:
        return "production"
    return "possibly production" if group.possible_prod_attempts else group.target


def write(group: Group) -> str:
    """Return the operation with its object, for people."""
    item = "" if group.work_item == NOBODY else f" {group.work_item}"
    return f"{group.op}{item} in {group.project}"


def as_table(summary: Summary) -> Table:
    """Return the table for a terminal. The texts stand below each other, so it fits any width."""
    table = Table("Blocked", "Attempt", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[0].justify = "right"
    table.columns[0].no_wrap = True
    for group in blocked_groups(summary)[:MOST_ROWS]:
        table.add_row(f"{group.count:,}", Text("\n".join(map(visible, _lines(summary, group))), overflow="fold"))
    return table


def _lines(summary: Summary, group: Group) -> Iterator[str]:
    yield group.test
    if group.caller:
        yield f"  {group.caller}"
    yield f"  {write(group)}"
    status = ("known" if group.known else "new",) if summary.compared else ()
    yield f"  {' · '.join((kind(group), group.reason, *status))}"
    yield f"  decision {group.decision_id}"


def as_markdown(summary: Summary) -> str:
    """Return the table for a page: every text as code, every figure as it is."""
    since = ("Since",) if summary.compared else ()
    columns = ("Test", "Caller", "Write", "Reason", "Decision", *since, "Blocked")
    lines: list[Sequence[str]] = [columns, ["---"] * (len(columns) - 1) + ["---:"]]
    for group in blocked_groups(summary)[:MOST_ROWS]:
        texts = (group.test, group.caller, f"{write(group)} ({kind(group)})", group.reason, group.decision_id)
        status = ("known" if group.known else "new",) if summary.compared else ()
        lines.append([*map(markdown, (*texts, *status)), str(group.count)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

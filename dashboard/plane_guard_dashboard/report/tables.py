"""The table of a report: one row per kind of attempt, for a terminal and in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from plane_guard_dashboard.escaping import markdown, visible
from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.link_templates import Link
from plane_guard_dashboard.triage import Triage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plane_guard_dashboard.report.summary import GotThrough, Group, Summary

MOST_ROWS = 100
# An address in Markdown ends at a parenthesis, and a cell at a bar.
_IN_MARKDOWN = str.maketrans({"(": "%28", ")": "%29", "|": "%7C", "<": "%3C", ">": "%3E"})


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
    return f"{group.op}{item} in {project(group)}"


def project(one: Group | GotThrough) -> str:
    """Return the project with its name, if pyproject has one for it."""
    return f"{one.project_name} ({one.project})" if one.project_name else one.project


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
    if group.owner:
        yield f"  owner {group.owner}"
    if group.caller:
        yield f"  {group.caller}"
    yield f"  {write(group)}"
    yield f"  {' · '.join((kind(group), group.reason))}"
    if summary.compared:
        yield f"  {standing(group)}"
    yield f"  decision {group.decision_id}{_origin(group)}"
    for name in (Link.WORK_ITEM, Link.JOB):
        if name in group.links:
            yield f"  {group.links[name]}"


def standing(group: Group) -> str:
    """Return if a group is new, and what the known-file says of it."""
    if group.triage == Triage.ACKNOWLEDGED:
        return f"known until {group.until}: {group.note}"
    if group.triage == Triage.EXPIRED:
        return f"new again, was known until {group.until}: {group.note}"
    if group.triage == Triage.CHANGED:
        return f"new again, called from another place: {group.note}"
    return "known" if group.known else "new"


def _origin(group: Group) -> str:
    place = f"CI {group.job}" if group.job else f"on {group.host}" if group.host else ""
    return "".join(f", {part}" for part in (group.branch, place) if part)


def as_markdown(summary: Summary) -> str:
    """Return the table for a page: every text as code, every figure as it is."""
    since = ("Since",) if summary.compared else ()
    columns = ("Test", "Caller", "Write", "Reason", "Decision", *since, "Blocked")
    lines: list[Sequence[str]] = [columns, ["---"] * (len(columns) - 1) + ["---:"]]
    for group in blocked_groups(summary)[:MOST_ROWS]:
        status = (markdown(standing(group)),) if summary.compared else ()
        lines.append([*_cells(group), *status, str(group.count)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(group: Group) -> Iterator[str]:
    """Yield test, caller, write, reason and decision, with links to the code, the work item and the trace or job."""
    yield markdown(group.test)
    yield _linked(group.caller, group.links.get(Link.CODE))
    yield _linked(f"{write(group)} ({kind(group)})", group.links.get(Link.WORK_ITEM))
    yield markdown(group.reason)
    yield _linked(group.decision_id, group.links.get(Link.TRACE) or group.links.get(Link.JOB))


def _linked(text: str, address: str | None) -> str:
    shown = markdown(text)
    return f"[{shown}]({address.translate(_IN_MARKDOWN)})" if shown and address else shown

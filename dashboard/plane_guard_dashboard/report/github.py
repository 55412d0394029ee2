"""Annotations of a GitHub Actions job, which point at the line of code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.report import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_dashboard.report.summary import Group, Summary

# https://docs.github.com/actions/reference/workflow-commands-for-github-actions#step-isolation-and-limits
LARGEST_PAGE = 1024 * 1024  # bytes
_MOST = 10  # GitHub shows no more of one step
# https://docs.github.com/actions/reference/workflow-commands-for-github-actions
_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = _IN_MESSAGE | {":": "%3A", ",": "%2C"}


def annotations_of(summary: Summary) -> Iterator[str]:
    """Yield a workflow command for each kind of attempt: an error, or a warning if it is known. Leaks come first."""
    for group in sorted(summary.groups, key=lambda group: -group.prod_allowed)[:_MOST]:
        happened = "got through to" if group.prod_allowed else "was blocked on"
        where = "production" if group.prod_allowed else tables.kind(group)
        level = "warning" if group.known and not group.prod_allowed else "error"
        remedy = f". {group.remedy}" if group.remedy else ""
        message = f"A Plane write {happened} {where}: {tables.write(group)}, {group.reason}, by {group.test}{remedy}"
        shown = visible(f"{message} (decision {group.decision_id})", 1000)
        yield f"::{level} {_place(group)}title=plane-guard::{_escaped(shown, _IN_MESSAGE)}"


def _place(group: Group) -> str:
    """Return the properties for the caller's line, else for the file of the test."""
    file = group.file or (group.test.partition("::")[0] if "::" in group.test else "")
    if not file:
        return ""
    line = f"line={group.line}," if group.file and group.line else ""
    return f"file={_escaped(visible(file), _IN_PROPERTY)},{line}"


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(letter, letter) for letter in text)

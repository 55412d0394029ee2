"""A summary as JSON, as Markdown for a job's page, and as text for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from plane_guard_dashboard.escaping import markdown, visible
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.report import tables
from plane_guard_dashboard.report.summary import ALL
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from plane_guard_dashboard.report.summary import Summary


def as_json(summary: Summary) -> str:
    """Plain ASCII, keys in a fixed order."""
    return json.dumps(summary.as_dict(), indent=2)


def as_markdown(summary: Summary) -> str:
    """A section for `$GITHUB_STEP_SUMMARY`."""
    sign, sentence = headline(summary)
    parts = [f"### {sign} {sentence}", _run_line(summary, markdown), "- " + "\n- ".join(facts(summary))]
    for title, sheet in tables.sheets(summary):
        parts += [f"**{title}**", tables.as_markdown(sheet)]
    return "\n\n".join(parts) + "\n"


def as_text(summary: Summary) -> RenderableType:
    """For rich: a headline, the tables, the figures."""
    sign, sentence = headline(summary)
    style = "bold red" if summary.prod_attempts or summary.prod_allowed else "bold green"
    parts: list[RenderableType] = [Text(f"{sign} {sentence}", style=style), Text(_run_line(summary, visible))]
    for title, sheet in tables.sheets(summary):
        parts += ["", Text(title, style="bold"), tables.as_table(sheet), *([Text(sheet.more)] if sheet.more else [])]
    return Group(*parts, *(Text(f"  {fact}", style=_style_of(fact)) for fact in facts(summary)))


def headline(summary: Summary) -> tuple[str, str]:
    """A sign and one sentence that hold without colour."""
    if summary.prod_allowed:
        return "✖", f"{plural(summary.prod_allowed, 'write')} to production got through from a test process."
    if summary.prod_attempts:
        return "✖", f"{plural(summary.prod_attempts, 'attempt')} to write to production: all blocked."
    if summary.decisions:
        return "✔", "No attempt to write to production."
    return "✔", "Guarded, and nothing tried to write to Plane: there was no decision to make."


def facts(summary: Summary) -> Iterator[str]:
    """The figures in words; oddities only where there are some."""
    yield f"Guarded processes: {summary.sessions}"
    outcomes = f"{summary.allowed} allowed, {summary.blocked} blocked, {summary.expected} expected blocks"
    yield f"Decisions: {summary.decisions} ({outcomes})"
    yield f"Writes to production allowed: {summary.prod_allowed}"
    if summary.compared:
        kinds = [group for group in summary.groups if not group.known]
        yield f"Compared with the earlier report: {len(kinds)} of {plural(len(summary.groups), 'kind')} are new"
    where = f"{plural(summary.lines, 'line')} in {plural(summary.files, 'file')}"
    where = where if summary.files else plural(summary.lines, "span")  # a table has no files
    yield f"Evidence: {where}, {plural(summary.duplicates, 'duplicate')} left out"
    yield from _oddities(summary)


def _oddities(summary: Summary) -> Iterator[str]:
    if summary.demo:
        yield f"From `plane-guard demo`: {summary.demo} of the decisions"
    if not summary.sessions:
        yield "Warning: no guarded process reported itself in this run"
    if summary.unreadable_lines or summary.unreadable_files:
        what = f"{plural(summary.unreadable_lines, 'line')} and {plural(summary.unreadable_files, 'file')}"
        yield f"Warning: {what} could not be read in full"
    if summary.pending_lines:
        yield f"Still being written: {plural(summary.pending_lines, 'line')}"


def _run_line(summary: Summary, escape: Callable[[str], str]) -> str:
    run = "all runs" if summary.run == ALL else f"run {escape(summary.run)}"
    if summary.first_ns is None or summary.last_ns is None:
        return run
    first, last = moment(summary.first_ns), moment(summary.last_ns)
    until = last.strftime("%H:%M:%S" if first.date() == last.date() else "%Y-%m-%d %H:%M:%S")
    return f"{run}, {first:%Y-%m-%d %H:%M:%S} to {until} UTC"


def _style_of(fact: str) -> str:
    return "yellow" if fact.startswith("Warning") else "dim"

"""A summary as JSON, as Markdown for a job's page, and as text for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from plane_guard.advice import what_to_do
from plane_guard_dashboard.escaping import markdown, visible
from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.evidence.runs import ALL
from plane_guard_dashboard.report import tables
from plane_guard_dashboard.report.gate import listed
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from plane_guard_dashboard.report.summary import GotThrough, Summary

_MOST_OTHERS = 5
_TIME = "%Y-%m-%d %H:%M:%S"
AFTER_A_LEAK = (
    "Look up the object that was written and undo the change. Stop the tests that did it. Run plane-guard doctor "
    "where they ran: it shows the settings and which clients are guarded."
)


def as_json(summary: Summary) -> str:
    """Return plain ASCII with keys in a fixed order."""
    return json.dumps(summary.as_dict(), indent=2)


def as_markdown(summary: Summary) -> str:
    """Return a section for `$GITHUB_STEP_SUMMARY`."""
    sign, sentence = headline(summary)
    parts = [f"### {sign} {visible(sentence, 1000)}", _run_line(summary, markdown)]
    parts += ["\n".join(f"- {name}: {markdown(value)}" for name, value in _card(one)) for one in summary.got_through]
    if summary.got_through:
        parts.append(AFTER_A_LEAK)
    if tables.blocked_groups(summary):
        parts += ["**Blocked writes**", tables.as_markdown(summary)]
        parts += filter(None, [tables.more(summary)])
        parts += [f"- {markdown(reason)}: {remedy}" for reason, remedy in _remedies(summary)]
    return "\n\n".join((*parts, "\n".join(f"- {fact}" for fact in facts(summary)))) + "\n"


def as_text(summary: Summary) -> RenderableType:
    """Return what rich prints: a headline, the writes that got through, one table, the figures."""
    sign, sentence = headline(summary)
    style = {"✖": "bold red", "⚠": "bold yellow", "✔": "bold green"}[sign]
    parts: list[RenderableType] = [Text(f"{sign} {visible(sentence, 1000)}", style=style)]
    parts.append(Text(_run_line(summary, visible)))
    for one in summary.got_through:
        lines = "\n".join(f"  {name:<11} {visible(value, 1000)}" for name, value in _card(one))
        parts += ["", Text(lines, style="red", overflow="fold")]
    if summary.got_through:
        parts += ["", Text(AFTER_A_LEAK)]
    if tables.blocked_groups(summary):
        parts += ["", Text("Blocked writes", style="bold"), tables.as_table(summary)]
        parts += [Text(line) for line in filter(None, [tables.more(summary)])]
        parts += [Text(f"{visible(reason)}: {remedy}") for reason, remedy in _remedies(summary)]
        parts.append("")
    return Group(*parts, *(Text(f"  {fact}", style=_style_of(fact)) for fact in facts(summary)))


def headline(summary: Summary) -> tuple[str, str]:
    """Return a sign and one sentence that claims only what is known."""
    if summary.prod_allowed:
        return "✖", f"{plural(summary.prod_allowed, 'write')} to production got through from a test process."
    if summary.unexplained:
        return "✖", f"{plural(summary.unexplained, 'change')} on the server that no allowed decision explains."
    if summary.prod_attempts:
        known = f" New: {summary.new_prod_attempts:,}." if summary.compared else ""
        return "✖", f"{plural(summary.prod_attempts, 'attempt')} to write to production: all blocked.{known}"
    if summary.possible_prod_attempts:
        number = plural(summary.possible_prod_attempts, "possible attempt")
        return "✖", f"{number} to write to production: all blocked. The objects are not in the sandbox."
    return _without_attempts(summary)


def _without_attempts(summary: Summary) -> tuple[str, str]:
    if summary.undecided:
        return "⚠", f"Could not be decided: {listed(summary.undecided)}."
    if not summary.sessions:
        return "⚠", "Unknown: no guarded process reported itself, so attempts may have gone unseen."
    if summary.tests == 0:
        return "⚠", "Unknown: no test was executed, so nothing could try to write to Plane."
    leaked = [one for one in summary.other_runs if one.prod_allowed]
    if leaked:
        number = plural(sum(one.prod_allowed for one in leaked), "write")
        names = listed(one.run for one in leaked)
        return "⚠", f"Quiet, but {number} to production got through in other runs of the same place: {names}."
    if summary.verified is False:
        return "⚠", "No attempt to write to production seen, but the server was not asked: run plane-guard verify."
    where = f"{summary.sessions:,} guarded process{'' if summary.sessions == 1 else 'es'}"
    gaps = f" Not covered: {listed(summary.uncovered)}." if summary.uncovered else ""
    place = "production" if summary.decisions else "Plane"
    return "✔", f"No attempt to write to {place} seen in {where}.{gaps}"


def facts(summary: Summary) -> Iterator[str]:
    """Yield the figures in words; oddities only where there are some."""
    yield f"Guarded processes: {summary.sessions}"
    yield f"Tests executed: {'unknown' if summary.tests is None else f'{summary.tests:,}'}"
    outcomes = f"{summary.allowed} allowed, {summary.blocked} blocked, {summary.expected} expected blocks"
    yield f"Decisions: {summary.decisions} ({outcomes})"
    yield f"Possible attempts on production: {summary.possible_prod_attempts}"
    yield f"Writes to production allowed: {summary.prod_allowed}"
    if summary.verification:
        yield f"Server: {visible(summary.verification, 1000)}"
    if summary.compared:
        yield f"Compared with what is known: {summary.new_groups} of {plural(summary.all_groups, 'kind')} are new"
    yield from _about_absent(summary)
    where = f"{plural(summary.lines, 'line')} in {plural(summary.files, 'file')}"
    where = where if summary.files else plural(summary.lines, "span")  # a table has no files
    yield f"Evidence: {where}, {plural(summary.duplicates, 'duplicate')} left out"
    yield from _oddities(summary)


def _about_absent(summary: Summary) -> Iterator[str]:
    """Yield the known groups without an attempt: those whose test ran are gone, the others may be back any time."""
    for executed, what in (
        (True, "gone, because the test ran without it"),
        (False, "not seen, and its test did not run"),
    ):
        found = [visible(one.test or one.fingerprint) for one in summary.absent if one.executed is executed]
        if found:
            yield f"Known and {what}: {plural(len(found), 'kind')} ({listed(found)})"


def _oddities(summary: Summary) -> Iterator[str]:
    if summary.ignored_files:
        yield f"{plural(summary.ignored_files, 'file')} ignored: not OTLP-JSON"
    if summary.demo:
        yield f"From `plane-guard demo`: {summary.demo} of the decisions"
    for name in summary.uncovered:
        yield f"Warning: not covered: {visible(name)}"
    if not summary.sessions:
        yield "Warning: no guarded process reported itself in this run"
    if summary.unreadable_lines or summary.unreadable_files:
        number = f"{plural(summary.unreadable_lines, 'line')} and {plural(summary.unreadable_files, 'file')}"
        yield f"Warning: {number} could not be read in full"
    if summary.pending_lines:
        yield f"Still being written: {plural(summary.pending_lines, 'line')}"
    if summary.undecided:
        yield f"Warning: could not be decided: {visible(listed(summary.undecided), 1000)}"
    yield from _other_runs(summary)


def _other_runs(summary: Summary) -> Iterator[str]:
    """Yield the runs that this report leaves out: those of the same CI job, and those with attempts."""
    named = [one for one in summary.other_runs if one.incidents or (summary.job and one.job == summary.job)]
    for one in named[:_MOST_OTHERS]:
        job = ", of the same CI job" if summary.job and one.job == summary.job else ""
        attempts = ", with attempts on production" if one.incidents else ""
        run = visible(one.run)
        yield f"Warning: not in this report: run {run}{job}{attempts}. See it with --run {run}"
    if len(named) > _MOST_OTHERS:
        yield f"Warning: not in this report: {plural(len(named) - _MOST_OTHERS, 'more run')}. See them with --run all"


def _remedies(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield each reason of the blocked writes with what to do."""
    shown = tables.blocked_groups(summary)[: tables.MOST_ROWS]
    for reason in dict.fromkeys(group.reason for group in shown):
        remedy = what_to_do(reason)
        if remedy:
            yield reason, f"{' '.join(remedy.split())} More: plane-guard explain {reason}"


def _card(one: GotThrough) -> Iterator[tuple[str, str]]:
    """Yield everything that is known of a write that got through."""
    item = "" if one.work_item == NOBODY else f" {one.work_item}"
    yield "write", f"{one.op}{item} in {tables.project(one)}"
    yield "request", f"{one.method} {one.url_template} on {one.server}"
    yield "test", one.test
    yield "caller", one.caller
    yield "time", f"{moment(one.time_ns).strftime(_TIME)} UTC"
    yield "process", f"{one.service}, pid {one.pid} on {one.host or 'an unknown host'}, run {one.run}"
    code = " ".join(filter(None, (one.repository, one.branch, one.revision)))
    for name, value in (("owner", one.owner), ("code", code), ("CI job", one.job), ("started by", one.actor)):
        if value:
            yield name, value
    for name, address in one.links.items():
        yield f"→ {name}", address
    yield "allowed", one.reason
    yield "decision", one.decision_id


def _run_line(summary: Summary, escape: Callable[[str], str]) -> str:
    run = "all runs" if summary.run == ALL else f"run {escape(summary.run)}"
    others = len(summary.runs) - 1
    if summary.job and summary.run != ALL:
        more = f" and {plural(others, 'other run')} of it" if others > 0 else ""
        run += f" of CI job {escape(summary.job)}{more}"
    if summary.first_ns is None or summary.last_ns is None:
        return run
    first, last = moment(summary.first_ns), moment(summary.last_ns)
    until = last.strftime("%H:%M:%S" if first.date() == last.date() else _TIME)
    return f"{run}, {first.strftime(_TIME)} to {until} UTC"


def _style_of(fact: str) -> str:
    return "yellow" if fact.startswith("Warning") else "dim"

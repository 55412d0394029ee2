"""Findings: changes that no allowed decision explains, for people, for programs and as evidence."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.evidence.verifications import FILES
from plane_guard_dashboard.verification.changes import Kind, Verb
from plane_guard_dashboard.verification.runs import Run
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import otlp_json, resource, sanitize
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.verification.changes import Change
    from plane_guard_dashboard.verification.server import Server

_TIME = "%Y-%m-%d %H:%M:%S"
_READABLE = 0o644
_NO_RUN = Run("", 0, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """A change by the token's user that no decision explains, and what ran at that time."""

    change: Change
    is_production: bool
    link: str
    time_ns: int  # this machine's clock
    runs: tuple[Run, ...]
    tests: tuple[str, ...]

    @property
    def title(self) -> str:
        """The change in one line."""
        change = self.change
        subject = change.name or change.object_id
        what = f"{change.kind.replace('_', ' ')} {change.field}".rstrip()
        if change.kind is Kind.WORK_ITEM and change.verb is Verb.UPDATED:
            return f"{subject}: {change.field} {_quoted(change.old)} → {_quoted(change.new)}"
        if change.verb is Verb.UPDATED:
            return f"{subject}: {what} changed: {_quoted(change.old)} → {_quoted(change.new)}"
        value = change.new if change.verb is Verb.CREATED else change.old
        return f"{subject}: {what} {change.verb}" + (f": {_quoted(value)}" if value else "")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        change = self.change
        return {
            "id": change.id,
            "time": moment(self.time_ns).isoformat(),
            "production": self.is_production,
            "workspace": change.workspace,
            "project": change.project,
            "work_item": change.work_item,
            "name": change.name,
            "kind": str(change.kind),
            "object": change.object_id,
            "verb": str(change.verb),
            "field": change.field,
            "op": str(change.op),
            "old": change.old,
            "new": change.new,
            "link": self.link,
            "runs": [run.id for run in self.runs],
            "hosts": sorted(set().union(*(run.hosts for run in self.runs))),
            "tests": list(self.tests),
        }

    def lines(self) -> list[str]:
        """Return the lines below the title."""
        hosts = ", ".join(sorted(set().union(*(run.hosts for run in self.runs))))
        found = [f"at {moment(self.time_ns).strftime(_TIME)} UTC   {self.link}"]
        if self.runs:
            found.append(
                f"active then: run {', '.join(run.id for run in self.runs[:3])} on {hosts or 'an unknown host'}"
            )
        found += [f"test: {test}" for test in self.tests]
        return [*found, f"finding {self.change.id}"]


@dataclass(frozen=True, slots=True)
class Counts:
    """The outcome for one run."""

    explained: int
    unexplained: int
    by_others: int
    not_visible: int


def link_to(server: Server, change: Change) -> str:
    """Return the address of a page in Plane's web app."""
    if change.work_item and "-" in change.name:
        return f"{server.web}/{change.workspace}/browse/{change.name}/"
    return f"{server.web}/{change.workspace}/projects/{change.project}/"


def write(
    folder: str, server: Server, runs: Sequence[Run], counts: Mapping[str, Counts], found: Sequence[Finding]
) -> str:
    """Add the outcome for each run to the evidence; return why it could not be written, or an empty string.

    A finding is written once, with the first run that was active.
    """
    trace = SYSTEM.random_hex(16)
    spans = [_span(run, trace, run.first_ns, run.last_ns, _summary(server, counts[run.id]), None) for run in runs]
    return append(folder, b"".join(map(otlp_json.line, [*spans, *_spans(server, trace, found)])))


def record(folder: str, server: Server, found: Sequence[Finding]) -> str:
    """Add findings to the evidence; return why they could not be written, or an empty string."""
    return append(folder, b"".join(map(otlp_json.line, _spans(server, SYSTEM.random_hex(16), found))))


def undone(folder: str, server: Server, change: Change) -> str:
    """Record that a finding was undone now; return why it could not be recorded, or an empty string."""
    now = SYSTEM.now_ns()
    event = {**_event(server, change), names.FINDING_UNDONE: True}
    return append(folder, otlp_json.line(_span(_NO_RUN, SYSTEM.random_hex(16), now, now, {}, event)))


def _spans(server: Server, trace: str, found: Sequence[Finding]) -> list[otlp_json.Span]:
    return [
        _span(one.runs[0] if one.runs else _NO_RUN, trace, one.time_ns, one.time_ns, {}, _event(server, one.change))
        for one in found
    ]


def _summary(server: Server, counts: Counts) -> dict[str, Any]:
    return {
        names.SERVER_ADDRESS: server.host,
        names.EXPLAINED: counts.explained,
        names.UNEXPLAINED: counts.unexplained,
        names.BY_OTHERS: counts.by_others,
        names.NOT_VISIBLE: counts.not_visible,
    }


def append(folder: str, content: bytes) -> str:
    """Write a file of evidence beside the guard's; return why it could not be written, or an empty string."""
    name = f"{FILES}-{SYSTEM.host_name}-{SYSTEM.getpid()}-{SYSTEM.now_ns():x}.jsonl"
    try:
        with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READABLE), "wb") as file:
            file.write(content)
    except OSError as error:
        return f"the outcome could not be recorded ({error.strerror}): make {folder} writable"
    return ""


def _span(  # noqa: PLR0913, PLR0917  the parts of a span
    run: Run, trace: str, start_ns: int, end_ns: int, attributes: dict[str, Any], event: dict[str, Any] | None
) -> otlp_json.Span:
    return otlp_json.Span(
        names.VERIFICATION,
        trace_id=trace,
        span_id=SYSTEM.random_hex(8),
        parent=None,
        start_ns=start_ns,
        end_ns=end_ns,
        resource={**resource.of_this_process(), names.RUN_ID: run.id},
        attributes=sanitize.sanitize(attributes),
        event=None if event is None else sanitize.sanitize(event),
        is_error=event is not None,
    )


def _event(server: Server, change: Change) -> dict[str, Any]:
    return {
        names.SERVER_ADDRESS: server.host,
        names.FINDING_ID: change.id,
        names.FINDING_KIND: str(change.kind),
        names.FINDING_VERB: str(change.verb),
        names.FINDING_FIELD: change.field or None,
        names.FINDING_OBJECT: change.object_id,
        names.OP: str(change.op),
        names.WORKSPACE: change.workspace,
        names.PROJECT: change.project,
        names.WORK_ITEM: change.work_item or None,
        names.WORK_ITEM_KEY: change.name or None,
    }


def _quoted(value: str | None) -> str:
    return "(unknown)" if value is None else f"“{value}”" if value else "(empty)"

"""Writes evidence as the guard does: finished spans, straight through the OTLP-JSON file exporter."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from plane_guard_dashboard.evidence.groups import key_of_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

START = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
PROD = "11111111-1111-4111-8111-111111111111"
SANDBOX = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
WORK_ITEM = "22222222-2222-4222-8222-222222222222"
TEST = "tests/test_stage.py::test_moves_to_done"
_ids = itertools.count(1)


def resource(run: str = "run-1", service: str = "plane-guard", **more: str | int) -> Resource:
    """The resource of a guarded process."""
    known: dict[str, str | int] = {
        "service.name": service,
        "process.pid": 4711,
        "host.name": "box",
        "plane_guard.version": "0.1.0",
    }
    return Resource({**known, "plane_guard.run.id": run, **more})


def span(  # noqa: PLR0913
    name: str,
    attributes: Mapping[str, Any],
    *,
    events: Iterable[Event] = (),
    at: int = START,
    of: Resource | None = None,
    blocked: bool = False,
    lasts: int = 1000,
) -> ReadableSpan:
    """A finished span."""
    number = next(_ids)
    return ReadableSpan(
        name=name,
        context=SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(1)),
        resource=of or resource(),
        attributes=attributes,
        events=tuple(events),
        kind=SpanKind.INTERNAL,
        start_time=at,
        end_time=at + lasts,
        status=Status(StatusCode.ERROR if blocked else StatusCode.UNSET),
    )


def decision(
    changes: Mapping[str, Any] | None = None,
    *,
    at: int = START,
    of: Resource | None = None,
    on: str = "plane_guard.decision",
) -> ReadableSpan:
    """A blocked write to production, changed as asked; a value of None leaves the attribute out."""
    attributes: dict[str, Any] = {
        "plane_guard.decision.id": f"decision-{next(_ids)}",
        "plane_guard.decision.seq": 1,
        "plane_guard.decision.outcome": "block",
        "plane_guard.decision.reason": "prod-project-in-test",
        "plane_guard.decision.layer": "httpx",
        "plane_guard.target": "prod",
        "plane_guard.op": "state",
        "plane_guard.workspace.slug": "acme",
        "plane_guard.project.id": PROD,
        "plane_guard.work_item.id": WORK_ITEM,
        "plane_guard.work_item.key": "ORCH-114",
        "http.request.method": "PATCH",
        "url.template": "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/{work_item_id}/",
        "server.address": "api.plane.so",
        "server.port": 443,
        "test.case.name": TEST,
        "plane_guard.test.phase": "call",
        "code.file.path": "src/orchestrator/plane.py",
        "code.line.number": 42,
        "code.function.name": "notify_stage_change",
    }
    attributes |= changes or {}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    outcome = attributes.get("plane_guard.decision.outcome", "block")
    event = Event("plane_guard.decision", attributes, timestamp=at)
    shown = {
        "plane_guard.decision.outcome": outcome,
        "plane_guard.target": attributes.get("plane_guard.target", ""),
    }
    return span(on, shown, events=[event], at=at, of=of, blocked=outcome == "block")


def sandbox_write(*, at: int = START, of: Resource | None = None) -> ReadableSpan:
    """An allowed write to the sandbox."""
    allowed = {
        "plane_guard.decision.outcome": "allow",
        "plane_guard.decision.reason": "sandbox-allowed",
        "plane_guard.target": "sandbox",
        "plane_guard.project.id": SANDBOX,
    }
    return decision(allowed, at=at, of=of)


def session(
    *, at: int = START, of: Resource | None = None, tests: Iterable[str] | None = None, uncovered: Iterable[str] = ()
) -> ReadableSpan:
    """The report of a process in which the guard is in place; with `tests`, as it is written when pytest ends."""
    attributes: dict[str, Any] = {
        "plane_guard.session.evidence": "pytest in sys.modules",
        "plane_guard.session.shells": ["httpx"],
    }
    if tests is not None:
        found = list(tests)
        keys = sorted({key_of_test(test) for test in found})
        attributes |= {"plane_guard.session.tests": len(found)}
        attributes |= {"plane_guard.session.test_keys": [" ".join(keys)]} if keys else {}
    attributes |= {"plane_guard.session.uncovered": [*uncovered]} if uncovered else {}
    return span("plane_guard.session", attributes, at=at, of=of, lasts=1000 if tests is None else SECOND)


def write(path: Path, *spans: ReadableSpan) -> Path:
    """Append one line per span."""
    exporter = FileSpanExporter(path)
    for one in spans:
        assert exporter.export([one]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    return path


def batch(path: Path, *spans: ReadableSpan) -> Path:
    """Append one line with all spans, as a collector's file exporter writes them."""
    exporter = FileSpanExporter(path)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()
    return path

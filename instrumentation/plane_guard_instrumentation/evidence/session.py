"""One span per guarded process that says: the guard is in place here. Without it, quiet and unguarded look alike.

It is written at start-up, where importing the SDK would cost what every child process feels; so this one line is
encoded here. A test holds it against OpenTelemetry's own encoding.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import coverage, evidence_file, listeners, redaction, sanitize, trace_context
from plane_guard_instrumentation.evidence import resource as _resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation.evidence.sanitize import Attributes, Value

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_SPAN_KIND_INTERNAL = 1
_FLAGS_CONTEXT_HAS_IS_REMOTE = 256
_FLAGS_CONTEXT_IS_REMOTE = 512


class Mark:
    """Which span it is, and when: what its line and the span that is exported live have in common."""

    __slots__ = ("attributes", "span_id", "time_ns", "trace_id")

    def __init__(self, trace_id: str, attributes: Attributes) -> None:
        self.trace_id = trace_id
        self.span_id = os.urandom(8).hex()
        self.time_ns = time.time_ns()
        self.attributes = attributes


class _State:
    announced = 0
    live: bool | None = None


def announce() -> None:
    """Write this process's session span, once it is a test process."""
    if _State.announced == os.getpid():
        return
    if process.test_evidence():
        _State.announced = os.getpid()
        mark = begin()
        problem = evidence_file.append(line(mark) + "\n")
        if problem:
            from plane_guard_instrumentation.evidence import diagnostics

            diagnostics.unwritten(problem)
        _announce_live(mark)


def is_live() -> bool:
    """Whether this process, or the one that it was forked from, started with a collector in its environment."""
    return bool(_State.live)


def _announce_live(mark: Mark) -> None:
    if _State.live is None:
        _State.live = any(map(os.environ.get, (ENDPOINT_VARIABLE, TRACES_ENDPOINT_VARIABLE)))
    if _State.live:
        listeners.session_written(mark)


def begin() -> Mark:
    """A new session span of this process, a child of the span that the environment names, if it does."""
    parent = trace_context.inherited()
    trace_id = parent.trace_id if parent else os.urandom(16).hex()
    return Mark(trace_id, described())


def line(mark: Mark) -> str:
    """The session span as OTLP JSON."""
    span = {
        "traceId": mark.trace_id,
        "spanId": mark.span_id,
        **_lineage(trace_context.inherited()),
        "name": names.SESSION,
        "kind": _SPAN_KIND_INTERNAL,
        "startTimeUnixNano": str(mark.time_ns),
        "endTimeUnixNano": str(mark.time_ns),
        "attributes": _encode(mark.attributes),
        "status": {},
    }
    span["flags"] = _FLAGS_CONTEXT_HAS_IS_REMOTE | (_FLAGS_CONTEXT_IS_REMOTE if trace_context.inherited() else 0)
    scope = {"name": names.SCOPE, "version": _resource.version()}
    resource = {"attributes": _encode(_resource.attributes())}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]}]}
    return json.dumps(document, separators=(",", ":"))


def described() -> Attributes:
    """The attributes of the session span."""
    found = {names.SESSION_EVIDENCE: process.test_evidence(), names.SESSION_SHELLS: coverage.patched_clients()}
    return sanitize.permitted(found, redaction.of_environment())


def _lineage(parent: trace_context.Parent | None) -> dict[str, object]:
    if parent is None:
        return {}
    return (
        {"traceState": parent.state, "parentSpanId": parent.span_id}
        if parent.state
        else {"parentSpanId": parent.span_id}
    )


def _encode(attributes: Mapping[str, Value]) -> list[object]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Value) -> dict[str, object]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(member) for member in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}

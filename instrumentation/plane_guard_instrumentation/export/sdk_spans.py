"""Spans of evidence as OpenTelemetry's exporters take them: as spans, and decisions as log records too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import resource
from plane_guard_instrumentation.export.target import LOGS, TRACES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from opentelemetry.sdk._logs import ReadableLogRecord

    from plane_guard_instrumentation.evidence import trace_context
    from plane_guard_instrumentation.evidence.otlp_json import Span

SCOPE = InstrumentationScope(names.SCOPE, resource.version(), names.SCHEMA_URL)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def sdk_resource(span: Span) -> Resource:
    """Return the resource of a span."""
    return Resource(span.resource, names.SCHEMA_URL)


def readable(span: Span) -> ReadableSpan:
    """Return the same span as a `ReadableSpan`."""
    parent = _parent(span.parent) if span.parent is not None else None
    state = parent.trace_state if parent is not None else None
    return ReadableSpan(
        name=span.name,
        context=_context(span, state),
        parent=parent,
        resource=sdk_resource(span),
        attributes=span.attributes,
        events=(Event(span.name, span.event, span.start_ns),) if span.event is not None else (),
        status=Status(StatusCode.ERROR if span.is_error else StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def log_record(span: Span) -> ReadableLogRecord:
    """Return the decision of a span as a log record with the same attributes, in the context of that span."""
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord

    severity = SeverityNumber.ERROR if span.is_error else SeverityNumber.INFO
    record = LogRecord(
        timestamp=span.start_ns,
        observed_timestamp=span.start_ns,
        context=set_span_in_context(NonRecordingSpan(_context(span, None))),
        severity_number=severity,
        severity_text=severity.name,
        attributes=span.event,
        event_name=span.name,
    )
    return ReadableLogRecord(record, sdk_resource(span), SCOPE)


CONVERTERS: Mapping[str, Callable[[Span], list[Any]]] = {
    TRACES: lambda span: [readable(span)],
    LOGS: lambda span: [log_record(span)] if span.event is not None else [],
}


def _context(span: Span, state: TraceState | None) -> SpanContext:
    return SpanContext(int(span.trace_id, 16), int(span.span_id, 16), False, _SAMPLED, state)  # noqa: FBT003


def _parent(parent: trace_context.SpanContext) -> SpanContext:
    return SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=parent.is_remote,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([parent.state]) if parent.state else None,
    )

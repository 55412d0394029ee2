"""Spans of evidence as OpenTelemetry's exporters take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags, TraceState

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import resource

if TYPE_CHECKING:
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
        context=SpanContext(int(span.trace_id, 16), int(span.span_id, 16), False, _SAMPLED, state),  # noqa: FBT003
        parent=parent,
        resource=sdk_resource(span),
        attributes=span.attributes,
        events=(Event(span.name, span.event, span.start_ns),) if span.event is not None else (),
        status=Status(StatusCode.ERROR if span.is_error else StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def _parent(parent: trace_context.SpanContext) -> SpanContext:
    return SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=parent.is_remote,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([parent.state]) if parent.state else None,
    )

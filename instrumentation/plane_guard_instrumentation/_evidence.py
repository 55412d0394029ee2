"""The evidence file: one OTLP-JSON line per span, on disk before the caller hears of the decision.

The span is built finished and handed straight to OpenTelemetry's file exporter, so no provider, sampler, limit,
queue or switch of the SDK lies between a decision and its line. Each line is one `write(2)` to a file opened for
appending, one file per process: nothing to lock, nothing to flush, and a fork starts a file of its own.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING, cast

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from plane_guard_instrumentation import _attributes as names
from plane_guard_instrumentation import _file, _resource

if TYPE_CHECKING:
    from typing import IO

    from opentelemetry.sdk.resources import Resource

    from plane_guard_instrumentation._record import Attributes


def write(attributes: Attributes, *, blocked: bool) -> str:
    """Put one decision on disk; the empty string, or what went wrong in words for the user."""
    line = _file.Line()
    span = _span(names.EVENT, attributes, StatusCode.ERROR if blocked else StatusCode.UNSET)
    result = FileSpanExporter(stream=cast("IO[str]", line)).export([span])
    if line.problem:
        return line.problem
    return "" if result is SpanExportResult.SUCCESS else "the span could not be encoded"


def add_to_current_span(attributes: Attributes) -> None:
    """Add the decision as an event to the span of the request, if something records it."""
    span = trace.get_current_span()
    if span.is_recording():
        span.add_event(names.EVENT, attributes)


def is_recording() -> bool:
    """Whether the current span would keep an event."""
    return trace.get_current_span().is_recording()


def _span(name: str, attributes: Attributes, status: StatusCode) -> ReadableSpan:
    now = time.time_ns()
    parent = trace.get_current_span().get_span_context()
    on_span: Attributes = {str(key): attributes[key] for key in (names.OUTCOME, names.TARGET) if key in attributes}
    return ReadableSpan(
        name=name,
        context=SpanContext(
            trace_id=parent.trace_id if parent.is_valid else secrets.randbits(128) or 1,
            span_id=secrets.randbits(64) or 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        ),
        parent=parent if parent.is_valid else None,
        resource=_sdk_resource(),
        attributes=on_span,
        events=(Event(names.EVENT, attributes, now),),
        status=Status(status),
        start_time=now,
        end_time=now,
        instrumentation_scope=InstrumentationScope(names.SCOPE, _resource.version()),
    )


class _Cached:
    pid = 0
    resource: Resource | None = None


def _sdk_resource() -> Resource:
    from opentelemetry.sdk.resources import Resource

    if _Cached.resource is None or _Cached.pid != os.getpid():
        _Cached.resource, _Cached.pid = Resource(_resource.attributes()), os.getpid()
    return _Cached.resource

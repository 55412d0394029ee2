"""The evidence file: one OTLP-JSON line per span, on disk before the caller hears of the decision.

The span is built finished and handed straight to OpenTelemetry's file exporter, so no provider, sampler, limit,
queue or switch of the SDK lies between a decision and its line. Each line is one `write(2)` to a file opened for
appending, one file per process: nothing to lock, nothing to flush, and a fork starts a file of its own.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, cast

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags, TraceState

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import emitter as _emitter
from plane_guard_instrumentation.evidence import listeners, trace_context
from plane_guard_instrumentation.evidence import resource as _resource

if TYPE_CHECKING:
    from typing import IO

    from opentelemetry.sdk.resources import Resource

    from plane_guard_instrumentation.evidence.sanitize import Attributes
    from plane_guard_instrumentation.evidence.session import Mark

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope(names.SCOPE, _resource.version())
_ALLOWED, _BLOCKED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


def write(attributes: Attributes, *, blocked: bool) -> str:
    """Put one decision on disk; the empty string, or what went wrong in words for the user.

    What is on disk goes out live as well, where that is asked for; a block does so even if the disk is full.
    """
    span = _span(attributes, _BLOCKED if blocked else _ALLOWED)
    line = _line_for(span)
    result = FileSpanExporter(stream=cast("IO[str]", line)).export([span])
    span.is_anonymous = False
    if blocked or result is SpanExportResult.SUCCESS:
        listeners.decision_written(span)
    if line.problem:
        return line.problem
    return "" if result is SpanExportResult.SUCCESS else "the span could not be encoded"


def session_span(mark: Mark) -> ReadableSpan:
    """The session span of this process, as OpenTelemetry's exporters want it."""
    parent = _inherited()
    return ReadableSpan(
        name=names.SESSION,
        context=_context(int(mark.trace_id, 16), int(mark.span_id, 16), parent),
        parent=parent,
        resource=_sdk_resource(),
        attributes=mark.attributes,
        start_time=mark.time_ns,
        end_time=mark.time_ns,
        instrumentation_scope=_SCOPE,
    )


def _span(attributes: Attributes, status: Status) -> _emitter.Span:
    now = time.time_ns()
    current = trace.get_current_span().get_span_context()
    parent = current if current.is_valid else _inherited()
    return _emitter.Span(
        name=names.EVENT,
        context=_context(parent.trace_id if parent else _random(16), _random(8), parent),
        parent=parent,
        resource=_sdk_resource(),
        attributes={name: attributes[name] for name in (names.OUTCOME, names.TARGET) if name in attributes},
        events=(Event(names.EVENT, attributes, now),),
        status=status,
        start_time=now,
        end_time=now,
        instrumentation_scope=_SCOPE,
    )


def _random(size: int) -> int:
    return int.from_bytes(os.urandom(size)) or 1


def _context(trace_id: int, span_id: int, parent: SpanContext | None) -> SpanContext:
    state = parent.trace_state if parent else None
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED, trace_state=state)


def _inherited() -> SpanContext | None:
    """The span that the environment names, sampled or not."""
    parent = trace_context.inherited()
    if parent is None:
        return None
    return SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([parent.state]) if parent.state else None,
    )


class _Cached:
    pid = 0
    emitter: _emitter.Emitter | None = None
    text: str | None = None
    """How the exporter writes it: learnt with the first line."""


def _sdk_resource() -> Resource:
    if _Cached.emitter is None or _Cached.pid != os.getpid():
        _Cached.emitter, _Cached.text, _Cached.pid = _emitter.Emitter(_resource.attributes()), None, os.getpid()
    return _Cached.emitter


def _line_for(span: _emitter.Span) -> _emitter.Line:
    """Where to write this span, which leaves out what the line adds."""
    if _Cached.text is None:
        _Cached.text = _emitter.learn(span)
    span.is_anonymous = bool(_Cached.text)
    return _emitter.Line(_Cached.text)

"""The span of a decision, made from plain values: no provider, sampler, limit or queue of the SDK is involved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import evidence_file, listeners, otlp_json, resource, trace_context
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.sanitize import Attributes

_ON_THE_SPAN = (names.OUTCOME, names.TARGET)
_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8


def write(attributes: Attributes, *, blocked: bool) -> str:
    """Put one decision on disk; return what went wrong and what to do, or an empty string.

    A block is passed on to listeners even if it could not be written. An allow that could not be written is not sent.
    """
    span = decision(attributes, blocked=blocked)
    problem = evidence_file.append(otlp_json.line(span))
    if blocked or not problem:
        listeners.decision_written(span)
    return problem


def decision(attributes: Attributes, *, blocked: bool) -> otlp_json.Span:
    """Return the span of a decision that is made now."""
    parent = trace_context.current()
    return otlp_json.Span(
        names.EVENT,
        trace_id=parent.trace_id if parent else SYSTEM.random_hex(_TRACE_ID_BYTES),
        span_id=SYSTEM.random_hex(_SPAN_ID_BYTES),
        parent=parent,
        start_ns=SYSTEM.now_ns(),
        resource=resource.of_this_process(),
        attributes={name: attributes[name] for name in _ON_THE_SPAN if name in attributes},
        event=attributes,
        is_error=blocked,
    )

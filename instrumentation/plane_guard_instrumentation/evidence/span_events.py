"""A decision as an event on the span of its request, for programs that are instrumented with OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import trace_context

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.sanitize import Attributes


class _State:
    on = True


def switch(*, on: bool) -> None:
    """Switch span events on or off. They are off if OpenTelemetry's own start-up was told to leave us out."""
    _State.on = on


def is_recording() -> bool:
    """Return if the current span would keep an event."""
    trace = trace_context.api()
    return _State.on and trace is not None and trace.get_current_span().is_recording()


def add(attributes: Attributes) -> None:
    """Add the decision to the current span, if that is recording."""
    trace = trace_context.api()
    if _State.on and trace is not None:
        span = trace.get_current_span()
        if span.is_recording():
            span.add_event(names.EVENT, attributes)

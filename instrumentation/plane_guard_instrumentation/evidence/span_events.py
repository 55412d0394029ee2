"""A decision as an event on the span of its request, for programs that are instrumented with OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace

from plane_guard_instrumentation.evidence import attributes as names

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.sanitize import Attributes


class _State:
    on = True


def switch(*, on: bool) -> None:
    """Whether events are added at all; they are unless OpenTelemetry's own start-up was told to leave us out."""
    _State.on = on


def is_recording() -> bool:
    """Whether the current span would keep an event."""
    return _State.on and trace.get_current_span().is_recording()


def add(attributes: Attributes) -> None:
    """Add the decision to the current span, if something records it."""
    if is_recording():
        trace.get_current_span().add_event(names.EVENT, attributes)

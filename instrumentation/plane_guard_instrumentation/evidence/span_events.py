"""A decision as an event on the span of its request, and as a log record, for programs that use OpenTelemetry.

OpenTelemetry is replacing span events with log records. Both are emitted until span events are gone, and readers count
them once by the decision's id.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import trace_context
from plane_guard_instrumentation.evidence.resource import version
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.sanitize import Attributes


_LOGS_API = "opentelemetry._logs"


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


def emit_log_record(attributes: Attributes, *, is_error: bool) -> None:
    """Emit the decision as a log record, if the program configured a logger provider."""
    logs = sys.modules.get(_LOGS_API)
    if not _State.on or logs is None:
        return
    logger = logs.get_logger(names.SCOPE, version(), schema_url=names.SCHEMA_URL)
    severity = logs.SeverityNumber.ERROR if is_error else logs.SeverityNumber.INFO
    enabled = getattr(logger, "enabled", None)  # from OpenTelemetry 1.45 on
    if enabled is None or enabled(severity_number=severity, event_name=names.EVENT):
        logger.emit(
            timestamp=SYSTEM.now_ns(),
            severity_number=severity,
            severity_text=severity.name,
            attributes=attributes,
            event_name=names.EVENT,
        )

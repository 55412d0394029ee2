"""Functions that are called after evidence was written. Export registers here, so evidence knows no exporter."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from plane_guard_instrumentation.evidence.session import Mark

_on_session: list[Callable[[Mark], None]] = []
_on_decision: list[Callable[[ReadableSpan], None]] = []


def on_session(call: Callable[[Mark], None]) -> None:
    """Call this with each session record of this process."""
    if call not in _on_session:
        _on_session.append(call)


def on_decision(call: Callable[[ReadableSpan], None]) -> None:
    """Call this with the span of each decision of this process."""
    if call not in _on_decision:
        _on_decision.append(call)


def session_written(mark: Mark) -> None:
    """Tell the listeners of a session record. A listener cannot disturb the caller."""
    for call in _on_session:
        with suppress(Exception):
            call(mark)


def decision_written(span: ReadableSpan) -> None:
    """Tell the listeners of a decision. A listener cannot disturb the caller."""
    for call in _on_decision:
        with suppress(Exception):
            call(span)

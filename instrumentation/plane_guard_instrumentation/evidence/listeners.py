"""Functions that are called after evidence was written. Export registers here, so evidence knows no exporter."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.evidence.otlp_json import Span

    Listener = Callable[[Span], None]

_on_session: list[Listener] = []
_on_decision: list[Listener] = []


def on_session(call: Listener) -> None:
    """Call this with each session record of this process."""
    if call not in _on_session:
        _on_session.append(call)


def on_decision(call: Listener) -> None:
    """Call this with the span of each decision of this process."""
    if call not in _on_decision:
        _on_decision.append(call)


def session_written(span: Span) -> None:
    """Call the listeners of session records. An error in a listener does not reach the caller."""
    _call(_on_session, span)


def decision_written(span: Span) -> None:
    """Call the listeners of decisions. An error in a listener does not reach the caller."""
    _call(_on_decision, span)


def _call(listeners: list[Listener], span: Span) -> None:
    for listener in listeners:
        with suppress(Exception):
            listener(span)

"""The guard on HTTP clients, its evidence, the pytest plugin and start-up.

PYTEST_DONT_REWRITE: the guard is imported before pytest could rewrite it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # every process that imports unittest passes here, and `typing` would cost more than the rest
if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    from plane_guard_instrumentation.evidence.running_test import work_item

__all__ = ["instrument", "uninstrument", "work_item"]

_ours: list[HTTPXClientInstrumentor] = []


def instrument(**options: Any) -> None:
    """Put the guard in place and switch OpenTelemetry's httpx instrumentation on.

    In a test process every Plane write is judged from now on; in a live one nothing is enforced, and a decision is an
    event on the recording HTTP client span. ``options`` go to ``HTTPXClientInstrumentor().instrument``
    (``tracer_provider``, hooks, …). Calling it twice, or after other code instrumented httpx, is fine.
    """
    from plane_guard_instrumentation.evidence import span_events
    from plane_guard_instrumentation.startup import installation

    installation.enforce()
    span_events.switch(on=True)
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    instrumentor = HTTPXClientInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument(**options)
        _ours.append(instrumentor)


def uninstrument() -> None:
    """Drop the telemetry that `instrument` added; in a test process the enforcement stays."""
    from plane_guard import process
    from plane_guard_instrumentation.clients import patches

    while _ours:
        _ours.pop().uninstrument()
    if not process.test_evidence():
        patches.uninstall()


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name != "work_item":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from plane_guard_instrumentation.evidence.running_test import work_item

    globals()[name] = work_item
    return work_item

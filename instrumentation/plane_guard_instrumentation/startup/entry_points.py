"""What OpenTelemetry finds by name: enforcement, which none of its switches skips, and telemetry, which they may."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped
from opentelemetry.sdk.resources import Resource, ResourceDetector

from plane_guard_instrumentation.startup import installation

if TYPE_CHECKING:
    from collections.abc import Collection


def pre_instrument() -> None:
    """Put the guard in place; decisions become events on the spans of others once the instrumentor is called.

    OpenTelemetry logs and forgets an exception raised here, so in a test process it ends the process instead.
    """
    from plane_guard import process
    from plane_guard_instrumentation.evidence import span_events

    span_events.switch(on=False)
    try:
        installation.enforce()
    except Exception as error:
        if not process.test_evidence():
            raise
        installation.end_unguarded(error)


class PlaneGuardInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # as above
    """The telemetry that plane-guard adds to an instrumented program: each decision as an event on the current span.

    Enforcement does not depend on it, and `uninstrument` leaves that in place in a test process.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """What must be installed for this to make sense: nothing."""
        return ()

    def _instrument(self, **_: Any) -> None:
        from plane_guard_instrumentation.evidence import span_events

        installation.enforce()
        span_events.switch(on=True)

    def _uninstrument(self, **_: Any) -> None:
        from plane_guard import process
        from plane_guard_instrumentation.clients import patches
        from plane_guard_instrumentation.evidence import span_events

        span_events.switch(on=False)
        if not process.test_evidence():
            patches.uninstall()


class PlaneGuardResourceDetector(ResourceDetector):
    """Repository, branch and pipeline for a program's own telemetry, and in a test process the run it belongs to."""

    def detect(self) -> Resource:
        """What is known of this process. The name of its service is the program's own affair."""
        from plane_guard import process
        from plane_guard_instrumentation.evidence import attributes as names
        from plane_guard_instrumentation.evidence import resource
        from plane_guard_instrumentation.runtime import environment

        run = {names.RUN_ID: environment.start().run_id} if process.test_evidence() else {}
        return Resource({**resource.context(os.environ), names.VERSION: resource.version(), **run})

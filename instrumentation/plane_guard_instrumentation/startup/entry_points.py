"""OpenTelemetry's entry points: enforcement, which none of its switches skips, and telemetry, which they may."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped
from opentelemetry.sdk.resources import Resource, ResourceDetector

import plane_guard_watch
from plane_guard_instrumentation.startup import installation

if TYPE_CHECKING:
    from collections.abc import Collection


def pre_instrument() -> None:
    """Install the guard. Decisions become events on other spans once the instrumentor is called."""
    from plane_guard_instrumentation.evidence import span_events

    span_events.switch(on=False)
    try:
        installation.enforce()
    except Exception as error:  # noqa: BLE001
        # OpenTelemetry would log it and run the program, so it ends a test process.
        plane_guard_watch.report_failure(error)


class PlaneGuardInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # as above
    """The telemetry that plane-guard adds to a program: each decision is an event on the current span.

    Enforcement does not depend on it, and in a test process `uninstrument` leaves enforcement in place.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed for this to make sense: nothing."""
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
        if not process.in_test_process():
            patches.uninstall()


class PlaneGuardResourceDetector(ResourceDetector):
    """Repository, branch and pipeline for a program's own telemetry; in a test process also the run id."""

    def detect(self) -> Resource:
        """Return the attributes that are known. The service name is left to the program."""
        from plane_guard import process
        from plane_guard_instrumentation.evidence import attributes as names
        from plane_guard_instrumentation.evidence import resource
        from plane_guard_instrumentation.runtime import run

        run_id = {names.RUN_ID: run.current().run_id} if process.in_test_process() else {}
        return Resource({**resource.context(os.environ), names.VERSION: resource.version(), **run_id})

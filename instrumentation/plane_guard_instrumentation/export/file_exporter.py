"""``OTEL_TRACES_EXPORTER=plane_guard_file``: the decisions on a program's own spans, in an evidence file.

For a live process, which writes no evidence by itself. Only spans with a decision are written, and of those only their
names, ids and times, and the decisions.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import evidence_file, redaction, sanitize
from plane_guard_instrumentation.evidence import resource as _resource

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlaneGuardFileExporter(SpanExporter):
    """Writes each span with a decision to ``spans-<host>-<pid>-<start>.jsonl`` in the trace folder."""

    def __init__(self) -> None:
        self._exporter: FileSpanExporter | None = None
        self._pid = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the spans with a decision, reduced to what plane-guard emits."""
        ours = [_reduced(span) for span in spans if any(event.name == names.EVENT for event in span.events)]
        return self._opened().export(ours) if ours else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        if self._exporter is not None:
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  OpenTelemetry's signature
        """Return true: nothing is held back."""
        return True

    def _opened(self) -> FileSpanExporter:
        if self._exporter is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._exporter = FileSpanExporter(_new_file())
        return self._exporter


def _new_file() -> str:
    path, descriptor = evidence_file.new_file("spans")
    os.close(descriptor)
    return path


def _reduced(span: ReadableSpan) -> ReadableSpan:
    secrets = redaction.of_environment()
    events = tuple(
        Event(names.EVENT, sanitize.sanitize(event.attributes or {}, secrets), event.timestamp)
        for event in span.events
        if event.name == names.EVENT
    )
    return ReadableSpan(
        name=redaction.clean(span.name, secrets),
        context=span.context,
        parent=span.parent,
        resource=Resource(_resource.of_this_process(), names.SCHEMA_URL),
        events=events,
        kind=span.kind,
        start_time=span.start_time,
        end_time=span.end_time or time.time_ns(),
        instrumentation_scope=span.instrumentation_scope,
    )

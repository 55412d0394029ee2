"""A program that configures OpenTelemetry by a file gets decisions in its own pipelines, next to the evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests import otlp

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

APP = """
import os, httpx
from opentelemetry import trace
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
with trace.get_tracer("app").start_as_current_span("sync"):
    try:
        httpx.post(URL, json={"name": "moved"})
    except RuntimeError as error:
        print("REFUSED", type(error).__name__)
"""
CONFIGURATION = """
file_format: "1.0"
tracer_provider:
  processors:
    - simple:
        exporter:
          otlp_http:
            endpoint: http://127.0.0.1:{port}/v1/traces
logger_provider:
  processors:
    - simple:
        exporter:
          otlp_http:
            endpoint: http://127.0.0.1:{port}/v1/logs
"""


def test_a_configuration_file_gets_span_event_and_log_record_of_each_decision(child: Child, plane: FakePlane) -> None:
    child.write("app.py", APP)
    with otlp.Collector(otlp.HTTP) as collector:
        configuration = child.write("otel.yaml", CONFIGURATION.format(port=collector.port))
        tool = Path(sys.executable).parent / "opentelemetry-instrument"
        result = child.run(
            [str(tool), sys.executable, "app.py"], OTEL_CONFIG_FILE=str(configuration), PLANE_GUARD_TEST_PROCESS="1"
        )
        received = collector.received

    assert "REFUSED PlaneWriteBlocked" in result.stdout, result.stderr
    assert plane.writes == []
    [row] = child.decisions()
    events = [(span, event) for _, span in received.spans() for event in span.events]
    [(span, event)] = [(span, event) for span, event in events if event.name == "plane_guard.decision"]
    [(_, record)] = [(origin, one) for origin, one in received.log_records() if one.event_name]
    assert otlp.attributes(event) == otlp.attributes(record)
    assert otlp.attributes(event)["plane_guard.decision.id"] == row.decision_id
    assert (span.trace_id, span.span_id) == (record.trace_id, record.span_id)
    assert span.span_id.hex() == row.parent_span_id

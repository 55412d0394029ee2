"""Programs started with `opentelemetry-instrument`: its switches turn telemetry off, never enforcement."""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.evidence import traces
from plane_guard_instrumentation.evidence import span_events
from plane_guard_instrumentation.startup import entry_points as _entry_points
from tests import otlp

if TYPE_CHECKING:
    import subprocess

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

APP = """
import os, httpx
from opentelemetry import trace
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
with trace.get_tracer("app").start_as_current_span("app"):
    try:
        response = httpx.post(URL, headers={"X-API-Key": os.environ["PLANE_API_TOKEN"]}, json={"name": "moved"})
        print("SENT", response.status_code)
    except RuntimeError as error:
        print("REFUSED", type(error).__name__)
"""
ON_CONSOLE = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
SWITCHES: dict[str, dict[str, str]] = {
    "nothing switched off": {},
    "our instrumentation disabled": {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "plane_guard"},
    "all instrumentations disabled": {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"},
    "SDK disabled": {"OTEL_SDK_DISABLED": "true"},
    "both": {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*", "OTEL_SDK_DISABLED": "true"},
}
AS_TEST = {"PLANE_GUARD_TEST_PROCESS": "1"}


def instrumented(child: Child, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the app as a user of OpenTelemetry does."""
    child.write("app.py", APP)
    tool = Path(sys.executable).parent / "opentelemetry-instrument"
    return child.run([str(tool), sys.executable, "app.py"], **(ON_CONSOLE | environment))


def spans(printed: str) -> list[dict[str, Any]]:
    """The spans that the console exporter printed."""
    found, decoder = [], json.JSONDecoder()
    while "{" in printed:
        printed = printed[printed.index("{") :]
        span, end = decoder.raw_decode(printed)
        found.append(span)
        printed = printed[end:]
    return found


def events(printed: str) -> list[str]:
    return [event["attributes"]["plane_guard.decision.reason"] for span in spans(printed) for event in span["events"]
            if event["name"] == "plane_guard.decision"]  # fmt: skip


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES.keys())
def test_no_switch_of_opentelemetry_switches_enforcement_off(
    child: Child, plane: FakePlane, switches: dict[str, str]
) -> None:
    result = instrumented(child, **AS_TEST, **switches)

    assert "REFUSED PlaneWriteBlocked" in result.stdout, result.stderr
    assert plane.writes == []
    assert [row.reason for row in child.decisions()] == ["opt-in-disabled"]
    assert events(result.stdout) == ([] if switches else ["opt-in-disabled"])


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES.keys())
def test_a_live_program_is_not_hindered_and_leaves_no_evidence_file(
    child: Child, plane: FakePlane, switches: dict[str, str]
) -> None:
    result = instrumented(child, **switches)

    assert "SENT 201" in result.stdout, result.stderr
    assert len(plane.writes) == 1
    assert not (child.folder / ".plane-guard").exists()
    assert events(result.stdout) == ([] if switches else ["live-runtime"])
    assert "already instrumented" not in result.stderr


def test_the_switches_leave_live_export_to_those_of_the_exporter(child: Child) -> None:
    with otlp.Collector(otlp.HTTP) as collector:
        instrumented(child, **AS_TEST, **collector.environment, **SWITCHES["all instrumentations disabled"])
        assert len(collector.received.decisions()) == 1
        instrumented(child, **AS_TEST, **collector.environment, **SWITCHES["SDK disabled"])

    assert len(collector.received.decisions()) == 1
    assert len(child.decisions()) == 2


def test_the_exporter_writes_the_decisions_of_a_live_program_and_nothing_else_of_it(child: Child) -> None:
    result = instrumented(child, OTEL_TRACES_EXPORTER="plane_guard_file")

    assert result.returncode == 0, result.stderr
    [row] = traces.read(child.folder / ".plane-guard").decisions
    assert (row.reason, row.outcome, row.target) == ("live-runtime", "allow", "prod")
    [file] = (child.folder / ".plane-guard").glob("spans-*.jsonl")
    [line] = file.read_text().splitlines()
    [scope] = json.loads(line)["resourceSpans"][0]["scopeSpans"]
    assert [(span["name"], span.get("attributes", [])) for span in scope["spans"]] == [("POST", [])]


def test_the_resource_detector_tells_where_a_program_runs_but_not_what_it_is_called(child: Child) -> None:
    result = instrumented(
        child,
        OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="otel,plane_guard",
        OTEL_SERVICE_NAME="shop",
        GITHUB_ACTIONS="true",
        GITHUB_RUN_ID="42",
    )

    [*_, span] = spans(result.stdout)
    attributes = span["resource"]["attributes"]
    assert attributes["service.name"] == "shop"
    assert attributes["cicd.pipeline.run.id"] == "42"
    assert "plane_guard.version" in attributes
    assert "plane_guard.run.id" not in attributes


@pytest.mark.parametrize(
    "group",
    ["pre_instrument", "instrumentor", "resource_detector", "traces_exporter"],
)
def test_opentelemetry_finds_us_by_name(group: str) -> None:
    names = {point.name for point in entry_points(group=f"opentelemetry_{group}")}

    assert names & {"plane_guard", "plane_guard_file"}


def test_uninstrumenting_takes_the_events_away_and_leaves_a_test_process_guarded() -> None:
    instrumentor = _entry_points.PlaneGuardInstrumentor()
    instrumentor.instrument()
    assert span_events._State.on
    instrumentor.uninstrument()
    try:
        from plane_guard_instrumentation.clients import patches

        assert not span_events._State.on
        assert patches.verify() == []
    finally:
        span_events.switch(on=True)


def test_a_test_process_that_cannot_be_guarded_ends(child: Child) -> None:
    code = """
    import os
    from plane_guard_instrumentation.startup import installation as _boot
    from plane_guard_instrumentation.startup import entry_points as _entry_points
    import plane_guard_watch
    plane_guard_watch.STATE.evidence = "a test"
    _boot.enforce = lambda: 1 / 0
    _entry_points.pre_instrument()
    print("went on")
    """
    result = child.python(code)

    assert result.returncode == 78
    assert "went on" not in result.stdout
    assert "could not install the guard" in result.stderr

"""With a real collector listening, what was decided in a test run is in its file, however the run ends."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.store.local import Local
from plane_guard_dashboard.store.queries import Filters
from plane_guard_instrumentation.export import patience
from tests import otlp
from tests.collector.test_ship_to_a_collector import decided, ship

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector.collector import Collector
    from tests.harness import Child

MANY = 100
TESTS = """
import os, signal, httpx, pytest
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'

@pytest.mark.parametrize("number", range(100))
def test_it(number, plane_blocked_writes):
    if number == 50 and "VICTIM" in os.environ:
        os.kill(int(os.environ["VICTIM"]) or os.getpid(), signal.SIGKILL)
    with pytest.raises(RuntimeError):
        httpx.post(URL, json={"name": "new"})
"""
# On a machine that is busy enough, a run's few seconds of waiting are over before everything has arrived.
PATIENT = (
    "from plane_guard_instrumentation.export import patience\n"
    "patience.SECONDS = patience._SHORT = 30.0\npatience.is_over = lambda: False\n"
)
PROTOCOLS = ("http/protobuf", "grpc")


def run(child: Child, collector: Collector, protocol: str, *options: str, **environ: str) -> int:
    child.write("test_it.py", TESTS)
    endpoint = collector.grpc if protocol == "grpc" else collector.http
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    return child.pytest(*options, **where, **environ).returncode


def evidence(child: Child) -> Path:
    return child.folder / ".plane-guard"


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_decision_arrives_while_the_tests_run(
    child: Child, collector: Collector, protocol: str, workers: str
) -> None:
    child.write("conftest.py", PATIENT)
    assert run(child, collector, protocol, "-n", workers) == 0
    assert len(decided(evidence(child))) == MANY
    assert set(collector.received()) == decided(evidence(child))
    sessions = {row.span_id for row in traces.read(evidence(child)).sessions}
    assert {row.span_id for row in traces.read(collector.folder).sessions} == sessions


def test_span_event_and_log_record_of_a_decision_are_in_its_file_and_count_once(
    child: Child, stopped_collector: Collector
) -> None:
    stopped_collector.start("service::pipelines::logs: {receivers: [otlp], exporters: [file/plane_guard]}")
    child.write("conftest.py", PATIENT)
    logs = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{stopped_collector.http}/v1/logs"}
    assert run(child, stopped_collector, "http/protobuf", "-k", "[1] or [2]", **logs) == 0

    folder = stopped_collector.folder
    text = (folder / "traces.jsonl").read_text()
    assert '"resourceSpans"' in text
    assert '"resourceLogs"' in text
    for decision in decided(evidence(child)):
        assert text.count(decision) == 2
    assert set(stopped_collector.received()) == decided(evidence(child))
    shown = CliRunner().invoke(main, ["report", "--traces", str(folder), "--format", "json"]).stdout
    assert [json.loads(shown)[name] for name in ("decisions", "duplicates", "unreadable_lines")] == [2, 2, 0]
    dashboard = Local(str(folder))
    dashboard.refresh()
    assert dashboard.query("scope", {**Filters().parameters(), "limit": 10})[0]["decisions"] == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_after_a_kill_of_the_collector_in_mid_run_ship_completes_what_is_missing(
    child: Child, collector: Collector, protocol: str
) -> None:
    assert run(child, collector, protocol, VICTIM=str(collector.pid)) == 0
    collector.stop()
    assert len(decided(evidence(child))) == MANY
    assert set(collector.received()) < decided(evidence(child))

    collector.start()
    result = ship(evidence(child), collector)
    assert result.returncode == 0, result.stderr
    assert set(collector.received()) == decided(evidence(child))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_after_a_kill_of_the_test_process_ship_completes_what_is_missing(
    child: Child, collector: Collector, protocol: str
) -> None:
    assert run(child, collector, protocol, VICTIM="0") == -signal.SIGKILL
    assert len(decided(evidence(child))) == MANY // 2

    assert ship(evidence(child), collector).returncode == 0
    assert set(collector.received()) == decided(evidence(child))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collector_that_is_not_there_costs_the_run_one_short_wait_and_no_decision(
    child: Child, stopped_collector: Collector, protocol: str
) -> None:
    child.write("conftest.py", otlp.WAITS)
    assert run(child, stopped_collector, protocol, "-p", "no:xdist", WAITS=str(child.folder / "waits")) == 0
    asked = otlp.waits(child.folder)
    assert len(asked) == 1
    assert max(asked.values()) <= patience.SECONDS
    assert len(decided(evidence(child))) == MANY

    stopped_collector.start()
    assert ship(evidence(child), stopped_collector).returncode == 0
    assert set(stopped_collector.received()) == decided(evidence(child))

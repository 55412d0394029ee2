"""Decisions go out live where OpenTelemetry's variables ask for it, and a collector's trouble is not the tests'."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.export import patience, target
from tests import otlp

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

PRELUDE = """
import os, httpx
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'

def attempt():
    try:
        httpx.post(URL, headers={"X-API-Key": os.environ["PLANE_API_TOKEN"]}, json={"name": "moved"})
    except RuntimeError:
        return
    raise AssertionError("it was sent")
"""
TESTS = PRELUDE + "import pytest\n@pytest.mark.parametrize('n', range(MANY))\ndef test_it(n):\n    attempt()\n"
PROTOCOLS = [otlp.HTTP, otlp.GRPC]
sends_at_the_end = pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 12, 2), reason="this Python starts no thread at the end of a process: gh-113964"
)


def ids(child: Child) -> list[str]:
    return sorted(row.decision_id for row in child.decisions())


def as_test_process(
    child: Child, code: str, collector: otlp.Collector, **more: str
) -> subprocess.CompletedProcess[str]:
    from textwrap import dedent

    environment = collector.environment | {"PLANE_GUARD_TEST_PROCESS": "1"} | more
    return child.python(PRELUDE + dedent(code), **environment)


@contextmanager
def dead_port(kind: str) -> Iterator[int]:
    if kind == "closed":
        yield otlp.closed_port()
    else:
        with otlp.silent_port() as port:
            yield port


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_decision_reaches_the_collector_once_and_the_session_again_at_its_end(
    child: Child, protocol: str
) -> None:
    child.write("test_it.py", TESTS.replace("MANY", "30"))
    with otlp.Collector(protocol) as collector:
        result = child.pytest(**collector.environment)
        received = collector.received

    assert "30 passed" in result.stdout, result.stdout
    assert result.stderr == ""
    assert "ship" not in result.stdout
    assert sorted(received.decisions()) == ids(child)
    assert len(ids(child)) == 30
    assert received.sessions() == [session.span_id for session in child.sessions()] * 2
    spans = [span for _, span in received.spans() if span.name == "plane_guard.session"]
    told = [{pair.key: pair.value.int_value for pair in span.attributes} for span in spans]
    assert [one.get("plane_guard.session.tests") for one in told] == [None, 30]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_worker_of_xdist_flushes(child: Child, protocol: str) -> None:
    child.write("test_it.py", TESTS.replace("MANY", "40"))
    with otlp.Collector(protocol) as collector:
        result = child.pytest("-n", "2", **collector.environment)
        received = collector.received

    assert "40 passed" in result.stdout, result.stdout
    assert sorted(received.decisions()) == ids(child)
    assert len(ids(child)) == 40
    assert len(set(received.sessions())) == 3
    assert {resource.get("plane_guard.pytest.worker") for resource, _ in received.spans()} == {None, "gw0", "gw1"}


def test_what_is_sent_is_what_is_on_disk(child: Child) -> None:
    with otlp.Collector(otlp.HTTP) as collector:
        as_test_process(child, "attempt()", collector)
        [(_, session), (resource, span)] = collector.received.spans()

    [row] = child.decisions()
    [guarded] = child.sessions()
    assert (row.trace_id, row.span_id) == (span.trace_id.hex(), span.span_id.hex())
    assert (guarded.trace_id, guarded.span_id) == (session.trace_id.hex(), session.span_id.hex())
    assert guarded.time_ns == session.start_time_unix_nano
    assert resource["plane_guard.run.id"] == row.run_id
    assert collector.received.paths[0] == "/v1/traces"


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    ],
    ids=str,
)
def test_opentelemetrys_switches_turn_it_off_and_never_the_evidence(child: Child, environment: dict[str, str]) -> None:
    with otlp.Collector(otlp.HTTP) as collector:
        as_test_process(child, "attempt()", collector, **environment)

    assert collector.received.payloads == []
    assert len(child.decisions()) == 1


def test_a_live_process_sends_nothing(child: Child, plane: FakePlane) -> None:
    code = PRELUDE + "import plane_guard_instrumentation as g\ng.instrument()\nhttpx.post(URL, json={'name': 'x'})"
    with otlp.Collector(otlp.HTTP) as collector:
        child.python(code, **collector.environment)

    assert len(plane.writes) <= 1
    assert collector.received.payloads == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_a_dead_collector_costs_a_run_little_however_many_tests_it_has(child: Child, protocol: str, kind: str) -> None:
    child.write("conftest.py", otlp.WAITS)
    child.write("test_it.py", TESTS.replace("MANY", "50"))
    with dead_port(kind) as port:
        result = child.pytest("-n", "2", WAITS=str(child.folder / "waits"), **otlp.environment(port, protocol))

    assert "50 passed" in result.stdout, result.stdout
    waits = otlp.waits(child.folder)
    assert 0 < len(waits) <= 3, "two workers and the process that started them"
    assert max(waits.values()) <= patience.SECONDS
    assert "were not delivered to http://127.0.0.1" in result.stdout
    assert "plane-guard ship" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert len(child.decisions()) == 50


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_the_children_of_a_run_share_what_a_dead_collector_may_cost(child: Child, kind: str) -> None:
    child.write("conftest.py", otlp.WAITS)
    child.write("attempt.py", otlp.WAITS + PRELUDE + "attempt()\n")
    child.write(
        "test_it.py",
        """
        import subprocess, sys, pytest
        @pytest.mark.parametrize("n", range(6))
        def test_it(n):
            result = subprocess.run([sys.executable, "attempt.py"], capture_output=True, text=True)
            assert result.returncode == 0
            assert "plane-guard:" not in result.stderr
        """,
    )
    with dead_port(kind) as port:
        result = child.pytest(WAITS=str(child.folder / "waits"), **otlp.environment(port, otlp.HTTP))

    assert "6 passed" in result.stdout, result.stdout
    [seconds] = otlp.waits(child.folder).values()
    assert seconds <= patience.SECONDS
    assert len(child.decisions()) == 6


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("status", ["closed", "silent", "refusing", "redirecting"])
def test_a_process_ends_quickly_and_says_once_what_to_do(child: Child, protocol: str, status: str) -> None:
    code = PRELUDE + "for _ in range(20): attempt()"
    answers = {"refusing": 503, "redirecting": 302}
    if status in answers:
        with otlp.Collector(otlp.HTTP, status=answers[status]) as collector:
            environment = otlp.environment(collector.port, protocol)
            result = child.python(code, PLANE_GUARD_TEST_PROCESS="1", **environment)
    else:
        with dead_port(status) as port:
            result = child.python(code, PLANE_GUARD_TEST_PROCESS="1", **otlp.environment(port, protocol))

    assert result.returncode == 0
    [said] = [line for line in result.stderr.splitlines() if line.startswith("plane-guard: ")]
    assert "21 span(s) were not delivered to" in said
    assert "plane-guard ship" in said
    assert "Traceback" not in result.stderr
    assert len(child.decisions()) == 20
    assert list((child.folder / ".plane-guard").glob("*.account")) == []


def test_a_process_that_leaves_at_once_loses_nothing_from_its_evidence(child: Child) -> None:
    with otlp.Collector(otlp.HTTP) as collector:
        as_test_process(child, "for _ in range(10): attempt()\nos._exit(0)", collector)

    assert len(child.decisions()) == 10
    assert set(collector.received.decisions()) <= set(ids(child))


FORKS = """
import multiprocessing
{before}
children = [multiprocessing.get_context("fork").Process(target=attempt) for _ in range(3)]
for each in children: each.start()
for each in children: each.join(20)
assert [each.exitcode for each in children] == [0, 0, 0], children
"""


@pytest.mark.parametrize(("protocol", "before"), [(otlp.HTTP, ""), (otlp.HTTP, "attempt()"), (otlp.GRPC, "")])
def test_a_forked_process_sends_its_own(child: Child, protocol: str, before: str) -> None:
    with otlp.Collector(protocol) as collector:
        result = as_test_process(child, FORKS.format(before=before), collector)

    assert result.returncode == 0, result.stderr
    assert sorted(collector.received.decisions()) == ids(child)
    assert len(ids(child)) == 3 + bool(before)


def test_a_fork_is_safe_while_decisions_wait_for_grpc(child: Child) -> None:
    with otlp.Collector(otlp.GRPC) as collector:
        result = as_test_process(child, FORKS.format(before="attempt()"), collector)

    assert result.returncode == 0, result.stderr
    assert len(ids(child)) == 4
    assert set(collector.received.decisions()) <= set(ids(child))  # the rest is shipped


@sends_at_the_end
def test_grpc_is_not_used_in_a_process_that_was_forked_after_it_was_loaded(child: Child) -> None:
    with otlp.Collector(otlp.GRPC) as collector:
        result = as_test_process(child, FORKS.format(before="import grpc\nattempt()"), collector)

    assert result.returncode == 0, result.stderr
    assert len(ids(child)) == 4
    assert collector.received.decisions() == [child.decisions()[0].decision_id]


@sends_at_the_end
def test_quiet_processes_are_told_apart_from_unguarded_ones_by_the_session_span(child: Child) -> None:
    with otlp.Collector(otlp.HTTP) as collector:
        as_test_process(child, "", collector)

    assert collector.received.sessions() == [session.span_id for session in child.sessions()]
    assert len(child.sessions()) == 1


def test_an_allow_that_could_not_be_kept_is_not_sent_as_one(child: Child) -> None:
    child.write(
        "test_it.py",
        PRELUDE
        + """
def test_it(plane_sandbox_writes, monkeypatch):
    from plane_guard_instrumentation.evidence import evidence_file
    monkeypatch.setattr(evidence_file, "_is_behind", lambda file: True)
    evidence_file._opened().descriptor = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setitem(globals(), "URL", URL.replace(os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"]))
    attempt()
""",
    )
    with otlp.Collector(otlp.HTTP) as collector:
        child.pytest(**collector.environment)
        events = [event for _, span in collector.received.spans() for event in span.events]

    outcomes = [pair.value.string_value for event in events for pair in event.attributes if "outcome" in pair.key]
    assert outcomes == ["block"]


def test_no_span_is_made_of_an_export(child: Child) -> None:
    code = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    import plane_guard_instrumentation
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    import urllib3.connectionpool
    plain = urllib3.connectionpool.HTTPConnectionPool.urlopen
    from opentelemetry.instrumentation.utils import is_instrumentation_enabled
    seen = []
    def urlopen(self, *args, **kwargs):
        seen.append(is_instrumentation_enabled())
        return plain(self, *args, **kwargs)
    urllib3.connectionpool.HTTPConnectionPool.urlopen = urlopen
    attempt()
    from plane_guard_instrumentation.export import live as _live_export
    assert _live_export.flush() == ""
    assert seen == [False] * len(seen) and seen, seen
    assert memory.get_finished_spans() == ()
    """
    with otlp.Collector(otlp.HTTP) as collector:
        result = as_test_process(child, code, collector)

    assert result.returncode == 0, result.stderr
    assert len(collector.received.decisions()) == 1


@pytest.mark.parametrize("protocol", [otlp.HTTP, pytest.param(otlp.GRPC, marks=sends_at_the_end)])
def test_a_collector_on_a_plane_host_is_no_write_to_plane(child: Child, protocol: str) -> None:
    with otlp.Collector(protocol) as collector:
        result = as_test_process(child, "attempt()", collector, PLANE_GUARD_HOSTS="127.0.0.1,localhost")

    assert result.stderr.count("plane-guard: ") == 0, result.stderr
    assert collector.received.decisions() == ids(child)
    assert len(ids(child)) == 1


def test_an_endpoint_that_is_a_plane_route_is_refused(child: Child, plane: FakePlane) -> None:
    endpoint = f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items/"
    result = child.python(
        PRELUDE + "attempt()", PLANE_GUARD_TEST_PROCESS="1", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint
    )

    assert plane.writes == []
    assert "Plane address" in result.stderr
    assert len(child.decisions()) == 1


@pytest.mark.parametrize("mock", ["requests.adapters.HTTPAdapter.send", "requests.sessions.Session.request",
                                  "requests.sessions.Session.get_adapter",
                                  "urllib3.connectionpool.HTTPConnectionPool.urlopen"])  # fmt: skip
def test_a_mocked_http_library_is_neither_called_nor_in_the_way(child: Child, mock: str) -> None:
    child.write(
        "test_it.py",
        PRELUDE
        + f"""
import time, unittest.mock
from plane_guard_instrumentation.export import live as _live_export
def test_it():
    _live_export.flush()
    with unittest.mock.patch({mock!r}) as mocked:
        attempt()
        assert _live_export.flush() == ""
    assert mocked.mock_calls == []
""",
    )
    with otlp.Collector(otlp.HTTP) as collector:
        result = child.pytest(**collector.environment)

    assert "1 passed" in result.stdout, result.stdout
    assert collector.received.decisions() == ids(child)


def test_a_failing_export_leaves_no_word_in_the_log_of_a_test(child: Child) -> None:
    child.write(
        "test_it.py",
        PRELUDE
        + """
import logging
from plane_guard_instrumentation.export import live as _live_export
def test_it(caplog):
    caplog.set_level(logging.DEBUG)
    attempt()
    _live_export.flush()
    assert {record.name.partition(".")[0] for record in caplog.records} <= {"plane_guard", "httpx", "httpcore"}
""",
    )
    result = child.pytest(**otlp.environment(otlp.closed_port(), otlp.HTTP))

    assert "1 passed" in result.stdout, result.stdout


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_missing_extra_is_said_once_with_the_command_that_mends_it(child: Child, protocol: str) -> None:
    code = """
    import sys
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.startswith("opentelemetry.exporter.otlp.proto"):
                raise ModuleNotFoundError(name)
    sys.meta_path.insert(0, Missing())
    import plane_guard_instrumentation
    os.environ["PLANE_GUARD_TEST_PROCESS"] = "1"
    plane_guard_instrumentation.instrument()
    attempt(); attempt()
    """
    from textwrap import dedent

    result = child.python(PRELUDE + dedent(code), **otlp.environment(otlp.closed_port(), protocol))

    assert result.stderr.count("pip install 'plane-guard[otlp]'") == 1, result.stderr
    assert len(child.decisions()) == 2


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"ENDPOINT": "http://c:4318"}, ("http://c:4318/v1/traces", otlp.HTTP)),
        ({"ENDPOINT": "http://c:4318/"}, ("http://c:4318/v1/traces", otlp.HTTP)),
        ({"ENDPOINT": "http://c:4317"}, ("http://c:4317", otlp.GRPC)),
        ({"ENDPOINT": "http://c:4317", "PROTOCOL": otlp.HTTP}, ("http://c:4317/v1/traces", otlp.HTTP)),
        ({"ENDPOINT": "http://c", "TRACES_PROTOCOL": otlp.GRPC, "PROTOCOL": otlp.HTTP}, ("http://c", otlp.GRPC)),
        ({"ENDPOINT": "http://c", "TRACES_ENDPOINT": "http://t/own"}, ("http://t/own", otlp.HTTP)),
    ],
)  # fmt: skip
def test_endpoint_and_protocol_are_opentelemetrys(
    environment: dict[str, str], expected: tuple[str, str] | None
) -> None:
    found = target.find({f"OTEL_EXPORTER_OTLP_{name}": value for name, value in environment.items()})

    assert [one[:3] for one in found] == ([("TRACES", *expected)] if expected else [])


def test_a_protocol_that_nobody_speaks_here_is_said() -> None:
    [found] = target.find({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})

    assert otlp.HTTP in found.problem


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_decision_also_arrives_as_a_log_record_where_an_endpoint_for_logs_is_named(
    child: Child, protocol: str
) -> None:
    child.write("test_it.py", TESTS.replace("MANY", "3"))
    with otlp.Collector(protocol) as collector:
        path = "/v1/logs" if protocol == otlp.HTTP else ""
        logs = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://127.0.0.1:{collector.port}{path}"}
        result = child.pytest(**collector.environment, **logs)
        received = collector.received

    assert "3 passed" in result.stdout, result.stdout
    records = received.log_records()
    assert {record.event_name for _, record in records} == {"plane_guard.decision"}
    assert sorted(otlp.attributes(record)["plane_guard.decision.id"] for _, record in records) == ids(child)
    assert sorted(received.decisions()) == ids(child)
    by_id = {row.decision_id: row for row in child.decisions()}
    for origin, record in records:
        row = by_id[otlp.attributes(record)["plane_guard.decision.id"]]
        assert (record.trace_id.hex(), record.span_id.hex()) == (row.trace_id, row.span_id)
        assert (record.time_unix_nano, record.severity_text) == (row.time_ns, "ERROR")
        assert origin["plane_guard.run.id"] == row.run_id
    events = [event for _, span in received.spans() for event in span.events]
    assert sorted(map(str, (otlp.attributes(event) for event in events))) == sorted(
        str(otlp.attributes(record)) for _, record in records
    )


def test_without_an_endpoint_for_logs_no_log_record_is_sent(child: Child) -> None:
    with otlp.Collector(otlp.HTTP) as collector:
        as_test_process(child, "attempt()", collector)

    assert collector.received.log_records() == []
    assert len(collector.received.decisions()) == 1


PROVIDER = """
import json
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
memory = InMemoryLogRecordExporter()
provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
set_logger_provider(provider)
def emitted():
    return [found.log_record for found in memory.get_finished_logs()]
"""


def test_a_program_with_a_logger_provider_gets_each_decision_as_a_log_record(child: Child) -> None:
    code = f"""{PROVIDER}
attempt()
[record] = emitted()
assert (record.event_name, record.severity_text) == ("plane_guard.decision", "ERROR")
print(json.dumps(dict(record.attributes)))
"""
    result = child.python(PRELUDE + code, PLANE_GUARD_TEST_PROCESS="1")

    assert result.returncode == 0, result.stderr
    [row] = child.decisions()
    attributes = json.loads(result.stdout.splitlines()[-1])
    assert attributes["plane_guard.decision.id"] == row.decision_id
    assert attributes["plane_guard.decision.reason"] == row.reason
    assert attributes["plane_guard.op"] == row.op

"""A block is on disk before the caller hears of it, whatever happens to telemetry or to the process afterwards."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

PRELUDE = """
import os, signal, httpx
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}

def attempt():
    httpx.post(URL, headers=HEADERS, json={"name": "moved"})

def swallowed():
    try:
        attempt()
    except Exception:
        pass

def recording():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    import plane_guard_instrumentation
    trace.set_tracer_provider(TracerProvider())
    plane_guard_instrumentation.instrument()
"""
SITUATIONS = {
    "nothing special": ("swallowed()", {}),
    "sampler off": ("recording(); swallowed()", {"OTEL_TRACES_SAMPLER": "always_off"}),
    "SDK disabled": ("recording(); swallowed()", {"OTEL_SDK_DISABLED": "true"}),
    "no span events": ("recording(); swallowed()", {"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}),
    "short attribute values": ("recording(); swallowed()", {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4"}),
    "few attributes": (
        "recording(); swallowed()",
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_ATTRIBUTE_COUNT_LIMIT": "1"},
    ),
    "URL excluded": (
        "recording(); swallowed()",
        {"OTEL_PYTHON_HTTPX_EXCLUDED_URLS": ".*", "OTEL_PYTHON_EXCLUDED_URLS": ".*"},
    ),
    "instrumentation disabled": ("recording(); swallowed()", {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}),
    "instrumentation suppressed": (
        """
        recording()
        from opentelemetry.instrumentation.utils import suppress_instrumentation
        with suppress_instrumentation():
            swallowed()
        """,
        {},
    ),
    "uninstrumented by somebody": (
        """
        recording()
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
        HTTPXClientInstrumentor().uninstrument()
        swallowed()
        """,
        {},
    ),
    "uninstrumented by us": ("recording(); import plane_guard_instrumentation as g; g.uninstrument(); swallowed()", {}),
    "exporter none": ("recording(); swallowed()", {"OTEL_TRACES_EXPORTER": "none"}),
    "process leaves at once": ("try:\n    attempt()\nexcept Exception:\n    os._exit(0)", {}),
    "process is killed at once": (
        "try:\n    attempt()\nexcept Exception:\n    os.kill(os.getpid(), signal.SIGKILL)",
        {},
    ),
    "environment and folder changed": ("os.environ.clear(); os.chdir('/'); swallowed()", {}),
    "logging is broken": ("import logging; logging.getLogger('plane_guard').error = None; swallowed()", {}),
}


@pytest.mark.parametrize(("code", "environment"), SITUATIONS.values(), ids=SITUATIONS.keys())
def test_the_evidence_of_a_block_survives(
    child: Child, plane: FakePlane, code: str, environment: dict[str, str]
) -> None:
    from textwrap import dedent

    result = child.python(PRELUDE + dedent(code), PLANE_GUARD_TEST_PROCESS="1", **environment)

    assert result.returncode in {0, -signal.SIGKILL}, result.stderr
    assert plane.writes == []
    [row] = child.decisions()
    assert (row.outcome, row.target, row.op, row.reason) == ("block", "prod", "create", "opt-in-disabled")
    assert row.project_id == plane.prod.id
    assert row.url_template == "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/"


def test_a_block_stands_when_its_evidence_cannot_be_written(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", PRELUDE + "\ndef test_it():\n    swallowed()\n")
    blocker = child.write("traces", "a file where the folder should be")
    result = child.pytest(PLANE_GUARD_TRACE_DIR=str(blocker))

    assert plane.writes == []
    assert "plane-guard: evidence could not be written" in result.stderr
    assert "evidence could not be written" in result.stdout


@pytest.mark.parametrize("how", ["a file where the folder should be", "a full disk"])
def test_an_allow_becomes_a_block_when_its_evidence_cannot_be_written(child: Child, plane: FakePlane, how: str) -> None:
    test = """
    def test_it(plane_sandbox_writes, monkeypatch):
        import pytest, plane_guard
        from plane_guard_instrumentation.evidence import evidence_file as _file
        if HOW == "a full disk":
            full = _file._Open(os.getpid(), os.open("/dev/full", os.O_WRONLY), "/dev/full")
            monkeypatch.setattr(_file, "_create", lambda: full)
            monkeypatch.setattr(_file._State, "file", None)
        url = URL.replace(os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"])
        with pytest.raises(plane_guard.PlaneWriteBlocked) as refusal:
            httpx.post(url, headers=HEADERS, json={"name": "new"})
        assert refusal.value.reason == "guard-error"
        assert "evidence" in str(refusal.value)
    """
    from textwrap import dedent

    child.write("test_it.py", PRELUDE + f"\nHOW = {how!r}\n" + dedent(test))
    blocker = child.write("traces", "a file where the folder should be")
    environment = {"PLANE_GUARD_TRACE_DIR": str(blocker)} if how != "a full disk" else {}
    result = child.pytest(**environment)

    assert "1 passed" in result.stdout, result.stdout
    assert plane.writes == []
    assert "evidence could not be written" in result.stdout

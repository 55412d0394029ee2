"""The session span: written by hand for start-up's sake, and held against OpenTelemetry's own encoding here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from plane_guard_instrumentation.clients import patches
from plane_guard_instrumentation.evidence import resource as _resource
from plane_guard_instrumentation.evidence import session as _session
from plane_guard_instrumentation.evidence import spans, trace_context

if TYPE_CHECKING:
    from typing import Any

    import pytest

    from tests.harness import Child


def test_the_line_is_what_opentelemetry_would_write() -> None:
    mark = _session.begin()
    ours = json.loads(_session.line(mark))
    span = ours["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    theirs = ReadableSpan(
        name=span["name"],
        context=SpanContext(int(span["traceId"], 16), int(span["spanId"], 16), False, TraceFlags(1)),  # noqa: FBT003
        resource=Resource(_resource.attributes()),
        attributes=cast("Any", _session.described()),
        start_time=int(span["startTimeUnixNano"]),
        end_time=int(span["endTimeUnixNano"]),
        instrumentation_scope=InstrumentationScope("plane_guard", _resource.version()),
    )

    assert ours == encode_spans([theirs]).to_dict() == encode_spans([spans.session_span(mark)]).to_dict()


def test_under_a_span_of_the_environment_it_is_what_opentelemetry_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = trace_context.Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 0, "vendor=a")
    monkeypatch.setattr(trace_context, "inherited", lambda: parent)
    mark = _session.begin()

    assert json.loads(_session.line(mark)) == encode_spans([spans.session_span(mark)]).to_dict()


def test_the_root_process_writes_one_and_a_child_that_decides_nothing_writes_none(child: Child) -> None:
    child.write(
        "test_it.py", "import subprocess, sys\ndef test_it():\n    subprocess.run([sys.executable, '-c', ''])\n"
    )
    child.pytest()

    evidence = [session.evidence for session in child.sessions()]
    assert evidence == ["pytest is imported"]
    clients = dict.fromkeys(f"{seam.layer} (when imported)" for seam in patches.SEAMS)
    assert {session.shells for session in child.sessions()} == {(*clients, "socket floor")}
    assert len({session.run_id for session in child.sessions()}) == 1


def test_a_forked_child_writes_its_own(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import os, httpx
        def test_it():
            pid = os.fork()
            if pid == 0:
                try:
                    httpx.post("http://127.0.0.1:9/api/v1/workspaces/acme/projects/x/")
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
        """,
    )
    child.pytest()

    [forked] = child.decisions()
    assert len(child.sessions()) == 2
    assert forked.pid in {session.pid for session in child.sessions()}
    assert len(list((child.folder / ".plane-guard").glob("*.jsonl"))) == 2


def test_a_process_that_runs_no_tests_writes_nothing(child: Child) -> None:
    child.python("import httpx, plane_guard_instrumentation; plane_guard_instrumentation.instrument()")

    assert not (child.folder / ".plane-guard").exists()


def test_the_trace_folder_keeps_itself_out_of_git(child: Child) -> None:
    child.write("test_it.py", "def test_it():\n    pass\n")
    child.pytest()

    assert (child.folder / ".plane-guard" / ".gitignore").read_text() == "*\n"

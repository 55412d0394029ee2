"""A line of evidence is what OpenTelemetry's own exporter would write for the same span."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.json.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.semconv.schemas import Schemas
from packaging.version import Version

from plane_guard_dashboard.evidence import traces
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import otlp_json, resource, session, spans, trace_context
from plane_guard_instrumentation.export import sdk_spans

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_instrumentation.evidence.sanitize import Attributes
    from tests.harness import Child

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENTS = {
    "no parent": None,
    "the job's span": trace_context.SpanContext(TRACE, SPAN, 0, "vendor=a,other=b"),
    "a span of this process": trace_context.SpanContext(TRACE, SPAN, 1, is_remote=False),
}
ATTRIBUTES: Attributes = {names.OUTCOME: "block", names.TARGET: "prod", names.SEQ: 7, names.EXPECTED: True}


def exported(span: otlp_json.Span) -> object:
    """What OpenTelemetry's exporter writes."""
    return encode_spans([sdk_spans.readable(span)]).to_dict()


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS.keys())
def test_a_decision_is_written_as_opentelemetry_writes_it(
    monkeypatch: pytest.MonkeyPatch, parent: trace_context.SpanContext | None, *, blocked: bool
) -> None:
    monkeypatch.setattr(trace_context, "current", lambda: parent)
    span = spans.decision(dict(ATTRIBUTES), blocked=blocked)

    line = otlp_json.line(span)
    assert json.loads(line) == exported(span)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS.keys())
def test_a_session_record_is_written_as_opentelemetry_writes_it(
    monkeypatch: pytest.MonkeyPatch, parent: trace_context.SpanContext | None
) -> None:
    monkeypatch.setattr(trace_context, "inherited", lambda: parent)
    span = session._new()

    assert json.loads(otlp_json.line(span)) == exported(span)
    assert json.loads(otlp_json.line(again := session._described_again(span))) == exported(again)
    assert (again.span_id, again.start_ns) == (span.span_id, span.start_ns)
    assert again.end_ns >= span.end_ns


VALUES = st.one_of(st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.lists(st.text(), max_size=3))


@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=5))
def test_every_value_is_written_as_opentelemetry_writes_it(values: dict[str, str | int | bool | list[str]]) -> None:
    span = spans.decision(values, blocked=True)

    assert json.loads(otlp_json.line(span)) == exported(span)


def test_readers_count_the_span_event_and_the_log_record_of_a_decision_once(tmp_path: Path) -> None:
    attributes: Attributes = {
        **ATTRIBUTES,
        names.DECISION_ID: "9f0c5a1e7b2d4c3f8e6a5b4c3d2e1f00",
        names.REASON: "opt-in-disabled",
        names.OP: "create",
        names.LAYER: "httpx",
    }
    span = spans.decision(attributes, blocked=True)
    records = encode_logs([sdk_spans.log_record(span)]).to_dict()
    (tmp_path / "spans.jsonl").write_bytes(otlp_json.line(span))
    (tmp_path / "logs.jsonl").write_text(json.dumps(records) + "\n", encoding="utf-8")

    for kept in ([], ["logs.jsonl"]):
        for name in kept:
            (tmp_path / "spans.jsonl").unlink()
            assert (tmp_path / name).exists()
        [row] = traces.read(tmp_path).decisions
        assert (row.decision_id, row.outcome, row.op) == (attributes[names.DECISION_ID], "block", "create")
        assert (row.time_ns, row.trace_id) == (span.start_ns, span.trace_id)


def test_the_schema_is_one_that_opentelemetry_published() -> None:
    published = {schema.value for schema in Schemas}
    if Version(names.SCHEMA_URL.rpartition("/")[2]) > max(Version(url.rpartition("/")[2]) for url in published):
        pytest.skip("the installed OpenTelemetry is older than the schema")
    assert names.SCHEMA_URL in published


def test_a_forked_child_is_named_in_its_own_lines(child: Child) -> None:
    code = """
    import os
    from plane_guard_instrumentation.evidence import evidence_file, resource, spans
    assert spans.write({"plane_guard.decision.outcome": "block"}, blocked=True) == ""
    if os.fork() == 0:
        assert spans.write({"plane_guard.decision.outcome": "block"}, blocked=True) == ""
        own = '"process.pid","value":{"intValue":"%s"}' % os.getpid()
        lines = open(evidence_file.path()).read().splitlines()
        print([own in line for line in lines], flush=True)
        os._exit(0)
    os.wait()
    """
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")

    assert result.stdout.strip() == "[True, True]", result.stderr


def test_the_resource_is_read_once_per_process() -> None:
    assert resource.of_this_process() is resource.of_this_process()

"""In an instrumented application the decision is an event on the HTTP client span, and the same one is evidence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

TEST = """
import asyncio, json, os, pytest, httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
import plane_guard, plane_guard_instrumentation

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
seen = []
if BEFORE:
    HTTPXClientInstrumentor().instrument(request_hook=lambda span, request: seen.append(request.method))
plane_guard_instrumentation.instrument()
plane_guard_instrumentation.instrument()

def send(project):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/labels/'
    options = dict(json={"name": "urgent"}, headers={"X-API-Key": os.environ["PLANE_API_TOKEN"]})
    if not ASYNC:
        return httpx.post(url, **options)
    async def go():
        async with httpx.AsyncClient() as client:
            return await client.post(url, **options)
    return asyncio.run(go())

def dump():
    with open("spans.json", "w") as file:
        json.dump([json.loads(span.to_json()) for span in spans.get_finished_spans()], file)

def test_block():
    with pytest.raises(plane_guard.PlaneWriteBlocked), plane_guard_instrumentation.work_item("ORCH-114"):
        send(os.environ["PLANE_PROJECT"])
    dump()

def test_allow(plane_sandbox_writes):
    assert send(os.environ["PLANE_SANDBOX"]).status_code == 201
    dump()
"""


@pytest.mark.parametrize("before", [False, True], ids=["by us", "by somebody else, with hooks"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("test", "outcome", "reason", "target"),
    [("test_block", "block", "opt-in-disabled", "prod"), ("test_allow", "allow", "sandbox-allowed", "sandbox")],
)
def test_the_event_is_on_the_client_span_and_in_the_evidence(  # noqa: PLR0913, PLR0917
    child: Child,
    plane: FakePlane,
    test: str,
    outcome: str,
    reason: str,
    target: str,
    *,
    is_async: bool,
    before: bool,
) -> None:
    child.write("test_it.py", f"ASYNC = {is_async}\nBEFORE = {before}\n" + TEST)
    result = child.pytest("-k", test)
    assert "1 passed" in result.stdout, result.stdout

    [span] = json.loads((child.folder / "spans.json").read_text())
    [event] = [event for event in span["events"] if event["name"] == "plane_guard.decision"]
    attributes: dict[str, Any] = event["attributes"]
    [row] = child.decisions()
    assert span["kind"] == "SpanKind.CLIENT"
    assert attributes["plane_guard.decision.outcome"] == outcome
    assert attributes["plane_guard.decision.reason"] == reason
    assert attributes["plane_guard.target"] == target
    assert attributes["plane_guard.op"] == "label"
    assert attributes["plane_guard.project.id"] == (plane.prod.id if outcome == "block" else plane.sandbox.id)
    assert attributes["plane_guard.decision.id"] == row.decision_id
    assert attributes.get("plane_guard.work_item.key") == ("ORCH-114" if outcome == "block" else None)
    assert span["context"]["trace_id"].removeprefix("0x") == row.trace_id
    assert span["context"]["span_id"].removeprefix("0x") == row.parent_span_id
    assert len(plane.writes) == (outcome == "allow")

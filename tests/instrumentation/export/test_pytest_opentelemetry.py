"""Decisions belong to the traces that pytest-opentelemetry makes of a test run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import otlp

# Not among the test dependencies, because its distribution takes the place of OpenTelemetry's in every process.
pytest.importorskip("pytest_opentelemetry")

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

TESTS = """
import os, httpx, pytest
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    with pytest.raises(RuntimeError):
        httpx.post(URL, json={"name": "moved"})
"""


@pytest.mark.parametrize("options", [(), ("--trace-per-test",), ("-n", "2")], ids=" ".join)
def test_decisions_are_children_of_the_tests_span_and_count_once(
    child: Child, plane: FakePlane, options: tuple[str, ...]
) -> None:
    child.write("test_it.py", TESTS)
    with otlp.Collector(otlp.GRPC) as collector:
        result = child.pytest("--export-traces", *options, **collector.environment)
        received = collector.received

    assert "4 passed" in result.stdout, result.stdout + result.stderr
    assert plane.writes == []
    rows = child.decisions()
    assert len(rows) == len({row.decision_id for row in rows}) == 4
    assert {row.test for row in rows} == {f"test_it.py::test_it[{number}]" for number in range(4)}
    by_id = {span.span_id.hex(): span for _, span in received.spans()}
    for row in rows:
        parent = by_id[row.parent_span_id]
        assert parent.name.startswith(row.test or "-")
        assert parent.trace_id.hex() == row.trace_id

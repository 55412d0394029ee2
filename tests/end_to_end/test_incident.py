"""ORCH-114 again: a test process with live credentials captured at import moves a production work item."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

CLIENT = """
    import os
    import httpx

    HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    PROJECT = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}'
    ITEM = f'{PROJECT}/work-items/{os.environ["PLANE_ITEM"]}/'

    def notify_stage_change(state):
        for send in (
            lambda: httpx.patch(ITEM, headers=HEADERS, json={"state": state}).raise_for_status(),
            lambda: httpx.post(ITEM + "comments/", headers=HEADERS, json={"comment_html": "done"}).raise_for_status(),
        ):
            try:
                send()
            except Exception:
                pass
"""
TEST = """
    import os
    import unittest
    import client

    def test_stage_change():
        client.notify_stage_change(os.environ["PLANE_DONE"])

    class StageChange(unittest.TestCase):
        def test_stage_change(self):
            test_stage_change()
"""
HOW = {
    "as a user runs it": ((), {}),
    "opt-in and allowlist inherited": ((), {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": "{prod}"}),
    "plugin switched off": (("-p", "no:plane_guard"), {}),
    "plugin switched off, opt-in inherited": (
        ("-p", "no:plane_guard"),
        {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": "{prod}"},
    ),
    "plugin autoload off": ((), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
    "plugin autoload off, opt-in inherited": (
        (),
        {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PLANE_TEST_WRITE_ENABLED": "1",
            "PLANE_TEST_SANDBOX_PROJECTS": "{prod}",
        },
    ),
    "under xdist": (("-n", "2"), {}),
}


@pytest.fixture
def incident(child: Child, plane: FakePlane) -> Child:
    child.write("client.py", CLIENT)
    child.write("test_stage.py", TEST)
    item = plane.prod.items["ORCH-114"]
    return type(child)(child.folder, {**child.environment, "PLANE_ITEM": item, "PLANE_DONE": plane.prod.states["Done"]})


def test_without_the_guard_production_is_written(incident: Child, plane: FakePlane) -> None:
    result = incident.unguarded_pytest("-k", "not StageChange")

    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert [request.method for request in plane.writes] == ["PATCH", "POST"]
    assert plane.changes_of(plane.prod.id)


@pytest.mark.parametrize(("options", "environment"), HOW.values(), ids=HOW.keys())
def test_with_the_guard_nothing_reaches_production(
    incident: Child, plane: FakePlane, options: tuple[str, ...], environment: dict[str, str]
) -> None:
    before = plane.snapshot(plane.prod.id)
    result = incident.pytest(*options, **{name: text.format(prod=plane.prod.id) for name, text in environment.items()})

    assert "2 passed" in result.stdout, result.stdout + result.stderr
    assert plane.writes == []
    assert plane.snapshot(plane.prod.id) == before
    assert sorted((row.op, row.target, row.reason) for row in incident.decisions()) == sorted(
        [("state", "prod", "opt-in-disabled"), ("comment", "prod", "opt-in-disabled")] * 2
    )


@pytest.mark.parametrize(
    "environment", [{}, {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": "{prod}"}]
)
def test_unittest_is_guarded_as_well(incident: Child, plane: FakePlane, environment: dict[str, str]) -> None:
    inherited = {name: text.format(prod=plane.prod.id) for name, text in environment.items()}
    result = incident.run([sys.executable, "-m", "unittest", "test_stage.py"], **inherited)

    assert "OK" in result.stderr
    assert plane.writes == []
    assert [(row.op, row.target) for row in incident.decisions()] == [("state", "prod"), ("comment", "prod")]


def test_a_script_that_calls_pytest_with_the_plugin_switched_off_is_guarded_as_well(
    incident: Child, plane: FakePlane
) -> None:
    incident.write("runner.py", "import pytest, sys\nsys.exit(pytest.main(['-p', 'no:plane_guard']))\n")
    inherited = {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": plane.prod.id}
    result = incident.run([sys.executable, "runner.py"], **inherited)

    assert "2 passed" in result.stdout, result.stdout + result.stderr
    assert plane.writes == []
    assert len(incident.decisions()) == 4


def test_a_green_test_that_swallowed_its_blocks_shows_them_in_the_summary(incident: Child) -> None:
    result = incident.pytest("-k", "not StageChange")

    assert "2 Plane write(s) blocked, 0 expected block(s)" in result.stdout
    assert "test_stage.py::test_stage_change: comment on prod project" in result.stdout

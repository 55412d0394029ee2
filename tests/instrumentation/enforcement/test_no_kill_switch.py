"""Nothing that a user can set, pass, request or call lets a write to production out of a test process."""

from __future__ import annotations

import ast
import inspect
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plane_guard
import plane_guard_instrumentation
from plane_guard_instrumentation.pytest_support import reporting

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

ROOT = Path(__file__).parents[3]
VALUES = ("0", "false", "off", "none", "", "1", "true", "*", "{prod}", "prod", "disable")
PYTEST_OPTIONS = (
    ("-p", "no:plane_guard"),
    ("-p", "no:plane_guard", "-p", "no:plane_guard_opt_in"),
    ("--noconftest",),
    ("-p", "no:warnings", "-p", "no:capture"),
    ("-o", "addopts=", "--override-ini", "plane_guard=off"),
    *([("--disable-plugin-autoload",)] if pytest.version_tuple >= (8, 4) else []),
    ("-x", "--assert=plain"),
)
PYPROJECT = (
    "sandbox_projects = ['*']",
    "sandbox_projects = []",
    "enabled = false",
    "hosts = []",
    "protected_projects = []",
    "swallowed = 'off'",
    "trace_dir = ''",
)
TEST = """
import os, pytest, httpx, plane_guard, plane_guard_instrumentation
def attempt():
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/'
    with pytest.raises(plane_guard.PlaneWriteBlocked):
        httpx.post(url, json={"name": "urgent"}, headers={"X-API-Key": os.environ["PLANE_API_TOKEN"]})
def test_plain():
    attempt()
"""
CALLS = """
def test_switched_off():
    plane_guard_instrumentation.uninstrument()
    attempt()
def test_switched_on_and_off():
    plane_guard_instrumentation.instrument()
    plane_guard_instrumentation.uninstrument()
    plane_guard_instrumentation.uninstrument()
    attempt()
def test_settings_made_by_hand(monkeypatch):
    plane_guard.Settings(write_enabled=True, sandbox_projects=[os.environ["PLANE_PROJECT"]])
    attempt()
def test_decided_live():
    assert plane_guard.decide(os.environ["PLANE_PROJECT"], "state", in_test=False).allowed
    attempt()
def test_work_item():
    with plane_guard_instrumentation.work_item("ORCH-114"):
        attempt()
def test_detection_taken_away(monkeypatch):
    import sys
    for name in list(os.environ):
        if name.startswith(("PYTEST", "PLANE_GUARD")):
            monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "pytest")
    attempt()
@pytest.mark.parametrize("fixture", FIXTURES)
def test_fixture(fixture, request):
    request.getfixturevalue(fixture)
    attempt()
def test_protected_beats_allowlisted(monkeypatch):
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", os.environ["PLANE_PROJECT"])
    monkeypatch.setenv("PLANE_GUARD_PROTECTED_PROJECTS", os.environ["PLANE_PROJECT"])
    attempt()
"""


def variables() -> set[str]:
    """Every environment variable that the code names, and the ones that its libraries read."""
    # `PLANE_GUARD_PARENT` names a file; its values here are no markers.
    found = {"OTEL_SDK_DISABLED", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "OTEL_TRACES_EXPORTER", "NO_PROXY"}
    for folder in ("guard", "instrumentation"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("PLANE_"):
                    found.add(node.value)
    return found


def fixtures() -> list[str]:
    return [name for name in vars(reporting) if name.startswith("plane_")]


def test_the_walk_knows_every_switch() -> None:
    assert {"PLANE_TEST_WRITE_ENABLED", "PLANE_GUARD_HOSTS", "PLANE_GUARD_SWALLOWED", "PLANE_GUARD_ROOT"} <= variables()
    assert fixtures() == ["plane_sandbox_writes", "plane_sandbox_scope", "plane_blocked_writes"]
    called = CALLS + TEST
    for package in (plane_guard, plane_guard_instrumentation):
        for name in package.__all__:
            assert (
                f"{package.__name__}.{name}" in called
                or not inspect.isfunction(getattr(package, name))
                or name
                in {
                    "audit_allow",
                    "audit_block",
                    "classify",
                    "in_test_process",
                }
            )


@pytest.mark.parametrize("value", VALUES)
def test_no_environment_variable_lets_production_through(child: Child, plane: FakePlane, value: str) -> None:
    child.write("test_it.py", TEST)
    text = value.format(prod=plane.prod.id)
    everything = dict.fromkeys(variables() - {"PLANE_GUARD_TRACE_DIR", "PLANE_GUARD_ROOT"}, text)
    for environment in (everything, everything | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}):
        result = child.pytest(**environment)

        assert "1 passed" in result.stdout, result.stdout + result.stderr
        assert plane.writes == []


@pytest.mark.parametrize("options", PYTEST_OPTIONS, ids=" ".join)
def test_no_pytest_option_lets_production_through(child: Child, plane: FakePlane, options: tuple[str, ...]) -> None:
    child.write("test_it.py", TEST)
    inherited = {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": plane.prod.id}
    result = child.pytest(*options, **inherited)

    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert plane.writes == []


@pytest.mark.parametrize("line", PYPROJECT)
def test_no_line_of_pyproject_lets_production_through(child: Child, plane: FakePlane, line: str) -> None:
    child.write("pyproject.toml", f"[tool.plane_guard]\n{line}\n")
    child.write("test_it.py", TEST)

    assert "1 passed" in child.pytest().stdout
    assert plane.writes == []


def test_no_fixture_or_public_function_lets_production_through(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", TEST + f"FIXTURES = {fixtures()!r}\n" + CALLS)
    result = child.pytest()

    assert "11 passed" in result.stdout, result.stdout
    assert plane.writes == []


def test_every_pair_of_truths_and_lies_still_decides_the_same() -> None:
    prod = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
    for opt_in, in_test in itertools.product([True, False, "yes", 1, None], [True, None, 0, "", "no"]):
        settings = plane_guard.Settings(write_enabled=opt_in)
        decision = plane_guard.decide(prod, plane_guard.Op.STATE, settings=settings, in_test=in_test)  # type: ignore[arg-type]
        assert not decision.allowed

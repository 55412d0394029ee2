"""`--plane-guard-report`, the ini options and the group in `pytest --help`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import OTHER_PLUGINS

if TYPE_CHECKING:
    from tests.harness import Child

SEND = """
import os, httpx, pytest, plane_guard

def send(project):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/labels/'
    return httpx.post(url, json={"name": os.urandom(4).hex()}, headers={"X-API-Key": os.environ["PLANE_API_TOKEN"]})
"""
WRITES = (
    SEND
    + """
def test_sandbox(plane_sandbox_writes):
    assert send(os.environ["PLANE_SANDBOX"]).status_code == 201

def test_production():
    send(os.environ["PLANE_PROJECT"])
"""
)
OTHERS = " ".join(f"-p no:{name}" for name in OTHER_PLUGINS)


def ini(child: Child, *lines: str) -> None:
    child.write("pytest.ini", "\n".join(["[pytest]", f"addopts = -q {OTHERS}", *lines, ""]))


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_the_report_of_a_session_is_written_as_json(child: Child, options: tuple[str, ...]) -> None:
    child.write("test_it.py", WRITES)
    done = child.pytest("--plane-guard-report=out/report.json", *options)
    assert "--plane-guard-report out/report.json: not written" in done.stdout  # there is no such folder
    done = child.pytest("--plane-guard-report=report.json", *options)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "not written" not in done.stdout
    report = json.loads((child.folder / "report.json").read_text(encoding="utf-8"))
    assert (report["decisions"], report["allowed"], report["prod_attempts"]) == (2, 1, 1)
    assert report["run"] == child.decisions()[-1].run_id
    assert report["by_test"] == {"test_it.py::test_sandbox": 1, "test_it.py::test_production": 1}


def test_a_quiet_session_has_a_report_too(child: Child) -> None:
    child.write("test_it.py", "def test_it(): ...\n")
    child.pytest("--plane-guard-report=report.json")
    report = json.loads((child.folder / "report.json").read_text(encoding="utf-8"))
    assert (report["decisions"], report["sessions"]) == (0, 1)


def test_help_has_a_group_with_the_option_and_the_ini_options(child: Child) -> None:
    said = child.pytest("--help").stdout
    assert "plane-guard (Plane writes of tests):\n  --plane-guard-report=PATH" in said
    for name in ("plane_guard_protected_projects", "plane_guard_hosts", "plane_guard_swallowed"):
        assert f"  {name}" in said
    assert "plane_guard_sandbox_projects" not in said


@pytest.mark.parametrize("how", ["plugin", "no plugin"])
def test_a_project_that_the_ini_file_protects_is_never_written_to(child: Child, how: str) -> None:
    ini(child, f"plane_guard_protected_projects = {child.environment['PLANE_SANDBOX']}")
    child.write(
        "test_it.py",
        SEND
        + """
def test_it(monkeypatch):
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    with pytest.raises(plane_guard.PlaneWriteBlocked, match="prod-project-in-test"):
        send(os.environ["PLANE_SANDBOX"])
""",
    )
    options = ("-p", "no:plane_guard") if how == "no plugin" else ()
    done = child.pytest("--strict-config", *options)
    assert "1 passed" in done.stdout, done.stdout


def test_a_host_of_the_ini_file_is_a_plane_host_and_a_bad_value_is_reported(child: Child) -> None:
    ini(child, "plane_guard_hosts = plane.acme.test:8443 *.bad", "plane_guard_swallowed = maybe")
    child.write(
        "test_it.py",
        """
        import plane_guard
        def test_it():
            from plane_guard import process
            assert "plane.acme.test:8443" in process.settings().hosts
        """,
    )
    done = child.pytest("-v")
    assert "1 passed" in done.stdout, done.stdout
    assert "'maybe' counts as fail; write report or fail." in done.stdout
    assert "*.bad" in done.stdout


@pytest.mark.parametrize(("line", "outcome"), [("", "1 passed"), ("plane_guard_swallowed = fail", "1 error")])
def test_swallowed_refusals_fail_if_the_ini_file_says_so(child: Child, line: str, outcome: str) -> None:
    ini(child, line)
    child.write(
        "test_it.py",
        SEND
        + """
def test_it():
    try:
        send(os.environ["PLANE_PROJECT"])
    except Exception:
        pass
""",
    )
    done = child.pytest()
    assert outcome in done.stdout, done.stdout


def test_no_ini_option_takes_away_what_pyproject_says(child: Child) -> None:
    child.write("pyproject.toml", '[tool.plane_guard]\nswallowed = "fail"\nhosts = ["one.acme.test"]\n')
    ini(child, "plane_guard_swallowed = report", "plane_guard_hosts = two.acme.test")
    child.write(
        "test_it.py",
        """
        from plane_guard import process
        from plane_guard_instrumentation.runtime import run
        def test_it():
            assert {"one.acme.test", "two.acme.test"} <= process.settings().hosts
            assert run.current().fail_on_swallowed
        """,
    )
    done = child.pytest()
    assert "1 passed" in done.stdout, done.stdout

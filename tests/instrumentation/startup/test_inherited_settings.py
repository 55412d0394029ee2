"""What a test process inherits by accident is taken away; what its test asks for is given to it and its children."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

SEND = """
import os, sys, httpx, subprocess
def send(project=os.environ["PLANE_SANDBOX"]):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/labels/'
    headers = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    return httpx.post(url, json={"name": os.urandom(4).hex()}, headers=headers).status_code
"""
AMBIENT = {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": "{prod}"}


def ambient(plane: FakePlane) -> dict[str, str]:
    return {name: text.format(prod=plane.prod.id) for name, text in AMBIENT.items()}


def test_the_header_says_what_was_taken_away(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", "def test_it():\n    pass\n")
    result = child.pytest("-v", **ambient(plane))

    for name in AMBIENT:
        assert f"plane-guard: {name} is ignored: it was set before the tests" in result.stdout
    assert "Plane writes are blocked" in result.stdout


def test_the_floor_lies_before_any_conftest_is_imported(child: Child, plane: FakePlane) -> None:
    child.write("conftest.py", f"import os\nassert not {set(AMBIENT)!r} & set(os.environ), 'inherited'\n")
    child.write("test_it.py", "def test_it():\n    pass\n")

    assert "1 passed" in child.pytest(**ambient(plane)).stdout


def test_every_test_starts_with_writing_off_whatever_the_one_before_did(child: Child, plane: FakePlane) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
def test_leaves_it_on():
    os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
    assert send() == 201
def test_starts_with_it_off():
    send()
""",
    )
    result = child.pytest()

    assert "1 failed, 1 passed" in result.stdout
    assert len(plane.writes) == 1


def test_the_opt_in_is_read_at_call_time(child: Child, plane: FakePlane) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
import pytest
from plane_guard import PlaneWriteBlocked
client = httpx.Client()
def test_it(monkeypatch):
    with pytest.raises(PlaneWriteBlocked):
        send()
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "true")
    assert send() == 201
    monkeypatch.delenv("PLANE_TEST_WRITE_ENABLED")
    with pytest.raises(PlaneWriteBlocked):
        send()
""",
    )

    assert "1 passed" in child.pytest().stdout
    assert len(plane.writes) == 1


def test_the_allowlist_of_pyproject_holds_in_tests_and_in_their_children(child: Child, plane: FakePlane) -> None:
    child.write("pyproject.toml", f'[tool.plane_guard]\nsandbox_projects = ["{plane.prod.id}"]\n')
    child.write("send.py", SEND + "\nsys.exit(send(os.environ['PLANE_PROJECT']) != 201)\n")
    child.write(
        "test_it.py",
        SEND
        + """
def test_it(plane_sandbox_writes, tmp_path):
    assert send(os.environ["PLANE_PROJECT"]) == 201
    assert subprocess.run([sys.executable, os.path.abspath("send.py")], cwd=tmp_path).returncode == 0
""",
    )
    result = child.pytest()

    assert "1 passed" in result.stdout, result.stdout
    assert len(plane.writes) == 2
    assert {row.run_id for row in child.decisions()} == {child.sessions()[0].run_id}


def test_children_of_a_test_without_the_opt_in_are_guarded(child: Child, plane: FakePlane) -> None:
    child.write("send.py", SEND + "\nsend()\n")
    child.write(
        "test_it.py",
        SEND
        + """
def test_it():
    for options in ([], ["-E"], ["-I"]):
        assert subprocess.run([sys.executable, *options, "send.py"]).returncode != 0
""",
    )

    assert "1 passed" in child.pytest().stdout
    assert plane.writes == []
    assert [row.test for row in child.decisions()] == ["test_it.py::test_it"] * 3
    assert len({row.run_id for row in child.decisions()}) == 1


FORGED = {
    "no such file": "{folder}/decisions-host-1-abc.jsonl",
    "a number": "1",
    "a file without a run": "{folder}/decisions-host-{pid}-abc.jsonl",
    "a file of a process that is gone": "{folder}/decisions-host-999999998-abc.jsonl",
}


@pytest.mark.parametrize("parent", FORGED.values(), ids=FORGED.keys())
def test_an_inherited_opt_in_needs_more_than_variables_to_count_as_handed_over(
    child: Child, plane: FakePlane, parent: str
) -> None:
    import os

    run = {"key": "plane_guard.run.id", "value": {"stringValue": "0" * 32}}
    child.write("decisions-host-999999998-abc.jsonl", json.dumps(run, separators=(",", ":")))
    child.write(f"decisions-host-{os.getpid()}-abc.jsonl", "{}")
    forged = parent.format(folder=child.folder, pid=os.getpid())
    result = child.python(
        SEND + "\nsend()\n", PLANE_GUARD_TEST_PROCESS="1", PLANE_GUARD_PARENT=forged, PLANE_TEST_WRITE_ENABLED="1"
    )

    assert "opt-in-disabled" in result.stderr
    assert plane.writes == []


@pytest.mark.parametrize(("options", "code"), [((), 1), (("--sandbox-writes",), 0)])
def test_run_guards_any_command_and_opts_in_only_when_told(
    child: Child, plane: FakePlane, options: tuple[str, ...], code: int
) -> None:
    child.write("send.py", SEND + "\nsend()\n")
    command = [sys.executable, "-m", "plane_guard_dashboard", "run", *options, "--", sys.executable, "send.py"]
    result = child.run(command, **ambient(plane))

    assert result.returncode == code, result.stderr
    assert len(plane.writes) == 1 - code


def test_a_pytest_session_under_run_still_starts_with_writing_off(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", SEND + "\ndef test_it():\n    send()\n")
    command = [sys.executable, "-m", "plane_guard_dashboard", "run", "--sandbox-writes", "--"]
    result = child.run([*command, sys.executable, "-m", "pytest"])

    assert "1 failed" in result.stdout
    assert plane.writes == []


def test_hosts_that_a_plugin_sets_before_any_conftest_count(child: Child) -> None:
    child.write("early.py", "import os\nos.environ['PLANE_GUARD_HOSTS'] = 'plane.example.com'\n")
    child.write(
        "test_it.py",
        """
        from plane_guard import process as _process
        def test_it():
            assert "plane.example.com" in _process.fixed().hosts
        """,
    )

    assert "1 passed" in child.pytest("-p", "early", PYTHONPATH=str(child.folder)).stdout

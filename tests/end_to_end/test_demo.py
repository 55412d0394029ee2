"""`plane-guard demo`, as a user runs it: a process of its own, and the evidence that it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.demo import replay
from plane_guard_dashboard.demo.scenario import ATTEMPTS, BLOCKS
from plane_guard_dashboard.evidence import traces

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = Path(sys.executable).with_name("plane-guard")
MAIN = "from plane_guard_dashboard.cli import main; main(prog_name='plane-guard')"
WRITES_BEHIND_THE_GUARD = """
import socket
from plane_guard_dashboard.demo import child as _child
honest = _child.run_tests
def run_tests(folder, plane, trace_dir):
    child = honest(folder, plane, trace_dir)
    item = plane.prod.items["ORCH-114"]
    target = f"/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items/{item}/"
    head = f"DELETE {target} HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nX-Api-Key: {plane.token}\\r\\n\\r\\n"
    with socket.create_connection(("127.0.0.1", plane.port)) as connection:
        connection.sendall(head.encode())
        connection.recv(65536)
    return child
_child.run_tests = run_tests
"""
FORGETS_A_TEST = """
from plane_guard_dashboard.demo import child as _child
honest = _child.write_project
def write_project(folder):
    honest(folder)
    path = folder / "test_orch_114.py"
    path.write_text(path.read_text().replace("def test_sandbox(", "def forgotten("))
_child.write_project = write_project
"""
LOSES_THE_EVIDENCE = """
from plane_guard_dashboard.demo import child as _child
honest = _child.run_tests
def run_tests(folder, plane, trace_dir):
    child = honest(folder, plane, trace_dir)
    for path in trace_dir.glob("*.jsonl"):
        path.unlink()
    return child
_child.run_tests = run_tests
"""


def plane_guard(
    *words: str, cwd: Path, before: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as at a user's prompt, where nothing tells of tests; `before` is executed in it first."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PLANE_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-c", before + MAIN, *words],
        cwd=cwd,
        env={**ours, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the demo is run once for all tests."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo in an environment that would disturb a careless one."""
    env = {
        "PYTEST_ADDOPTS": "--no-such-option",
        "OTEL_SDK_DISABLED": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    return plane_guard("demo", cwd=folder, env=env)


def test_the_demo_ends_well(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr) == (0, "")


def test_the_demo_says_what_was_tried_and_why_it_was_stopped(done: subprocess.CompletedProcess[str]) -> None:
    words = {"ORCH-114", *(part for one in ATTEMPTS for part in (one.test, one.op, one.reason))}
    assert {word for word in words if word not in done.stdout} == set()


def test_the_demo_says_what_the_server_received(done: subprocess.CompletedProcess[str]) -> None:
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "writes to ORCH (production) 0, project unchanged" in lines
    assert "writes to SBX (sandbox) 2" in lines


def test_the_demo_fits_a_terminal_of_80_columns_and_sends_no_colours_into_a_pipe(
    done: subprocess.CompletedProcess[str],
) -> None:
    lines = done.stdout.splitlines()
    assert [line for line in lines if len(line) > 80 and ".jsonl" not in line and "/plane-guard " not in line] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\x1b" not in done.stdout


def test_the_evidence_stays_in_the_trace_folder(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    found = traces.read(folder / ".plane-guard")
    assert {row.service for row in found.decisions} == {"plane-guard-demo"}
    assert (len(found.decisions), sum(row.blocked for row in found.decisions)) == (len(ATTEMPTS), BLOCKS)
    assert all(str(path) in done.stdout for path in (folder / ".plane-guard").glob("*.jsonl"))


def test_the_report_shows_the_demo_without_being_told_where(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    report = plane_guard("report", "--fail-on", "prod-attempt", cwd=folder)
    assert "plane-guard report" in done.stdout
    assert report.returncode == 1, report.stderr
    assert "all blocked" in report.stdout


@pytest.mark.parametrize("program", [[sys.executable, "-m", "plane_guard_dashboard"], [str(SCRIPT)]])
@pytest.mark.parametrize("on_the_path", [True, False])
def test_the_next_commands_can_be_pasted_as_they_stand(
    tmp_path: Path, program: list[str], *, on_the_path: bool
) -> None:
    path = os.pathsep.join([str(SCRIPT.parent)] * on_the_path + ["/usr/bin", "/bin"])
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PLANE_", "PYTEST_"))}
    environ |= {"PATH": path, "COLUMNS": "80"}
    done = subprocess.run([*program, "demo"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if "this run in a few lines, for CI" in line]
    said = line.rpartition("   ")[0].strip()
    assert said.startswith("plane-guard report" if on_the_path else f"{SCRIPT} report")
    pasted = subprocess.run(
        ["/bin/sh", "-c", said], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert "attempts to write to production: all blocked" in pasted.stdout, pasted.stderr


def test_a_script_below_this_folder_is_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    for place, said in ((".venv/bin/plane-guard", ".venv/bin/plane-guard"), ("plane-guard", "./plane-guard")):
        script = tmp_path / place
        script.parent.mkdir(parents=True, exist_ok=True)
        script.touch()
        monkeypatch.setattr(sys, "argv", [place])
        assert replay.command() == (said,)
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert replay.command() == ("/nowhere/python", "-m", "plane_guard_dashboard")


def test_the_temporary_project_is_gone_afterwards(done: subprocess.CompletedProcess[str]) -> None:
    (line,) = [line for line in done.stdout.splitlines() if "plane-guard-demo-" in line and line.startswith("  in ")]
    assert not Path(line.split()[1]).exists()


def test_on_request_the_project_is_kept_and_all_output_is_shown(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path), "PLANE_GUARD_TRACE_DIR": str(tmp_path / "evidence")}
    done = plane_guard("demo", "--keep", "--verbose", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout
    assert "test session starts" in done.stdout
    (kept,) = tmp_path.glob("plane-guard-demo-*")
    assert (kept / "test_orch_114.py").exists()
    assert list((tmp_path / "evidence").glob("*.jsonl"))
    assert not (tmp_path / ".plane-guard").exists()


@pytest.mark.parametrize(
    ("doctored", "named"),
    [
        (WRITES_BEHIND_THE_GUARD, "production received no write; production is unchanged"),
        (FORGETS_A_TEST, "the writes of the sandbox test arrived"),
        (LOSES_THE_EVIDENCE, "every block is in the evidence"),
    ],
    ids=["a write behind the guard", "a test that did not run", "lost evidence"],
)
def test_the_demo_fails_and_names_the_claim_that_is_not_so(tmp_path: Path, doctored: str, named: str) -> None:
    done = plane_guard("demo", cwd=tmp_path, before=doctored)
    assert done.returncode == 1
    assert named in done.stderr
    assert "FAILED" in done.stdout


def test_without_a_folder_for_evidence_the_demo_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = plane_guard("demo", cwd=tmp_path, env={"PLANE_GUARD_TRACE_DIR": str(tmp_path / "file" / "x")})
    assert done.returncode == 1
    assert "set PLANE_GUARD_TRACE_DIR to a writable folder" in done.stderr


def test_without_pytest_the_demo_says_how_to_get_it(tmp_path: Path) -> None:
    done = plane_guard("demo", cwd=tmp_path, before="import sys; sys.modules['pytest'] = None\n")
    assert done.returncode == 1
    assert f"{sys.executable} -m pip install pytest" in done.stderr


def test_when_the_reader_looks_elsewhere_the_next_commands_name_the_folder(tmp_path: Path) -> None:
    done = plane_guard("demo", cwd=tmp_path, env={"PLANE_GUARD_TRACES": str(tmp_path / "else")})
    assert f"plane-guard report --traces {tmp_path / '.plane-guard'}" in done.stdout

"""`plane-guard doctor` proves the guard by trying, and says what is wrong in one sentence each."""

from __future__ import annotations

import os
import shutil
import sys
import venv
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.cli.self_test import PATHS

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

DOCTOR = [sys.executable, "-m", "plane_guard_dashboard", "doctor"]


def test_a_canary_through_every_installed_client_is_blocked(child: Child) -> None:
    result = child.run(DOCTOR, COLUMNS="160")

    assert result.returncode == 0, result.stdout + result.stderr
    for path, (library, _) in PATHS.items():
        if find_spec(library):
            assert f"ok  {path}: blocked, the server received 0 request(s)" in result.stdout
    first, second, *_ = result.stdout.splitlines()
    assert first == "Tests in this environment are guarded, and so are their Python child processes."
    assert second == "This is a live process."
    assert not (child.folder / ".plane-guard").exists()


def test_it_says_where_each_setting_comes_from(child: Child) -> None:
    child.write("pyproject.toml", '[tool.plane_guard]\nhosts = ["plane.example.com"]\n')
    result = child.run(DOCTOR, COLUMNS="160", PLANE_GUARD_SWALLOWED="fail")
    rows = {line.split()[0]: line.split()[-1] for line in result.stdout.splitlines() if line.startswith("PLANE_")}

    assert rows["PLANE_GUARD_HOSTS"] == "pyproject.toml"
    assert rows["PLANE_GUARD_SWALLOWED"] == "environment"
    assert rows["PLANE_TEST_SANDBOX_PROJECTS"] == "default"


def test_a_test_process_is_told_apart(child: Child) -> None:
    assert "This is a test process: PYTEST_VERSION is set" in child.run(DOCTOR, PYTEST_VERSION="9").stdout


def test_each_malformed_setting_is_a_problem_with_its_remedy(child: Child) -> None:
    malformed = {
        "PLANE_GUARD_PROTECTED_PROJECTS": ("half-a-uuid", "every write is blocked"),
        "PLANE_TEST_SANDBOX_PROJECTS": ("*", "allows nothing"),
        "PLANE_GUARD_SWALLOWED": ("maybe", "counts as fail"),
        "PLANE_TEST_WRITE_ENABLED": ("perhaps", "counts as off"),
    }
    result = child.run(DOCTOR, COLUMNS="300", **{variable: value for variable, (value, _) in malformed.items()})
    problems = [line for line in result.stdout.splitlines() if line.startswith("problem: ")]

    assert result.returncode == 1
    assert len(problems) == len(malformed)
    for variable, (_, sentence) in malformed.items():
        assert any(line.startswith(f"problem: {variable}") and sentence in line for line in problems), problems


@pytest.fixture
def without_start_file(child: Child) -> tuple[str, str]:
    """A Python that finds plane-guard through PYTHONPATH only, as after `pip install --target`, and that PYTHONPATH."""
    venv.create(child.folder / "venv", with_pip=False, symlinks=True)
    paths = [path for path in sys.path if path.endswith(("-packages", "guard", "instrumentation", "dashboard"))]
    return str(child.folder / "venv" / "bin" / "python"), os.pathsep.join(paths)


def test_a_start_up_file_that_only_a_zipapp_runs_does_not_count(
    child: Child, without_start_file: tuple[str, str]
) -> None:
    python, path = without_start_file
    child.write("app/plane_guard.pth", "import plane_guard_watch; plane_guard_watch.watch()\n")
    # As the files of shiv and PEX do: children find neither the packages nor the start-up file.
    child.write(
        "zipapp.py",
        f"""
        import site, sys
        sys.path += {path.split(os.pathsep)!r}
        site.addsitedir("app")
        from plane_guard_dashboard.cli import main
        main()
        """,
    )
    result = child.run([python, "zipapp.py", "doctor"], COLUMNS="200")

    assert result.returncode == 1, result.stdout + result.stderr
    assert "Their child processes are guarded only if they keep PYTHONPATH" in result.stdout
    assert "ok  a child process: blocked, the server received 0 request(s)" in result.stdout
    assert "BAD a child process with an empty environment: sent, the server received 1 request(s)" in result.stdout


def test_from_a_zip_file_children_are_not_guarded(child: Child, without_start_file: tuple[str, str]) -> None:
    python, path = without_start_file
    guard, others = split(path.split(os.pathsep))
    zipped = shutil.make_archive(str(child.folder / "guard"), "zip", guard)
    result = child.run(
        [python, "-m", "plane_guard_dashboard", "doctor"],
        COLUMNS="200",
        PYTHONPATH=os.pathsep.join((zipped, *others)),
    )

    assert result.returncode == 1, result.stdout + result.stderr
    assert "Their child processes are NOT guarded" in result.stdout
    assert "BAD a child process: sent, the server received 1 request(s)" in result.stdout
    assert "ok  httpx: blocked, the server received 0 request(s)" in result.stdout


def split(paths: list[str]) -> tuple[str, list[str]]:
    """Return the folder of the core and the other ones."""
    (guard,) = (path for path in paths if path.endswith("guard"))
    return guard, [path for path in paths if path != guard]


def test_pytest_without_a_start_up_file_guards_children_by_pythonpath_and_says_so(
    child: Child, plane: FakePlane, without_start_file: tuple[str, str]
) -> None:
    python, path = without_start_file
    child.write(
        "test_it.py",
        """
        import httpx, os, pytest, subprocess, sys
        @pytest.fixture(scope="session", autouse=True)
        def leaves_it_on():
            os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
        def test_it():
            url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/a/projects/{os.environ["PLANE_SANDBOX"]}/labels/'
            with pytest.raises(RuntimeError, match="opt-in-disabled"):
                httpx.post(url, json={})
            send = f"import urllib.request; urllib.request.urlopen({url!r}, b'')"
            for interpreter in (sys.executable, os.environ["ANOTHER"]):
                ran = subprocess.run([interpreter, "-c", send], capture_output=True, text=True)
                assert "opt-in-disabled" in ran.stderr, ran.stderr
            own = "import sitecustomize; print(sitecustomize.OWN)"
            assert subprocess.run([sys.executable, "-c", own], capture_output=True, text=True).stdout == "own\\n"
        """,
    )
    child.write("own/sitecustomize.py", "OWN = 'own'\n")
    venv.create(child.folder / "another", with_pip=False, symlinks=True)
    command = [python, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "-p", "plane_guard"]
    result = child.run(
        command,
        PYTHONPATH=os.pathsep.join((path, str(child.folder / "own"))),
        PLANE_TEST_WRITE_ENABLED="1",
        ANOTHER=str(child.folder / "another" / "bin" / "python"),
    )

    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert result.stdout.count("not covered: children: plane-guard is importable, but its start-up file") == 2
    assert "PLANE_TEST_WRITE_ENABLED is ignored: it was set before the tests" in result.stdout
    assert plane.writes == []
    report = child.run([sys.executable, "-m", "plane_guard_dashboard", "report"], COLUMNS="400")
    assert "not covered: children: plane-guard is importable, but its start-up file" in report.stdout, report.stdout

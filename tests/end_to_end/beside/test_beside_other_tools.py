"""Beside other tools, live programs and tests behave as in an environment without plane-guard."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.beside import tools
from tests.end_to_end.test_live_process import recorder

if TYPE_CHECKING:
    from tests.end_to_end.beside.tools import Tool
    from tests.harness import Child

ROOT = Path(__file__).parents[3]
OURS = ("plane_guard", "_editable_impl_plane_guard")
PACKAGES = (
    "ddtrace", "debugpy", "elastic-apm", "freezegun", "gevent", "logfire", "newrelic",
    "opentelemetry-distro", "pyfakefs", "requests", "sentry-sdk", "wrapt",
)  # fmt: skip
ENVIRONMENT = "PLANE_GUARD_TOOLS"
# Installed with the dev extra, and one of each kind: entry points, import hooks, files. These run with every push.
EVERYWHERE = ("opentelemetry", "pyfakefs", "wrapt")
_IDS = re.compile(rb"[0-9a-f]{8,}|\b\d{5,}\b|eyJ[\w=+/-]+|0\.\d+")


def folder_of(python: Path) -> Path:
    """The site-packages of an environment."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())


def without_us(python: Path, folder: Path) -> Path:
    """Return the Python of a new environment that has what another one has, except plane-guard."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    bare = folder / "bin" / "python"
    site = folder_of(bare)
    for entry in folder_of(python).iterdir():
        if not entry.name.startswith(OURS):
            (site / entry.name).symlink_to(entry)
    return bare


def masked(data: bytes) -> bytes:
    """Mask ports, trace ids and sample rates, which differ from run to run."""
    return _IDS.sub(b"#", re.sub(rb"127\.0\.0\.1:\d+", b"HOST", data))


class Run:
    """One run of a program or of tests with a tool, in an environment with or without plane-guard."""

    def __init__(self, child: Child, tool: Tool, python: Path, bin_folder: Path, *arguments: str) -> None:
        command = tool.command.format(py=python, bin=bin_folder).split()
        with recorder() as (url, received):
            result = child.run([*command, *arguments], RECORDER=url, PYTHONSAFEPATH="", **tool.environment)
        self.sent = [masked(data) for data in received]
        self.code, self.output, self.errors = result.returncode, result.stdout, result.stderr


def run_live(child: Child, tool: Tool, python: Path, bin_folder: Path) -> Run:
    return Run(child, tool, python, bin_folder, "live.py")


def run_tests(child: Child, tool: Tool, python: Path, bin_folder: Path, *options: str) -> Run:
    return Run(child, tool, python, bin_folder, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_it.py", *options)


def outcomes(run: Run) -> list[str]:
    return sorted(re.findall(r"^(?:PASSED|FAILED|ERROR|SKIPPED) \S+", run.output, re.MULTILINE))


def check(child: Child, tool: Tool, guarded: Path, bare: Path) -> None:
    """Compare a live program and tests in both environments."""
    commands = guarded.parent
    child.write("app.py", tools.APP)
    child.write("live.py", tool.prelude + tools.LIVE + "print(is_patched())\n")
    child.write("test_it.py", tools.TEST + tool.tests)
    child.write("conftest.py", tool.prelude if tool.name not in {"pyfakefs", "freezegun"} else "")

    with_us, without = (run_live(child, tool, python, commands) for python in (guarded, bare))
    assert with_us.code == without.code == 0, with_us.errors[-2000:] + without.errors[-2000:]
    assert len(without.sent) == 3
    assert with_us.sent == without.sent
    *output, is_patched = with_us.output.splitlines()
    assert output == without.output.splitlines()[:-1]
    assert is_patched == str(tool.is_patched_when_live)
    assert not (child.folder / ".plane-guard").exists()

    guarded_tests = run_tests(child, tool, guarded, commands)
    bare_tests = run_tests(child, tool, bare, commands, "-k", "not write and not frozen")
    expected = outcomes(bare_tests)
    assert len(expected) >= 2, bare_tests.output[-3000:]
    assert {*expected} <= {*outcomes(guarded_tests)}, guarded_tests.output[-3000:]
    assert guarded_tests.code == bare_tests.code == 0, guarded_tests.output[-3000:]
    assert guarded_tests.sent == bare_tests.sent
    assert {row.reason for row in child.decisions()} == {"opt-in-disabled"}
    assert len(child.decisions()) == (2 if tool.tests else 1)


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of this environment without plane-guard."""
    return without_us(Path(sys.executable), tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two environments with all of the tools, with plane-guard and without."""
    named = os.environ.get(ENVIRONMENT, "")
    folder = Path(named) if named else tmp_path_factory.mktemp("tools")
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        constraints = ROOT / ".ci" / "constraints.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, "-e", ROOT, *PACKAGES], check=True)
    return python, without_us(python, tmp_path_factory.mktemp("bare-tools"))


@pytest.mark.parametrize("tool", [tool for tool in tools.TOOLS if tool.name in EVERYWHERE], ids=lambda tool: tool.name)
def test_beside_a_tool_of_the_test_environment(child: Child, bare_python: Path, tool: Tool) -> None:
    assert find_spec(tool.module) is not None
    check(child, tool, Path(sys.executable), bare_python)


@pytest.mark.exhaustive
@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda tool: tool.name)
def test_beside_every_tool(child: Child, environments: tuple[Path, Path], tool: Tool) -> None:
    check(child, tool, *environments)

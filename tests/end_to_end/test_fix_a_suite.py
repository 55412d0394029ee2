"""A suite of 40 tests in four clients goes from blocked to green with `plane-guard fix`, and no test becomes hollow."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import harness
from tests.conftest import OTHER_PLUGINS
from tests.harness import Child

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from plane_guard_instrumentation.testing import FakePlane

SUITE = Path(__file__).parents[1] / "data" / "suite_of_forty"
HOST = "plane.acme.test"
TESTS, CASES = 40, 41
PLUGINS = " ".join(f"-p no:{name}" for name in OTHER_PLUGINS if name != "asyncio")
CONFIGURATION = (
    f"[pytest]\nasyncio_mode = auto\npythonpath = .\naddopts = -q --tb=no -W ignore -p local_names {PLUGINS}\n"
)
# The suite's production Plane has a name of its own, which is found on this machine.
NAMES = f"""
    import socket

    original = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *rest, **options: original(
        "127.0.0.1" if host == "{HOST}" else host, *rest, **options
    )
"""


@pytest.fixture
def suite(tmp_path: Path, plane: FakePlane) -> Child:
    production = {
        "PLANE_BASE_URL": f"http://{HOST}:{plane.port}",
        "PLANE_API_KEY": plane.token,
        "PLANE_WORKSPACE_SLUG": plane.workspace,
        "PLANE_PROJECT_ID": plane.prod.id,
    }
    child = Child(tmp_path, production)
    for file in SUITE.glob("*.txt"):
        child.write(file.stem, file.read_text(encoding="utf-8"))
    child.write("local_names.py", NAMES)
    child.write("pytest.ini", CONFIGURATION)
    return child


def fix(suite: Child, *options: str) -> subprocess.CompletedProcess[str]:
    return suite.run([sys.executable, "-m", "plane_guard_dashboard", "fix", *options])


def counts(output: str) -> dict[str, int]:
    """The last line of pytest, as numbers by outcome."""
    return {
        word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?)\b", output.splitlines()[-1])
    }


def changed_lines(patch: str) -> Sequence[str]:
    return [line for line in patch.splitlines() if re.match(r"\+(?!\+\+ )", line)]


# Three runs of pytest and three of the command; tests/dashboard/test_fix.py has a small suite.
@pytest.mark.exhaustive
def test_forty_tests_go_from_blocked_to_green_with_a_line_each(
    suite: Child, plane: FakePlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "SECONDS", 300)  # a child runs 40 tests
    before = suite.pytest()
    assert counts(before.stdout) == {"failed": CASES}, before.stdout
    assert before.stdout.count("FAILED") == CASES

    proposal = fix(suite, "--all")
    assert proposal.returncode == 0, proposal.stderr
    assert f"{TESTS} blocked tests. One line makes {TESTS} safe" in proposal.stdout
    patch = fix(suite, "--all", "--diff").stdout
    assert fix(suite, "--all", "--diff").stdout == patch  # nothing was written
    suite.write("suite.patch", patch)
    applied = suite.run(["git", "apply", "suite.patch"])
    assert applied.returncode == 0, applied.stderr

    # One line a test, and one import in the file whose tests are methods of unittest.
    lines = changed_lines(patch)
    imports = [line for line in lines if line == "+import pytest"]
    assert (len(lines) - len(imports), len(imports)) == (TESTS, 1), patch
    after = suite.pytest()
    assert counts(after.stdout) == {"passed": CASES}, after.stdout
    assert "blocked" not in after.stdout

    assert plane.writes == []
    hollow = suite.pytest(SUITE_BREAKS="1")
    assert counts(hollow.stdout).get("passed", 0) == 0, hollow.stdout

"""`plane-guard doctor` proves the guard by trying, and says what is wrong in one sentence each."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.cli.self_test import PATHS

if TYPE_CHECKING:
    from tests.harness import Child

DOCTOR = [sys.executable, "-m", "plane_guard_dashboard", "doctor"]


def test_a_canary_through_every_installed_client_is_blocked(child: Child) -> None:
    result = child.run(DOCTOR, COLUMNS="160")

    assert result.returncode == 0, result.stdout + result.stderr
    for path, (library, _) in PATHS.items():
        if find_spec(library):
            assert f"ok  {path}: blocked, the server received 0 request(s)" in result.stdout
    assert "This is a live process" in result.stdout
    assert not (child.folder / ".plane-guard").exists()


def test_it_says_where_each_setting_comes_from(child: Child) -> None:
    child.write("pyproject.toml", '[tool.plane_guard]\nhosts = ["plane.example.com"]\n')
    result = child.run(DOCTOR, COLUMNS="160", PLANE_GUARD_SWALLOWED="fail")
    rows = {line.split()[0]: line.split()[-1] for line in result.stdout.splitlines() if line.startswith("PLANE_")}

    assert rows["PLANE_GUARD_HOSTS"] == "pyproject.toml"
    assert rows["PLANE_GUARD_SWALLOWED"] == "environment"
    assert rows["PLANE_TEST_SANDBOX_PROJECTS"] == "default"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PLANE_GUARD_PROTECTED_PROJECTS", "half-a-uuid", "every write is blocked"),
        ("PLANE_TEST_SANDBOX_PROJECTS", "*", "allows nothing"),
        ("PLANE_GUARD_SWALLOWED", "maybe", "counts as fail"),
        ("PLANE_TEST_WRITE_ENABLED", "perhaps", "counts as off"),
    ],
)
def test_a_malformed_setting_is_a_problem_with_its_remedy(
    child: Child, variable: str, value: str, sentence: str
) -> None:
    result = child.run(DOCTOR, COLUMNS="300", **{variable: value})

    assert result.returncode == 1
    assert f"problem: {variable}" in result.stdout
    assert sentence in result.stdout


def test_a_test_process_is_told_apart(child: Child) -> None:
    assert "This is a test process: PYTEST_VERSION is set" in child.run(DOCTOR, PYTEST_VERSION="9").stdout

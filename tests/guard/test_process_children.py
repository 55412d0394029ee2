"""What makes a process a test process, seen from real processes that hold nothing but the core."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plane_guard import process
from tests.guard.plane import PROD, SANDBOX

if TYPE_CHECKING:
    from collections.abc import Mapping

SAY = """
from plane_guard import decide
from plane_guard import in_test_process
print(repr(in_test_process()), *decide("{project}", "update"))
"""
LIVE = "'' True live-runtime"
OFF = "False opt-in-disabled"


PATHS = [str(Path(module.__file__ or "").parents[1]) for module in (process, pytest)]


def say(
    *arguments: str,
    code: str = SAY,
    environ: Mapping[str, str] | None = None,
    project: str = PROD,
    folder: Path | None = None,
) -> str:
    """What a process of its own says; it inherits nothing that speaks of tests, and only the core is in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PLANE_", "PYTEST_"))}
    command = [sys.executable, "-S", *(arguments or ("-c", code.replace("{project}", project)))]
    alone = {**inherited, "PYTHONPATH": os.pathsep.join(PATHS), **(environ or {})}
    child = subprocess.run(command, env=alone, capture_output=True, text=True, check=False, timeout=60, cwd=folder)
    return child.stdout.strip() or child.stderr


EVIDENCE = {
    "PYTEST_CURRENT_TEST": ("test_x.py::test_y (call)", "PYTEST_CURRENT_TEST is set"),
    "PYTEST_VERSION": ("9.0", "PYTEST_VERSION is set"),
    "PLANE_GUARD_TEST_PROCESS": ("yes", "PLANE_GUARD_TEST_PROCESS is set"),
}


def test_a_process_without_evidence_is_live() -> None:
    assert say() == LIVE


@pytest.mark.parametrize(("variable", "value", "evidence"), [(name, *rest) for name, rest in EVIDENCE.items()])
def test_a_variable_makes_a_test_process(variable: str, value: str, evidence: str) -> None:
    assert say(environ={variable: value}) == f"'{evidence}' {OFF}"


@pytest.mark.parametrize("variable", ["PYTEST_CURRENT_TEST", "PYTEST_VERSION"])
def test_a_variable_of_pytest_counts_even_if_empty(variable: str) -> None:
    assert say(environ={variable: ""}) == f"'{variable} is set' {OFF}"


@pytest.mark.parametrize("value", ["", "0", "no", "false", "maybe"])
def test_the_guard_s_own_variable_can_only_switch_detection_on(value: str) -> None:
    assert say(environ={"PLANE_GUARD_TEST_PROCESS": value}) == LIVE
    assert say(environ={"PLANE_GUARD_TEST_PROCESS": value, "PYTEST_VERSION": "9"}) == f"'PYTEST_VERSION is set' {OFF}"


def test_pytest_in_memory_makes_a_test_process() -> None:
    assert say(code=f"import pytest{SAY}") == f"'pytest is imported' {OFF}"


def test_unittest_as_main_module_makes_a_test_process(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SAY.replace("{project}", PROD))
    assert say("-m", "unittest", "test_it", folder=tmp_path) == f"'unittest is the main module' {OFF}"


def test_unittest_in_memory_alone_does_not() -> None:
    assert say(code=f"import unittest, unittest.mock{SAY}") == LIVE


@pytest.mark.parametrize(
    "forget", ["os.environ.clear()", "os.environ.pop('PYTEST_VERSION')", "sys.modules.pop('pytest', None)"]
)
def test_evidence_once_found_stays(forget: str) -> None:
    before = "import os, sys; from plane_guard import in_test_process; in_test_process(); "
    assert say(code=before + forget + SAY, environ={"PYTEST_VERSION": "9"}) == f"'PYTEST_VERSION is set' {OFF}"


def test_evidence_can_come_later() -> None:
    code = "import os; from plane_guard import in_test_process; in_test_process(); os.environ['PYTEST_VERSION'] = '9'"
    assert say(code=code + SAY) == f"'PYTEST_VERSION is set' {OFF}"


def test_a_live_process_is_not_asked_for_settings() -> None:
    garbage = {"PLANE_TEST_SANDBOX_PROJECTS": "*", "PLANE_GUARD_PROTECTED_PROJECTS": "*", "PLANE_GUARD_HOSTS": "*"}
    assert say(environ=garbage) == LIVE


def test_the_opt_in_works_outside_of_pytest() -> None:
    environ = {"PLANE_GUARD_TEST_PROCESS": "1", "PLANE_TEST_WRITE_ENABLED": "1"}
    assert say(environ=environ, project=SANDBOX) == "'PLANE_GUARD_TEST_PROCESS is set' True sandbox-allowed"
    assert say(environ=environ) == "'PLANE_GUARD_TEST_PROCESS is set' False prod-project-in-test"

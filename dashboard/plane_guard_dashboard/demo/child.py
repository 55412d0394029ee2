"""The demo's pytest process: its project on disk, its environment, and the result of each test."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from plane_guard_dashboard.demo.scenario import FAILED, PASSED, TEST_FILE
from plane_guard_dashboard.evidence.rows import DEMO_SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane

LONGEST_RUN = 180
REPORT = "junit.xml"
NOT_INHERITED = ("PYTEST_", "OTEL_", "PLANE_", "COV_CORE_", "PYTHONWARNINGS", "PYTHONOPTIMIZE")
OPTIONS = ("-c", "pytest.ini", "--rootdir", ".", "--color=no", "--tb=line", f"--junitxml={REPORT}")
WITHOUT = ("cacheprovider", "randomly", "sugar", "xdist", "rerunfailures")


@dataclass(frozen=True, slots=True)
class ChildRun:
    """The exit code and output of pytest, and the result of each test."""

    exit_code: int
    output: str
    outcomes: Mapping[str, str]


def write_project(folder: Path) -> None:
    """Write the project of the incident into a folder."""
    for source in files(__package__).joinpath("project").iterdir():
        if source.name.endswith(".txt"):
            (folder / source.name.removesuffix(".txt")).write_text(source.read_text("utf-8"), "utf-8")


def environment(plane: FakePlane, trace_dir: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the child: a live token, the production project, and an opt-in for it."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(NOT_INHERITED) and not name.lower().endswith("_proxy")
    }
    return {
        **kept,
        **live_settings(plane),
        "OTEL_SERVICE_NAME": DEMO_SERVICE,
        "PLANE_GUARD_TRACE_DIR": str(trace_dir),
    }


def live_settings(plane: FakePlane) -> dict[str, str]:
    """Return the settings that leaked into the worktree in the incident."""
    return {
        "PLANE_API_URL": plane.url,
        "PLANE_API_TOKEN": plane.token,
        "PLANE_WORKSPACE_SLUG": plane.workspace,
        "PLANE_PROJECT_ID": plane.prod.id,
        "PLANE_TEST_WRITE_ENABLED": "1",
        "PLANE_TEST_SANDBOX_PROJECTS": plane.prod.id,
    }


def run_tests(folder: Path, plane: FakePlane, trace_dir: Path) -> ChildRun:
    """Run pytest in the folder."""
    without = [word for plugin in WITHOUT for word in ("-p", f"no:{plugin}")]
    command = [sys.executable, "-m", "pytest", *OPTIONS, *without, TEST_FILE]
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own arguments
        command,
        cwd=folder,
        env=environment(plane, trace_dir, os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=LONGEST_RUN,
        check=False,
    )
    return ChildRun(done.returncode, done.stdout, _outcomes(folder / REPORT))


def _outcomes(report: Path) -> dict[str, str]:
    if not report.exists():
        return {}
    cases = ET.parse(report).iter("testcase")  # noqa: S314 - see the import
    return {case.get("name", ""): PASSED if not len(_bad(case)) else FAILED for case in cases}


def _bad(case: ET.Element) -> list[ET.Element]:
    return [part for part in case if part.tag in {"failure", "error", "skipped"}]

"""Projects whose tests mock Plane, run in a child: what each test raised, what was decided for it, what arrived."""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from plane_guard_instrumentation.testing import FakePlane
from tests.harness import Child

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PASSED = ""
GUARDED = ("guard first", "mock libraries first")
UNGUARDED = "unguarded"


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the child's tests: what each raised, what was decided for it, and which writes arrived."""

    raised: dict[str, str]
    decided: list[tuple[str, str, str]]
    arrived: Counter[str]


@dataclass(frozen=True, slots=True)
class Project:
    """A test module, the module of cases that it imports, a start that imports the mock libraries first."""

    tests: str
    cases: ModuleType
    mocks_first: str
    plugins: tuple[str, ...]

    def run(self, folder: Path, how: str) -> Run:
        """Run the tests with the guard in place before the mock libraries, behind them, or not at all."""
        with FakePlane() as plane:
            child = Child(folder, _environment(plane))
            child.write("test_project.py", self.tests)
            child.write("pytest.ini", "[pytest]\naddopts = -p no:cacheprovider --tb=line --junitxml=junit.xml\n")
            shutil.copy(str(self.cases.__file__), folder)
            if how == UNGUARDED:
                done = child.unguarded_pytest(*(option for plugin in self.plugins for option in ("-p", plugin)))
            elif how == "guard first":
                done = child.pytest()
            else:
                done = child.run([sys.executable, str(child.write("mocks_first.py", self.mocks_first))])
            assert (folder / "junit.xml").exists(), done.stdout + done.stderr
            decided = [(_name_of(row.test or ""), str(row.outcome), row.target) for row in child.decisions()]
            return Run(_raised(folder / "junit.xml"), decided, _arrived(plane))


def _environment(plane: FakePlane) -> dict[str, str]:
    """One work item of each project, for all the tests."""
    items = {"PROD_ITEM": (plane.prod, "ORCH-114"), "SANDBOX_ITEM": (plane.sandbox, "SBX-1")}
    project = f"{plane.url}/api/v1/workspaces/{plane.workspace}/projects"
    urls = {name: f"{project}/{where.id}/work-items/{where.items[item]}/" for name, (where, item) in items.items()}
    return {**urls, "PLANE_API_TOKEN": plane.token}


def _name_of(test: str) -> str:
    """The name that a test of the child gives itself in its URLs."""
    return test.rpartition("::")[2].replace("[", ".").rstrip("]")


def _raised(report: Path) -> dict[str, str]:
    """The first word of each test's exception."""
    problems = {case: case.find("failure") for case in ET.parse(report).iter("testcase")}
    return {
        _name_of(case.get("name", "")): PASSED if problem is None else problem.get("message", "").partition(":")[0]
        for case, problem in problems.items()
    }


def _arrived(plane: FakePlane) -> Counter[str]:
    """How many writes of each test the server received."""
    return Counter(parse_qs(urlsplit(write.target).query)["test"][0] for write in plane.writes)

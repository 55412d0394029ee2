"""Attempts name their owner, by the CODEOWNERS file, and the commit in which they first appeared."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.owners import Owners, find
from tests.dashboard.browser.serving import environment
from tests.dashboard.evidence import SECOND, START, decision, resource, session, write

if TYPE_CHECKING:
    from pathlib import Path

RULES = """# who is asked
*                      @acme/everyone
/tests/integration/    @acme/orchestration ada@example.com  # two of them
/tests/**/test_free.py
"""
TEST = "tests/integration/test_notes.py::test_tells"


@pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"])
def test_the_last_rule_that_matches_names_the_owners(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(RULES)
    owners = find(tmp_path)
    assert owners.of(TEST) == "@acme/orchestration ada@example.com"
    assert owners.of("tests/test_unit.py::test_it[a/b]") == "@acme/everyone"
    assert owners.of("tests/integration/test_free.py::test_it") == ""
    assert owners.of("(none)") == ""


def test_a_project_below_the_repository_is_found_in_its_rules(tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text("/shop/tests/ @acme/shop\n")
    project = tmp_path / "shop"
    project.mkdir()
    assert find(project).of("tests/test_it.py::test_it") == "@acme/shop"
    (project / ".git").mkdir()  # a repository of its own
    assert find(project) == Owners()


def test_rules_are_read_again_when_they_change_and_damaged_ones_name_nobody(tmp_path: Path) -> None:
    file = tmp_path / "CODEOWNERS"
    for text, expected in (
        ("* @one\n", "@one"),
        ("* @another\n", "@another"),
        ("[unterminated @x\ntests/[a @x\n", ""),
        ("\udcff", ""),
    ):
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert find(tmp_path).of(TEST) == expected


def test_a_report_names_owner_and_first_commit_of_each_group(tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text(RULES)
    folder = tmp_path / "traces"
    folder.mkdir()
    leak = {"plane_guard.decision.outcome": "allow", "plane_guard.op": "comment"}
    for number in range(3):
        of = resource(f"run-{number}", **{"vcs.ref.head.revision": f"{number}" * 40})
        at = START + number * 60 * SECOND
        spans = [decision({"test.case.name": TEST}, at=at, of=of)]
        spans += [decision({"test.case.name": TEST} | leak, at=at, of=of)] if number == 2 else []
        write(folder / f"decisions-box-{number}.jsonl", session(at=at, of=of), *spans)
    command = [sys.executable, "-m", "plane_guard_dashboard", "report", "--traces", "traces", "--run", "run-2"]
    told: dict[str, Any] = json.loads(_output(tmp_path, *command, "--format", "json"))
    blocked = next(group for group in told["groups"] if group["op"] == "state")
    assert (blocked["first_ns"], blocked["first_commit"], blocked["revision"]) == (START, "0" * 40, "2" * 40)
    assert blocked["owner"] == told["got_through"][0]["owner"] == "@acme/orchestration ada@example.com"
    assert _output(tmp_path, *command).count("@acme/orchestration") == 2


def _output(folder: Path, *command: str) -> str:
    environ = environment(folder / "traces", folder)
    return subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True, text=True).stdout

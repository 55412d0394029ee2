"""`plane-guard fix`: the line, the mocks and the advice for a blocked test."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
import requests
from click.testing import CliRunner

from plane_guard import Reason, mocks
from plane_guard_dashboard.cli import main
from plane_guard_dashboard.fixing import Attempt, combined, fix
from plane_guard_dashboard.store import open_engine
from tests.dashboard import evidence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness import Child

ITEMS = "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/"
BLOCKED = Attempt(
    test="test_it.py::test_it",
    reason="opt-in-disabled",
    method="POST",
    url_template=ITEMS,
    layer="httpx",
    op="create",
    target="prod",
    project=evidence.PROD,
    server_address="api.plane.so",
    phase="call",
    caller="src/orchestrator/plane.py:42 notify",
)

MARK = '@pytest.mark.usefixtures("fake_plane")\n'
FUNCTIONS = {
    "no parameter": ("def test_it():\n    pass\n", "def test_it(fake_plane):\n    pass\n"),
    "async": ("async def test_it( ): ...\n", "async def test_it(fake_plane ): ...\n"),
    "first of several": ("def test_it(client, x=1): ...\n", "def test_it(fake_plane, client, x=1): ...\n"),
    "keyword only": ("def test_it(*, x): ...\n", "def test_it(fake_plane, *, x): ...\n"),
    "a line each": (
        "def test_it(\n    a,\n    b,\n): ...\n",
        "def test_it(\n    fake_plane,\n    a,\n    b,\n): ...\n",
    ),
    "not ASCII": ("def test_it(ä): ...\n", "def test_it(fake_plane, ä): ...\n"),
    "Windows": ("def test_it(\r\n    a,\r\n): ...\r\n", "def test_it(\r\n    fake_plane,\r\n    a,\r\n): ...\r\n"),
    "the later of two": (
        "def test_it(): ...\ndef test_it(): ...\n",
        "def test_it(): ...\ndef test_it(fake_plane): ...\n",
    ),
    "below a condition": ("if True:\n    def test_it(): ...\n", "if True:\n    def test_it(fake_plane): ...\n"),
    "a form feed": ("\f\nx = 1\ndef test_it(): ...\n", "\f\nx = 1\ndef test_it(fake_plane): ...\n"),
    "marked": (
        "import pytest\n@pytest.mark.slow\ndef test_it(): ...\n",
        "import pytest\n@pytest.mark.slow\ndef test_it(fake_plane): ...\n",
    ),
    "annotated": (
        "import pytest\ndef test_it() -> None: ...\n",
        "import pytest\n{mark}def test_it() -> None: ...\n",
    ),
    "annotated without pytest": ("def test_it() -> None: ...\n", "def test_it(fake_plane) -> None: ...\n"),
    "a decorator that passes arguments": (
        '"""Doc."""\nfrom __future__ import annotations\n@a.patch("x")\ndef test_it(m): ...\n',
        '"""Doc."""\nfrom __future__ import annotations\nimport pytest\n{mark}@a.patch("x")\ndef test_it(m): ...\n',
    ),
    "no end of line": ("def test_it(): ...", "def test_it(fake_plane): ..."),
}
METHODS = {
    "method": ("class A:\n    def test_it(self): ...\n", "class A:\n    def test_it(self, fake_plane): ...\n"),
    "method with fixtures": (
        "class A:\n    def test_it(self, client): ...\n",
        "class A:\n    def test_it(self, fake_plane, client): ...\n",
    ),
    "static": (
        "class A:\n    @staticmethod\n    def test_it(): ...\n",
        "class A:\n    @staticmethod\n    def test_it(fake_plane): ...\n",
    ),
    "unittest": (
        "import unittest\nclass A(unittest.TestCase):\n    def test_it(self): ...\n",
        "import pytest\nimport unittest\nclass A(unittest.TestCase):\n    {mark}    def test_it(self): ...\n",
    ),
}
CASES = {name: ("test_it", *case) for name, case in FUNCTIONS.items()} | {
    name: ("A::test_it", *case) for name, case in METHODS.items()
}


def applied(child: Child, patch: str) -> str:
    (child.folder / "a.patch").write_bytes(patch.encode())
    done = child.run(["git", "apply", "a.patch"])
    assert done.returncode == 0, done.stderr + patch
    return (child.folder / "test_it.py").read_bytes().decode()


@pytest.mark.parametrize(("name", "before", "after"), CASES.values(), ids=CASES)
def test_one_line_requests_the_fixture_before_every_other(name: str, before: str, after: str, child: Child) -> None:
    (child.folder / "test_it.py").write_bytes(before.encode())
    found = fix([replace(BLOCKED, test=f"test_it.py::{name}[a-b::c]")], child.folder)
    assert found.advice.startswith("One line makes the test safe")
    assert applied(child, found.diff) == after.replace("{mark}", MARK)
    again = fix([replace(BLOCKED, test=f"test_it.py::{name}")], child.folder)
    assert (again.diff, "The test requests fake_plane" in again.advice) == ("", True)


def test_lines_of_several_tests_are_one_patch(child: Child) -> None:
    (child.folder / "test_it.py").write_text("def test_a(): ...\ndef test_b(): ...\n", encoding="utf-8")
    fixes = [fix([replace(BLOCKED, test=f"test_it.py::test_{name}")], child.folder) for name in "ab"]
    patch = combined(fixes, child.folder)
    assert patch.count("+++ b/test_it.py") == 1
    assert applied(child, patch) == "def test_a(fake_plane): ...\ndef test_b(fake_plane): ...\n"


OTHER_ADVICE = {
    "no test": ({"test": ""}, "No test was running"),
    "an unguarded client": ({"reason": "unguarded-client", "method": "", "url_template": ""}, "Use httpx, httpx2"),
    "an error": ({"reason": "guard-error"}, "plane-guard doctor"),
    "above projects": (
        {"project": "", "url_template": "/api/v1/workspaces/{slug}/projects/", "op": "workspace"},
        "because it is above projects",
    ),
    "protected": ({"op": "member", "url_template": ITEMS}, "the sandbox project itself, or its members"),
    "not answered": ({"url_template": "/http/api-key/mcp/", "project": ""}, "fake_plane does not answer"),
    "a method that is not answered": ({"method": "BREW"}, "fake_plane does not answer"),
    "a fake server": ({"server_address": "127.0.0.1"}, f'PLANE_TEST_SANDBOX_PROJECTS", "{evidence.PROD}"'),
}
REQUESTED = {
    "another address": ({}, "an address that does not come from PLANE_BASE_URL"),
    "another project": (
        {"server_address": "127.0.0.1", "reason": "prod-project-in-test"},
        f"names another project, {evidence.PROD}. Take the project from\nPLANE_PROJECT_ID",
    ),
    "another object": ({"server_address": "127.0.0.1", "reason": "foreign-reference"}, "fake_plane.seed("),
    "another time": ({"server_address": "127.0.0.1"}, "by a fixture with a\nwider scope"),
    "an ambiguous target": ({"server_address": "127.0.0.1", "reason": "ambiguous-target"}, "lower-case id"),
}


@pytest.mark.parametrize(("changes", "words"), OTHER_ADVICE.values(), ids=OTHER_ADVICE)
def test_where_the_fixture_cannot_help_the_advice_says_so(changes: dict[str, str], words: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): ...\n", encoding="utf-8")
    found = fix([BLOCKED, replace(BLOCKED, **changes)], tmp_path)
    assert words in found.advice
    assert (found.diff, found.insertions) == ("", ())
    alone = fix([replace(BLOCKED, **changes)], tmp_path)
    assert bool(alone.mocks) is (changes.get("reason") != "unguarded-client")


@pytest.mark.parametrize(("changes", "words"), REQUESTED.values(), ids=REQUESTED)
def test_a_test_that_requests_the_fixture_and_is_blocked_is_told_why(
    changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(
        'import pytest\npytestmark = pytest.mark.usefixtures("fake_plane")\ndef test_it(): ...\n', encoding="utf-8"
    )
    found = fix([replace(BLOCKED, **changes)], tmp_path)
    assert words in found.advice
    assert found.diff == ""


@pytest.mark.parametrize(
    "test",
    ["gone.py::test_it", "test_it.py::gone", "test_it.py::A::test_it", "test_it.py", "../up.py::test_it", "bad.py::t"],
)
def test_a_test_whose_source_is_not_found_is_fixed_by_hand(test: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "test_it.py").write_text("def test_it(): ...\n", encoding="utf-8")
    (inside / "bad.py").write_text("def test_it(: ...\n", encoding="utf-8")
    (tmp_path / "up.py").write_text("def test_it(): ...\n", encoding="utf-8")
    found = fix([replace(BLOCKED, test=test)], inside)
    assert "Add it by hand" in found.advice
    assert (found.diff, found.path) == ("", None)


def test_every_reason_has_a_proposal(tmp_path: Path) -> None:
    assert all(fix([replace(BLOCKED, reason=reason)], tmp_path).advice for reason in Reason)


def test_the_mocks_are_those_of_the_clients_that_were_used(tmp_path: Path) -> None:
    found = fix([BLOCKED, replace(BLOCKED, layer="http.client")], tmp_path)
    assert [library for library, _ in found.mocks] == [
        *(mock.library for mock in mocks.for_layer("httpx")),
        *(mock.library for mock in mocks.for_layer("http.client")),
    ]


URL = f"https://api.plane.so/api/v1/workspaces/acme/projects/{evidence.PROD}/work-items/"
ANSWERED: dict[str, tuple[str, Callable[[str, str], int]]] = {
    "respx": ("httpx", lambda method, url: httpx.request(method, url).status_code),
    "pytest-httpx": ("httpx", lambda method, url: httpx.request(method, url).status_code),
    "responses": ("http.client", lambda method, url: requests.request(method, url, timeout=5).status_code),
    "pook": ("http.client", lambda method, url: requests.request(method, url, timeout=5).status_code),
}


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
@pytest.mark.parametrize("library", ANSWERED)
def test_a_mock_answers_every_route_that_was_tried(
    library: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    layer, send = ANSWERED[library]
    routes = [("POST", ITEMS), ("PATCH", ITEMS + "{work_item_id}/"), ("POST", ITEMS + "{work_item_id}/comments/")]
    attempts = [replace(BLOCKED, layer=layer, method=method, url_template=path) for method, path in routes]
    code = dict(fix(attempts, tmp_path).mocks)[library].replace("...  # the call", "answers = call()")
    names: dict[str, object] = {
        "call": lambda: [
            send(method, URL + path.removeprefix(ITEMS).format(work_item_id="1")) for method, path in routes
        ]
    }
    if library == "pytest-httpx":
        names["httpx_mock"] = request.getfixturevalue("httpx_mock")
    exec(code, names)
    assert names["answers"] == [200, 200, 200]


SUITE = """
import os, httpx, pytest

def create():
    items = f"{os.environ['PLANE_BASE_URL']}/api/v1/workspaces/{os.environ['PLANE_WORKSPACE_SLUG']}"
    items += f"/projects/{os.environ['PLANE_PROJECT_ID']}/work-items/"
    reply = httpx.post(items, json={"name": "one"}, headers={"X-API-Key": os.environ["PLANE_API_KEY"]})
    assert reply.json()["name"] == "one"

def test_one():
    create()

@pytest.mark.parametrize("number", [1, 2])
def test_two(number):
    create()

def test_expected(plane_blocked_writes):
    with pytest.raises(RuntimeError):
        create()
"""


def command(child: Child, *options: str) -> str:
    done = child.run([sys.executable, "-m", "plane_guard_dashboard", "fix", *options])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_blocked_suite_is_green_after_the_patch(child: Child) -> None:
    child.write("test_suite.py", SUITE)
    production = {
        "PLANE_BASE_URL": "https://api.plane.so",
        "PLANE_API_KEY": "live",
        "PLANE_WORKSPACE_SLUG": "acme",
        "PLANE_PROJECT_ID": evidence.PROD,
    }
    before = child.pytest("--tb=no", **production)
    assert "3 failed, 1 passed" in before.stdout
    every = command(child, "--all")
    assert re.findall(r"^test_suite.py::\w+$", every, re.MULTILINE) == [
        "test_suite.py::test_one",
        "test_suite.py::test_two",
    ]
    assert "Or mock the routes with respx:\nimport httpx, respx\n" in every
    assert "2 blocked tests. One line makes 2 safe" in every
    one = command(child, "test_suite.py::test_one")
    assert "+def test_one(fake_plane):" in one
    assert "test_two" not in one
    child.write("a.patch", command(child, "--all", "--diff"))
    assert child.run(["git", "apply", "a.patch"]).returncode == 0
    after = child.pytest("--tb=no", **production)
    assert "4 passed" in after.stdout
    # The newest run has no block but the expected one; an earlier run is asked for by name.
    assert command(child, "--all") == "No test was blocked.\n"
    assert "The test requests fake_plane" in command(child, "test_one")
    assert {session.evidence for session in child.sessions()} != set()
    assert len({session.run_id for session in child.sessions()}) == 2  # the command is no test process


def test_without_evidence_or_with_an_unknown_test_it_ends_with_2(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(main, ["fix", "--all", "--traces", str(tmp_path)])
    assert nothing.exit_code == 2
    evidence.write(tmp_path / "decisions.jsonl", evidence.session(), evidence.decision())
    unknown = CliRunner().invoke(main, ["fix", "test_other", "--traces", str(tmp_path)])
    assert (unknown.exit_code, "No blocked write of a test named test_other" in unknown.output) == (2, True)
    known = CliRunner().invoke(main, ["fix", "test_moves_to_done", "--traces", str(tmp_path)])
    assert (known.exit_code, "Add it by hand: def test_moves_to_done(fake_plane" in known.output) == (0, True)
    neither = CliRunner().invoke(main, ["fix", "--traces", str(tmp_path)])
    assert (neither.exit_code, "Name a test, or write --all" in neither.output) == (2, True)


def test_of_several_runs_of_a_test_the_newest_counts(tmp_path: Path) -> None:
    first, second = evidence.resource("run-1"), evidence.resource("run-2")
    evidence.write(
        tmp_path / "decisions.jsonl",
        evidence.decision({"http.request.method": "POST"}, of=first),
        evidence.decision({"http.request.method": "DELETE"}, of=second, at=evidence.START + evidence.SECOND),
        evidence.decision({"http.request.method": "PUT"}, of=first, at=evidence.START + 1),
    )
    found = CliRunner().invoke(main, ["fix", "test_moves_to_done", "--traces", str(tmp_path)]).output
    assert re.findall(r"^  ([A-Z]+) /api", found, re.MULTILINE) == ["DELETE"]


def test_a_row_of_a_page_and_a_row_of_a_file_are_the_same_attempt(child: Child) -> None:
    child.write("test_suite.py", SUITE)
    child.pytest("--tb=no", "-k", "one", PLANE_BASE_URL="https://api.plane.so", PLANE_API_KEY="x",
                 PLANE_WORKSPACE_SLUG="acme", PLANE_PROJECT_ID=evidence.PROD)  # fmt: skip
    [row] = child.decisions()
    engine = open_engine(str(child.folder / ".plane-guard"))
    engine.refresh()
    [shown] = engine.query("decision", {"id": row.decision_id})
    assert Attempt.of_columns(shown) == Attempt.of_row(row)

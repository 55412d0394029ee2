"""Start-up: which evidence guards a process, from when on, and what happens when the guard cannot be installed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plane_guard_watch
from plane_guard_instrumentation.clients import patches
from plane_guard_instrumentation.startup import runners

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

LOADED = "import sys; print(sorted(name for name in sys.modules if name.startswith('plane_guard')))"
PATCHES = "plane_guard_instrumentation.clients.patches"
STDLIB = sysconfig.get_path("stdlib")
RUN_DOCTEST = """
import contextlib, runpy, sys
sys.argv = ["doctest", "x.md"]
open("x.md", "w").close()
with contextlib.suppress(SystemExit):
    runpy.run_module("doctest", run_name="__main__")
"""
ASK_FOR_CODE = """
import importlib.util
for name in ("doctest", "unittest", "unittest.main", "pytest"):
    assert importlib.util.find_spec(name).loader.get_code(name)
"""
EVIDENCE = "import plane_guard, sys; print(f'{plane_guard.in_test_process()}|{\"" + PATCHES + "\" in sys.modules}')"


def test_a_live_process_loads_nothing_of_us_but_the_watching_module(child: Child) -> None:
    assert child.python(LOADED).stdout.strip() == "['plane_guard_watch']"


@pytest.mark.parametrize("name", ["PLANE_GUARD_TEST_PROCESS", "PYTEST_VERSION", "PYTEST_CURRENT_TEST"])
@pytest.mark.parametrize("options", [(), ("-E",), ("-I",), ("-s",)], ids=" ".join)
def test_a_process_with_evidence_in_its_environment_is_guarded_before_its_first_line(
    child: Child, name: str, options: tuple[str, ...]
) -> None:
    assert PATCHES in child.python(LOADED, *options, **{name: "1"}).stdout


@pytest.mark.parametrize(
    ("first", "evidence"),
    [
        ("import pytest", "pytest is imported"),
        ("import _pytest.mark", "pytest is imported"),
        ("import unittest; unittest.TestLoader().loadTestsFromNames([])", "unittest.loader.TestLoader runs tests"),
        ("import unittest; unittest.TestSuite().run(unittest.TestResult())", "unittest.suite.TestSuite runs tests"),
        ("import unittest; unittest.FunctionTestCase(print).run()", "unittest.case.TestCase runs tests"),
        ("import unittest; unittest.FunctionTestCase(print).debug()", "unittest.case.TestCase runs tests"),
        ("import unittest; unittest.main(argv=['x'], exit=False)", "unittest.main.TestProgram runs tests"),
        ("import doctest; doctest.testmod()", "doctest.DocTestRunner runs tests"),
        ("import unittest.mock, doctest, asyncio; unittest.mock.Mock()()", ""),
        ("import importlib.util; importlib.util.find_spec('pytest')", ""),
        ("import unittest; unittest.TestCase; unittest.TestLoader()", ""),
        (RUN_DOCTEST, "doctest is the main module"),
        ("import runpy; runpy.run_module('doctest')", ""),
        (f"import modulefinder; modulefinder.ModuleFinder().run_script({STDLIB!r} + '/doctest.py')", ""),
        (ASK_FOR_CODE, ""),
        ("import unittest\nclass DocTestCase(unittest.TestCase): pass", ""),
    ],
)
def test_evidence_is_observed_whoever_calls(child: Child, first: str, evidence: str) -> None:
    code = f"'''\n>>> 1\n1\n'''\n{first}\n{EVIDENCE}"
    said = child.python(code).stdout.splitlines()[-1]

    assert said == f"{evidence}|{bool(evidence)}"


@pytest.mark.parametrize("arguments", [("--repo", "/x/pytest"), ("comment", "-m", "pytest"), ("-m", "unittest")])
def test_the_command_line_of_a_live_program_counts_for_nothing(child: Child, arguments: tuple[str, ...]) -> None:
    child.write("pytest_app.py", EVIDENCE)

    assert child.run([sys.executable, "pytest_app.py", *arguments]).stdout.strip() == "|False"


def test_what_was_inherited_is_scrubbed_and_what_code_set_stays(child: Child) -> None:
    code = """
        import os, unittest
        os.environ["PLANE_TEST_SANDBOX_PROJECTS"] = "acme/SET-BY-CODE"
        unittest.TestSuite().run(unittest.TestResult())
        print([name for name in os.environ if name.startswith("PLANE_TEST")])
    """
    inherited = {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": "acme/INHERITED"}

    assert child.python(code, **inherited).stdout.strip() == "['PLANE_TEST_SANDBOX_PROJECTS']"


@pytest.mark.parametrize("also", ["environment", "pyproject", "list"])
def test_also_guard_always_makes_every_process_a_test_process(child: Child, also: str) -> None:
    environment = {"PLANE_GUARD_ALSO": "always"} if also == "environment" else {}
    if also != "environment":
        value = '["always"]' if also == "list" else '"worktrees, always"'
        child.write("pyproject.toml", f"[tool.plane_guard]\nalso_guard = {value}\n")

    assert child.python(EVIDENCE, **environment).stdout.strip() == "also_guard is always|True"


def test_also_guard_worktrees_guards_linked_worktrees_only(child: Child, tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    for command in (
        ["git", "init", "-q", str(main)],
        ["git", "-C", str(main), "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q",
         "--allow-empty", "-m", "x"],
        ["git", "-C", str(main), "worktree", "add", "-q", str(linked)],
    ):  # fmt: skip
        subprocess.run(command, check=True)
    (linked / "below").mkdir()
    said = {
        folder.name: child.run(["env", "-C", str(folder), sys.executable, "-c", EVIDENCE], PLANE_GUARD_ALSO="worktrees")
        for folder in (main, linked, linked / "below")
    }

    assert said["main"].stdout.strip() == "|False"
    for name in ("linked", "below"):
        assert said[name].stdout.strip() == "also_guard is worktrees, and this is a linked worktree|True"


def test_a_guard_that_cannot_be_installed_ends_a_test_process(child: Child) -> None:
    code = """
        from plane_guard_instrumentation.clients import patches
        patches.install = lambda: 1 / 0
        import pytest
        print("still here")
    """
    result = child.python(code)

    assert result.returncode == 78
    assert "still here" not in result.stdout
    assert "plane-guard: could not install the guard; aborting: ZeroDivisionError" in result.stderr
    assert "Reinstall it: " in result.stderr


def test_an_error_of_ours_in_a_live_process_is_logged_once_and_changes_nothing(child: Child) -> None:
    code = """
        import logging, sys
        logging.basicConfig()
        sys.modules["plane_guard_instrumentation"] = None
        import unittest.mock, doctest
        print(unittest.mock.Mock, doctest.__spec__.name)
    """
    result = child.python(code)

    assert result.returncode == 0, result.stderr
    assert "doctest" in result.stdout
    assert result.stderr.count("plane-guard cannot watch this process") == 1


def test_watching_twice_installs_one_finder(child: Child) -> None:
    code = """
        import sys, plane_guard_watch
        plane_guard_watch.watch(); plane_guard_watch.watch_late()
        print(sum(type(finder).__module__ == "plane_guard_watch" for finder in sys.meta_path))
    """

    assert child.python(code).stdout.strip() == "1"


def test_a_runner_that_was_imported_before_us_is_wrapped() -> None:
    paths = [path for path in sys.path if path.endswith(("-packages", "guard", "instrumentation"))]
    code = f"""
import sys, unittest
sys.path[:0] = {paths!r}
import plane_guard_watch
plane_guard_watch.watch_late()
assert not plane_guard_watch.in_test_process()
unittest.TestSuite().run(unittest.TestResult())
print(plane_guard_watch.in_test_process(), plane_guard_watch.STATE.at_start)
"""
    child = subprocess.run(
        [sys.executable, "-S", "-c", code], env={}, capture_output=True, text=True, check=False, timeout=60
    )

    assert child.stdout.strip() == "unittest.suite.TestSuite runs tests False", child.stderr


def test_the_tables_of_runners_agree() -> None:
    assert {*runners.MODULES, "_pytest.config"} == plane_guard_watch.RUNNER_MODULES
    assert plane_guard_watch.RUNNER_PACKAGES.isdisjoint(runners.MODULES)


def test_no_client_can_be_imported_without_a_module_that_wakes_a_child(child: Child) -> None:
    code = f"""
        import importlib, os, plane_guard_watch, sys
        for name in {sorted(patches.WATCHED_MODULES)!r}:
            if (pid := os.fork()) == 0:
                try:
                    importlib.import_module(name)
                except ImportError:
                    os._exit(0)
                os._exit(not plane_guard_watch.NETWORK_MODULES & set(sys.modules))
            assert os.waitpid(pid, 0)[1] == 0, name
        print("ok")
    """
    result = child.python(code)

    assert result.stdout.strip() == "ok", result.stderr


@pytest.mark.parametrize("client", ["httpx", "requests"])
def test_a_process_that_forbids_bytes_to_be_compared_with_text_is_guarded(
    child: Child, plane: FakePlane, client: str
) -> None:
    result = child.python(
        f"""
        import os, {client}
        base = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/" + os.environ["PLANE_PROJECT"] + "/"
        os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
        print({client}.get(base + "labels/").status_code)
        try:
            {client}.post(base + "labels/", json={{"name": "x"}})
        except RuntimeError as error:
            print(error.reason)
        """,
        "-bb",
        PLANE_GUARD_TEST_PROCESS="1",
    )

    assert result.stdout.split() == ["401", "prod-project-in-test"], result  # read without a token
    assert plane.writes == []


def test_pytest_rewrites_no_module_that_the_plugin_loads_and_does_not_warn_of_them(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import httpcore, sys
        def test_it(fake_plane):
            ours = {name: module for name, module in sys.modules.items() if name.startswith("plane_guard")}
            rewritten = [name for name in ours if type(ours[name].__loader__).__name__ == "AssertionRewritingHook"]
            assert {"plane_guard_instrumentation.pytest_support.reporting",
                    "plane_guard_instrumentation.testing.server"} <= ours.keys()
            # Other plugins may have imported a client before ours was loaded.
            assert not [name for name in rewritten if ".pytest_support." in name or ".testing." in name]
        """,
    )
    result = child.pytest("-W", "error")

    assert "1 passed" in result.stdout, result.stdout
    assert "warning" not in result.stdout, result.stdout


def test_the_start_up_files_name_the_watching_function() -> None:
    root = Path(__file__).parents[3] / "instrumentation"

    assert (root / "plane_guard.pth").read_text() == "import plane_guard_watch; plane_guard_watch.watch()\n"
    assert (root / "plane_guard.start").read_text() == "plane_guard_watch:watch\n"

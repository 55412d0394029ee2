"""Every moment of a test run in every kind of process: nothing is written, each attempt is evidence exactly once."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

PROBE = """
import os, sys, uuid, httpx

def attempt(moment):
    item = uuid.uuid5(uuid.NAMESPACE_URL, moment)
    base = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}'
    try:
        key = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
        httpx.patch(f"{base}/work-items/{item}/", json={"state": str(item)}, headers=key)
    except Exception:
        pass

if __name__ == "__main__":
    attempt(sys.argv[1])
"""
CONFTEST = """
import atexit, threading, pytest
from probe import attempt
attempt("conftest import")
def pytest_configure(config):
    attempt("configure")
    atexit.register(attempt, "exit")
def pytest_sessionstart():
    attempt("session start")
def pytest_collection_modifyitems():
    attempt("collection hook")
def pytest_sessionfinish():
    attempt("session finish")
def pytest_unconfigure():
    attempt("unconfigure")

def around(scope):
    @pytest.fixture(scope=scope)
    def fixture():
        attempt(f"{scope} setup")
        yield
        attempt(f"{scope} teardown")
    return fixture

for scope in ("session", "package", "module", "class", "function"):
    globals()[f"around_{scope}"] = around(scope)
"""
TESTS = """
import asyncio, concurrent.futures, multiprocessing, os, subprocess, sys, threading, time, unittest
import pytest
from probe import attempt
attempt("test module import")
release = threading.Event()

class TestMoments:
    def test_fixtures(self, around_session, around_package, around_module, around_class, around_function):
        attempt("call")

def late():
    release.wait(3)
    attempt("late thread")

def test_thread():
    thread = threading.Thread(target=attempt, args=("thread",))
    thread.start(); thread.join()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(attempt, "pool").result()
    asyncio.run(asyncio.to_thread(attempt, "to_thread"))
    threading.Thread(target=late, name="late").start()

def test_innocent():
    release.set()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "late"]
    thread.join(20)

@pytest.mark.parametrize("option", ["-u", "-E", "-I", "-s"])
def test_child(option):
    code = f"import sys; sys.path.insert(0, {os.getcwd()!r}); from probe import attempt; attempt('child {option}')"
    subprocess.run([sys.executable, option, "-c", code])

def test_shell():
    os.system(f'{sys.executable} probe.py "child of a shell"')

@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multiprocessing(method):
    process = multiprocessing.get_context(method).Process(target=attempt, args=(f"multiprocessing {method}",))
    process.start(); process.join()

def test_nested_session(tmp_path):
    (tmp_path / "test_inner.py").write_text("from probe import attempt\\ndef test_inner():\\n    attempt('nested')\\n")
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], env=environment)

class TestUnittest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        attempt("setUpClass")
    def test_it(self):
        attempt("unittest call")
"""
CALL = {
    "call": "TestMoments::test_fixtures",
    "thread": "test_thread",
    "pool": "test_thread",
    "to_thread": "test_thread",
    "late thread": "test_thread",
    **{f"child {option}": f"test_child[{option}]" for option in ("-u", "-E", "-I", "-s")},
    "child of a shell": "test_shell",
    **{f"multiprocessing {method}": f"test_multiprocessing[{method}]" for method in ("fork", "spawn", "forkserver")},
    "unittest call": "TestUnittest::test_it",
}
FIXTURES = [
    f"{scope} {phase}"
    for scope in ("session", "package", "module", "class", "function")
    for phase in ("setup", "teardown")
]
COLLECTION = ["conftest import", "configure", "collection hook", "test module import"]
SESSION = ["session start", "session finish"]
LAST = ["unconfigure", "exit"]


def expected() -> dict[str, tuple[str | None, str | None]]:
    """Each moment with the test and the phase that its evidence must name."""
    return {
        **{moment: (f"test_moments.py::{test}", "call") for moment, test in CALL.items()},
        **dict.fromkeys(COLLECTION, (None, "collection")),
        **dict.fromkeys(SESSION, (None, "session")),
    }


def written(child: Child) -> list[tuple[str | None, str | None, str | None]]:
    return [(row.work_item_id, row.test, row.phase) for row in child.decisions()]


def item(moment: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, moment))


@pytest.fixture
def suite(child: Child) -> Child:
    child.write("probe.py", PROBE)
    child.write("conftest.py", CONFTEST)
    child.write("test_moments.py", TESTS)
    return child


def test_every_moment_is_guarded_and_attributed(suite: Child, plane: FakePlane) -> None:
    result = suite.pytest()

    assert "13 passed" in result.stdout, result.stdout + result.stderr
    assert plane.writes == []
    seen = written(suite)
    for moment, (test, phase) in expected().items():
        assert [row[1:] for row in seen if row[0] == item(moment)] == [(test, phase)], moment
    for moment in FIXTURES:
        [(_, _, phase)] = [row for row in seen if row[0] == item(moment)]
        assert phase == moment.split()[1], moment
    for moment in [*LAST, "nested", "setUpClass"]:
        assert len([row for row in seen if row[0] == item(moment)]) == 1, moment


@pytest.mark.parametrize(
    ("options", "environment"),
    [(("-p", "no:plane_guard"), {}), ((), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})],
    ids=["plugin switched off", "plugin autoload off"],
)
def test_without_the_plugin_every_moment_is_guarded_all_the_same(
    suite: Child, plane: FakePlane, options: tuple[str, ...], environment: dict[str, str]
) -> None:
    suite.pytest(*options, **environment)

    assert plane.writes == []
    every = [*expected(), *FIXTURES, *LAST, "nested", "setUpClass"]
    assert sorted(row[0] or "" for row in written(suite)) == sorted(map(item, every))


def test_under_xdist_every_moment_is_guarded_in_every_worker(suite: Child, plane: FakePlane) -> None:
    suite.pytest("-n", "2")

    assert plane.writes == []
    seen = [row[0] for row in written(suite)]
    for moment in ("conftest import", "configure", "session start", "unconfigure"):
        assert seen.count(item(moment)) == 3, moment
    for moment in {*CALL, "nested"} - {"late thread"}:
        assert seen.count(item(moment)) == 1, moment
    assert len({row.decision_id for row in suite.decisions()}) == len(seen)

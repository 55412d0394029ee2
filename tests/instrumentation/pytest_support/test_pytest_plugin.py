"""The plugin: what a pytest user sees of the guard, and the two fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

SEND = """
import os, pytest, httpx
from plane_guard import PlaneWriteBlocked
def send(project=os.environ["PLANE_PROJECT"], path="labels/", **options):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/{path}'
    return httpx.post(url, json={"name": "urgent"}, headers={"X-API-Key": os.environ["PLANE_API_TOKEN"]}, **options)
def swallow():
    try:
        send()
    except Exception:
        pass
"""


def test_the_header_names_the_guarded_clients(child: Child) -> None:
    child.write("test_it.py", "def test_it():\n    pass\n")

    assert "guarding httpx" in child.pytest("-v").stdout


def test_a_run_without_plane_writes_has_no_summary_section(child: Child) -> None:
    child.write("test_it.py", "def test_it():\n    pass\n")

    assert "= plane-guard =" not in child.pytest("-v").stdout


def test_expected_blocks_can_be_asserted_on_and_are_recorded_as_expected(child: Child) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
def test_it(plane_blocked_writes):
    assert plane_blocked_writes == []
    swallow()
    [blocked] = plane_blocked_writes
    assert (blocked.op, blocked.reason, blocked.project_id) == ("label", "opt-in-disabled", os.environ["PLANE_PROJECT"])
""",
    )
    result = child.pytest("-vv", PLANE_GUARD_SWALLOWED="fail")

    assert "1 passed" in result.stdout, result.stdout
    assert [row.expected for row in child.decisions()] == [True]
    assert "0 Plane write(s) blocked, 1 expected block(s)" in result.stdout


def test_the_summary_marks_tests_that_passed_although_a_write_was_refused(child: Child) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
def test_swallows():
    swallow()
def test_fails():
    send()
@pytest.mark.parametrize("case", [1, 2])
def test_expects(plane_blocked_writes, case):
    swallow()
def test_fails_at_its_end(request):
    request.addfinalizer(lambda: 1 / 0)
    swallow()
""",
    )
    result = child.pytest("-p", "no:randomly")
    assert "3 Plane write(s) blocked, 2 expected block(s)" in result.stdout, result.stdout
    lines = [line for line in result.stdout.splitlines() if ": label on " in line]
    marked = {line.partition(": ")[0].strip(): line.endswith(" PASSED although refused") for line in lines}
    assert marked == {
        "test_it.py::test_swallows": True,
        "test_it.py::test_fails": False,
        "test_it.py::test_fails_at_its_end": False,
    }
    assert "1 test(s) passed although a write was refused" in result.stdout

    failing = child.pytest("-k", "swallows", PLANE_GUARD_SWALLOWED="fail").stdout
    assert "although" not in failing
    assert child.pytest("-n1", "-k", "swallows").stdout.count("although") == 2


def test_the_fixture_for_blocks_allows_nothing(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", SEND + "\ndef test_it(plane_blocked_writes):\n    send(os.environ['PLANE_SANDBOX'])\n")

    assert "1 failed" in child.pytest().stdout
    assert plane.writes == []


def test_the_fixture_for_the_sandbox_allows_the_sandbox_and_nothing_else(child: Child, plane: FakePlane) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
def test_it(plane_sandbox_writes):
    assert send(os.environ["PLANE_SANDBOX"]).status_code == 201
    with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
        send()
    with pytest.raises(PlaneWriteBlocked, match="protected-operation"):
        send(os.environ["PLANE_SANDBOX"], "members/")
    with pytest.raises(PlaneWriteBlocked, match="ambiguous-target"):
        send("not-a-project")
""",
    )

    assert "1 passed" in child.pytest().stdout
    assert [write.target for write in plane.writes] == [f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/labels/"]


@pytest.mark.parametrize(
    ("setting", "outcome"),
    [("fail", "1 passed, 1 error"), ("report", "1 passed"), ("nonsense", "1 passed, 1 error")],
)
def test_a_swallowed_block_fails_its_test_at_teardown_if_asked_to(child: Child, setting: str, outcome: str) -> None:
    child.write("test_it.py", SEND + "\ndef test_it():\n    swallow()\n")
    result = child.pytest(PLANE_GUARD_SWALLOWED=setting)

    assert outcome in result.stdout
    if setting != "report":
        assert "request the fixture plane_blocked_writes" in result.stdout


def test_swallowed_can_be_set_in_pyproject(child: Child) -> None:
    child.write("pyproject.toml", '[tool.plane_guard]\nswallowed = "fail"\n')
    child.write("test_it.py", SEND + "\ndef test_it():\n    swallow()\n")

    assert "1 passed, 1 error" in child.pytest().stdout


def test_a_test_that_failed_on_its_block_is_not_failed_twice(child: Child) -> None:
    child.write("test_it.py", SEND + "\ndef test_it():\n    send()\n")

    assert "1 failed in" in child.pytest(PLANE_GUARD_SWALLOWED="fail").stdout


def test_blocks_are_attributed_to_test_and_phase(child: Child, plane: FakePlane) -> None:
    child.write("conftest.py", SEND + "\nswallow()\ndef pytest_sessionfinish():\n    swallow()\n")
    child.write(
        "test_it.py",
        SEND
        + """
import atexit
atexit.register(swallow)
swallow()
@pytest.fixture
def around():
    swallow()
    yield
    swallow()
def test_it(around):
    swallow()
""",
    )
    child.pytest()

    assert plane.writes == []
    assert [(row.test, row.phase) for row in child.decisions()] == [
        (None, "collection"),
        (None, "collection"),
        ("test_it.py::test_it", "setup"),
        ("test_it.py::test_it", "call"),
        ("test_it.py::test_it", "teardown"),
        (None, "session"),
        (None, "exit"),
    ]


def test_what_other_plugins_do_around_a_phase_belongs_to_it(child: Child) -> None:
    child.write(
        "conftest.py",
        SEND
        + """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def around(item):
    swallow()
    return (yield)
pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = around
""",
    )
    child.write("test_it.py", "def test_it():\n    pass\n")
    child.pytest()

    phases = ["setup", "call", "teardown"]
    assert [(row.test, row.phase) for row in child.decisions()] == [("test_it.py::test_it", phase) for phase in phases]


def test_a_test_that_is_run_again_begins_with_setup_again(child: Child) -> None:
    child.write(
        "conftest.py",
        SEND
        + """
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item):
    runtestprotocol(item, log=False)
    runtestprotocol(item, log=False)
    return True
@pytest.fixture(autouse=True)
def around():
    swallow()
""",
    )
    child.write("test_it.py", "def test_it():\n    pass\n")
    child.pytest()

    assert [(row.test, row.phase) for row in child.decisions()] == [("test_it.py::test_it", "setup")] * 2


def test_a_test_that_clears_the_environment_keeps_its_name(child: Child) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
def test_it():
    kept = dict(os.environ)
    os.environ.clear()
    try:
        httpx.post(kept["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/x/labels/", json={})
    except PlaneWriteBlocked:
        pass
    os.environ.update(kept)
""",
    )
    child.pytest()

    assert [(row.test, row.phase) for row in child.decisions()] == [("test_it.py::test_it", "call")]


def test_a_thread_that_outlives_its_phase_belongs_to_it(child: Child) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
import threading
def started(when):
    thread = threading.Thread(target=lambda: (when.wait(20), swallow()))
    thread.start()
    return thread
@pytest.fixture
def around():
    call, teardown = threading.Event(), threading.Event()
    begun_in_setup = started(call)
    yield call, begun_in_setup, teardown
    teardown.set()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
def test_it(around):
    call, begun_in_setup, teardown = around
    call.set()
    begun_in_setup.join()
    started(teardown)
""",
    )
    child.pytest()

    assert [row.phase for row in child.decisions()] == ["setup", "call"]


def test_expecting_blocks_ends_with_the_test(child: Child) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
def test_a(plane_blocked_writes):
    swallow()
def test_b(request):
    swallow()
    assert len(request.getfixturevalue("plane_blocked_writes")) == 1
    swallow()
    assert len(request.getfixturevalue("plane_blocked_writes")) == 2
""",
    )

    assert "2 passed" in child.pytest().stdout
    assert [(row.expected, row.phase) for row in child.decisions()] == [
        (True, "call"),
        (False, "call"),
        (True, "call"),
    ]


@pytest.mark.parametrize(
    "environ", ["os.environ", "dict(os.environ)", "type('Environ', (dict,), {'_data': {}})(os.environ)"]
)
def test_the_opt_in_of_one_test_does_not_reach_the_next(child: Child, plane: FakePlane, environ: str) -> None:
    child.write("conftest.py", f"import os\nos.environ = {environ}\n")
    child.write(
        "test_it.py",
        SEND
        + """
def test_a():
    os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
    assert send(os.environ["PLANE_SANDBOX"]).status_code == 201
def test_b():
    with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
        send(os.environ["PLANE_SANDBOX"])
""",
    )

    assert "2 passed" in child.pytest().stdout
    assert len(plane.writes) == 1


def test_the_caller_is_the_users_own_frame(child: Child) -> None:
    child.write("test_it.py", SEND + "\ndef test_it():\n    swallow()\n")
    child.pytest()

    [row] = child.decisions()
    assert row.function == "send"
    assert row.file is not None
    assert row.file.endswith("test_it.py")


def test_the_summary_covers_workers_and_children(child: Child) -> None:
    child.write("send.py", SEND + "\nsend()\n")
    child.write(
        "test_it.py",
        SEND
        + """
import subprocess, sys
@pytest.mark.parametrize("number", range(4))
def test_it(number):
    subprocess.run([sys.executable, "send.py"])
    swallow()
""",
    )
    result = child.pytest("-n", "2")

    assert "8 Plane write(s) blocked" in result.stdout, result.stdout
    assert {row.worker for row in child.decisions()} == {"gw0", "gw1"}


def test_a_patch_that_another_tool_removed_is_put_back_and_reported(child: Child, plane: FakePlane) -> None:
    child.write(
        "test_it.py",
        SEND
        + """
import httpcore
def test_a():
    httpcore.ConnectionPool.handle_request = httpcore.ConnectionPool.handle_request.__plane_guard_original__
def test_b():
    with pytest.raises(PlaneWriteBlocked):
        send()
""",
    )
    result = child.pytest("-vv")

    assert "2 passed" in result.stdout, result.stdout
    assert "another tool had removed the guard from httpx" in result.stdout
    assert plane.writes == []


def test_an_inner_session_in_the_same_process_gives_the_outer_test_back(child: Child) -> None:
    child.write("conftest.py", "pytest_plugins = ['pytester']\n")
    child.write(
        "test_it.py",
        SEND
        + """
def test_it(pytester):
    pytester.makepyfile(test_inner="def test_inner(): pass")
    assert pytester.runpytest_inprocess().ret == 0
    swallow()
""",
    )
    result = child.pytest()

    assert "1 passed" in result.stdout, result.stdout
    assert [(row.test, row.phase) for row in child.decisions()] == [("test_it.py::test_it", "call")]


def test_warnings_as_errors_do_not_meet_the_plugin(child: Child) -> None:
    child.write("test_it.py", SEND + "\ndef test_it():\n    swallow()\n")

    assert "1 passed" in child.pytest("-W", "error").stdout


def test_the_summary_names_what_is_not_covered_once_however_many_workers_saw_it(child: Child) -> None:
    child.write("conftest.py", "import pycurl\n")
    for name in ("test_a.py", "test_b.py"):
        child.write(name, "import curl_cffi, pycurl\ndef test_it():\n    pass\n")

    for options in ((), ("-n", "2")):
        text = child.pytest(*options).stdout
        [line] = [line for line in text.splitlines() if line.startswith("not covered: ")]
        assert "pycurl, curl_cffi: guarded by host only" in line

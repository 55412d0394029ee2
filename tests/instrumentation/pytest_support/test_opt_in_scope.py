"""The opt-in under pytest: it counts while a test, or a fixture that asked for it, is running, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

CONFTEST = """
import os, sys, httpx, pytest
sys.path.insert(0, os.path.dirname(__file__))
from send import on, off, send, switch_on
WAS_SENT = {}
switch_on()
WAS_SENT["conftest"] = send()
def pytest_configure():
    switch_on()
    WAS_SENT["configure"] = send()
def pytest_collection_modifyitems():
    switch_on()
    WAS_SENT["collection"] = send()
def pytest_runtest_logstart():
    switch_on()
    WAS_SENT["between tests"] = send()
@pytest.fixture(scope="session")
def left_on():
    switch_on()
    WAS_SENT["session fixture"] = send()
    yield
    WAS_SENT["session teardown"] = send()
@pytest.fixture(scope="module")
def made_in_sandbox(plane_sandbox_scope):
    with plane_sandbox_scope():
        assert send()
    WAS_SENT["after the block"] = send()
    yield
    with plane_sandbox_scope():
        assert send()
    assert not send()
@pytest.fixture
def asks_for_its_test():
    switch_on()
def pytest_sessionfinish():
    assert set(WAS_SENT) == {
        "conftest", "configure", "collection", "between tests", "session fixture", "session teardown", "after the block"
    }
    assert not any(WAS_SENT.values()), WAS_SENT
"""
SEND = """
import os, httpx
def switch_on():
    os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
def on():
    return "PLANE_TEST_WRITE_ENABLED" in os.environ
def off():
    return not on() and not send()
def send():
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_SANDBOX"]}/labels/'
    headers = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    try:
        answer = httpx.post(url, json={"name": os.urandom(4).hex()}, headers=headers)
    except RuntimeError:
        return False
    return answer.status_code == 201
"""
TESTS = """
import os, subprocess, sys, unittest, pytest
from send import off, on, send, switch_on
switch_on()
assert not send()
def test_starts_off():
    assert off()
def test_after_a_session_fixture_left_it_on(left_on):
    assert off()
def test_with_the_fixture(plane_sandbox_writes):
    assert send()
def test_with_monkeypatch(monkeypatch):
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert send()
def test_with_a_fixture_of_its_own(asks_for_its_test):
    assert send()
def test_a_wide_fixture_writes_in_its_own_block(made_in_sandbox):
    assert off()
def test_a_wide_fixture_does_not_end_the_opt_in_of_its_test(plane_sandbox_writes, request):
    request.getfixturevalue("made_in_sandbox")
    assert send()
def test_leaves_it_on():
    switch_on()
    assert send()
def test_is_off_again():
    assert off()
def test_children_inherit_it(plane_sandbox_writes):
    code = "from send import send; raise SystemExit(not send())"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
def test_an_inner_session_starts_with_it_off_and_gives_nothing_away(plane_sandbox_writes, tmp_path):
    (tmp_path / "test_inner.py").write_text("from send import off\\ndef test_inner():\\n    assert off()\\n")
    assert pytest.main(["-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]) == 0
class TestUnittest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        switch_on()
        assert not send()
    def test_class_setup_switches_nothing_on(self):
        assert off()
"""
OFF = ("-p", "no:plane_guard")


@pytest.fixture
def project(child: Child) -> Child:
    """A project whose conftest and fixtures switch writing on wherever they can."""
    child.write("send.py", SEND)
    child.write("conftest.py", CONFTEST)
    child.write("test_scope.py", TESTS)
    return child


def test_it_counts_in_a_test_and_in_the_block_of_a_wider_fixture_only(project: Child, plane: FakePlane) -> None:
    result = project.pytest()

    assert "12 passed" in result.stdout, result.stdout[-4000:]
    assert "ignored, because it was set while conftests and plugins were loaded" in result.stdout
    assert "ignored, because it was set by the session fixture left_on" in result.stdout
    assert "ignored, because it was set outside of a test" in result.stdout
    assert len(plane.writes) == 8


def test_the_same_holds_without_the_plugin(project: Child, plane: FakePlane) -> None:
    without = "plane_sandbox", "wide_fixture", "inner_session"
    deselected = "not with_the_fixture and not children and not " + " and not ".join(without)
    conftest = (project.folder / "conftest.py").read_text().replace(', "after the block"', "")
    project.write("conftest.py", conftest)
    result = project.pytest(*OFF, "-k", deselected)

    assert "7 passed" in result.stdout, result.stdout[-4000:]
    assert len(plane.writes) == 3


def test_without_any_hook_of_ours_no_opt_in_counts(child: Child, plane: FakePlane) -> None:
    child.write("send.py", SEND)
    child.write(
        "test_it.py",
        "from send import off, send, switch_on\ndef test_it():\n    switch_on()\n    assert not send()\n",
    )

    assert "1 passed" in child.pytest(*OFF, "-p", "no:plane_guard_opt_in", PYTHONPATH=".").stdout
    assert plane.writes == []


def test_after_pytest_the_opt_in_is_the_programs_own(child: Child, plane: FakePlane) -> None:
    child.write("send.py", SEND)
    child.write("test_it.py", "from send import off\ndef test_it():\n    assert off()\n")
    code = """
        import pytest, send
        send.switch_on()
        assert pytest.main(["-q", "-p", "no:cacheprovider"]) == 0
        assert not send.on()
        send.switch_on()
        assert send.send()
        print("sent")
    """

    assert "sent" in child.python(code).stdout
    assert len(plane.writes) == 1


@pytest.mark.parametrize("name", ["plane_guard", "plane_guard_instrumentation.pytest_plugin"])
@pytest.mark.parametrize("autoload", ["", "1"], ids=["autoload", "no autoload"])
def test_the_plugin_may_be_named_again(child: Child, name: str, autoload: str) -> None:
    child.write("conftest.py", "pytest_plugins = ['plane_guard_instrumentation.pytest_plugin']\n")
    child.write("test_it.py", "def test_it(plane_sandbox_writes, request):\n    print(request.config.pluginmanager)\n")
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": autoload} if autoload else {}
    result = child.pytest("-o", "addopts=", "-p", name, **environment)

    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert result.stdout.count("Plane writes are blocked") == 1


def test_the_second_of_two_sessions_of_a_process_has_a_summary_of_its_own(child: Child) -> None:
    child.write("send.py", SEND)
    child.write("test_it.py", "from send import send\ndef test_writes():\n    send()\ndef test_quiet():\n    pass\n")
    code = """
        import pytest
        pytest.main(["-q", "-p", "no:cacheprovider", "test_it.py::test_writes"])
        print("SECOND")
        pytest.main(["-q", "-p", "no:cacheprovider", "test_it.py::test_quiet"])
    """
    first, _, second = child.python(code).stdout.partition("SECOND")

    assert "1 Plane write(s) blocked" in first
    assert "[100%]" in second
    assert "= plane-guard =" not in second


def test_a_placeholder_module_that_raises_whatever_it_is_asked_disturbs_nothing(child: Child, plane: FakePlane) -> None:
    child.write("send.py", SEND)
    child.write(
        "test_it.py",
        """
        import sys, types, pytest
        from send import off
        class Missing(types.ModuleType):
            def __getattr__(self, name):
                raise (AttributeError if name.startswith("__") else ImportError)(name)
        @pytest.fixture(scope="module", autouse=True)
        def without():
            names = ["pycurl", "httpcore2", "aiohttp.connector", "unittest.loader"]
            before = {name: sys.modules.get(name) for name in names}
            sys.modules.update({name: Missing(name) for name in names})
            yield
            for name, module in before.items():
                sys.modules.pop(name) if module is None else sys.modules.__setitem__(name, module)
        def test_one(): assert off()
        def test_two(): assert off()
        """,
    )

    assert "2 passed" in child.pytest().stdout
    assert plane.writes == []

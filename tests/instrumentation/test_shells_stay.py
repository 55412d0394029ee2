"""Before every test: a quick look whether each shell is still where it was put, whatever was replaced around it."""

from __future__ import annotations

import http.client
import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from plane_guard_instrumentation.clients import patches

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_dashboard.demo.standin import StandInPlane
    from tests.harness import Child

ENDHEADERS = "http.client (http.client.HTTPConnection.endheaders)"


def original(function: Any) -> Callable[..., object]:
    """What a shell is around."""
    found: Callable[..., object] = function.__plane_guard_original__
    return found


def unguarded(name: str) -> type:
    """A class such as http.client has, before anybody guarded it."""
    shells = vars(http.client.HTTPConnection)
    return type(name, (), {method: original(shells[method]) for method in ("endheaders", "send", "connect")})


@pytest.fixture
def stays() -> None:
    """All is well, and that is known."""
    assert patches.verify() == []
    assert patches.verify() == []


@pytest.mark.usefixtures("stays")
class TestAnotherLook:
    def test_finds_a_method_that_was_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = http.client.HTTPConnection
        monkeypatch.setattr(connection, "endheaders", original(vars(connection)["endheaders"]))

        assert patches.verify() == [ENDHEADERS]
        assert patches.verify() == []

    def test_finds_a_method_that_was_deleted_from_a_subclass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = http.client.HTTPSConnection
        monkeypatch.setattr(connection, "connect", original(vars(connection)["connect"]))

        assert patches.verify() == ["http.client (http.client.HTTPSConnection.connect)"]

    def test_finds_a_class_that_was_replaced_by_one_of_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http.client, "HTTPConnection", unguarded("HTTPConnection"))

        assert ENDHEADERS in patches.verify()
        assert patches.verify() == []

    def test_finds_a_module_that_was_imported_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anew = ModuleType("http.client")
        monkeypatch.setattr(anew, "HTTPConnection", unguarded("HTTPConnection"), raising=False)
        monkeypatch.setitem(sys.modules, "http.client", anew)

        assert ENDHEADERS in patches.verify()
        assert patches.verify() == []

    def test_finds_a_client_that_came_by_another_way_than_import(self, monkeypatch: pytest.MonkeyPatch) -> None:
        httplib2 = ModuleType("httplib2")
        connection = type("HTTPConnectionWithTimeout", (), {"connect": lambda _: None})
        monkeypatch.setattr(httplib2, "HTTPConnectionWithTimeout", connection, raising=False)
        monkeypatch.setitem(sys.modules, "httplib2", httplib2)

        assert patches.verify() == ["http.client (httplib2.HTTPConnectionWithTimeout.connect)"]
        assert "connect" in vars(connection)
        assert original(vars(connection)["connect"])(None) is None

    def test_finds_what_was_replaced_while_a_mock_stood_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = http.client.HTTPConnection
        with mock.patch.object(connection, "endheaders"):
            assert patches.verify() == []
            monkeypatch.setattr(connection, "send", original(vars(connection)["send"]))
            assert patches.verify() == ["http.client (http.client.HTTPConnection.send)"]

    def test_asks_nothing_that_stands_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http.client.HTTPConnection, "endheaders", mock.ANY)

        assert patches.verify() == [ENDHEADERS]

    def test_finds_nothing_when_a_client_was_imported_as_usual(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "client", http.client)  # an import sets it, too
        monkeypatch.delitem(sys.modules, "http.client")
        importlib.import_module("http.client")

        assert patches.verify() == []


IN_A_PROCESS_WITHOUT_TESTS = """
import http.client, os, httpx
CLASS, NAMES = http.client.HTTPConnection, ("endheaders", "send", "connect")
URL = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/" + os.environ["PLANE_PROJECT"] + "/"

def post():
    try:
        httpx.post(URL)
    except RuntimeError as error:
        print(type(error).__name__, *(name for name in NAMES if hasattr(vars(CLASS)[name], "__plane_guard_original__")))

post()
for name in NAMES:
    setattr(CLASS, name, vars(CLASS)[name].__plane_guard_original__)
post()
"""


def test_where_no_test_begins_each_decision_puts_back_what_was_stripped(child: Child, plane: StandInPlane) -> None:
    result = child.python(IN_A_PROCESS_WITHOUT_TESTS, PLANE_GUARD_TEST_PROCESS="1")

    assert result.stdout.splitlines() == ["PlaneWriteBlocked endheaders send connect"] * 2, result
    assert plane.writes == []


def test_a_client_that_another_finder_found_is_patched_by_the_next_check(child: Child) -> None:
    code = """
        import sys
        from importlib.machinery import PathFinder
        class Later:
            def find_spec(self, name, path=None, target=None):
                return PathFinder.find_spec(name, path, target) if name == "httpcore" else None
        sys.meta_path.insert(0, Later())
        import httpcore
        from plane_guard_instrumentation.clients import patches
        patches.verify()  # as before each test and each decision
        print(hasattr(httpcore.ConnectionPool.handle_request, "__plane_guard_original__"))
    """

    assert child.python(code, PLANE_GUARD_TEST_PROCESS="1").stdout == "True\n"

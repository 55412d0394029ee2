"""Before every test, each patch must be where it was put, whatever was replaced around it."""

from __future__ import annotations

import functools
import http.client
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from plane_guard_instrumentation.clients import http_client, patches, self_check
from plane_guard_instrumentation.clients.snapshot import is_patched

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

ENDHEADERS = "http.client (http.client.HTTPConnection.endheaders)"


def original(function: Any) -> Callable[..., object]:
    """The function that a patch wraps."""
    found: Callable[..., object] = function.__plane_guard_original__
    return found


def unpatched(name: str) -> type:
    """A class like that of http.client before it was patched."""
    patched = vars(http.client.HTTPConnection)
    return type(name, (), {method: original(patched[method]) for method in ("endheaders", "send", "connect")})


def answer(*_: object, **__: object) -> None:
    """Answer a request without sending it."""


REPLACEMENTS: dict[str, Callable[[type, str], AbstractContextManager[object]]] = {
    "function": lambda owner, name: mock.patch.object(owner, name, answer),
    "lambda": lambda owner, name: mock.patch.object(owner, name, lambda *_: 1),  # noqa: PT008
    "partialmethod": lambda owner, name: mock.patch.object(owner, name, functools.partialmethod(answer)),
    "Mock": mock.patch.object,
    "autospec": lambda owner, name: mock.patch.object(owner, name, autospec=True),
    "ANY": lambda owner, name: mock.patch.object(owner, name, mock.ANY),
}


@pytest.fixture
def stays() -> None:
    """Every patch is in place, and a snapshot says so."""
    assert patches.verify() == []
    assert patches.verify() == []


@pytest.mark.usefixtures("stays")
class TestAnotherLook:
    def test_puts_back_a_method_that_was_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = http.client.HTTPConnection
        monkeypatch.setattr(connection, "endheaders", original(vars(connection)["endheaders"]))

        assert patches.verify() == [ENDHEADERS]
        assert patches.verify() == []

    def test_puts_back_a_method_that_was_deleted_from_a_subclass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = http.client.HTTPSConnection
        monkeypatch.setattr(connection, "connect", original(vars(connection)["connect"]))

        assert patches.verify() == ["http.client (http.client.HTTPSConnection.connect)"]

    def test_patches_a_class_that_was_replaced_by_one_of_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anew = unpatched("HTTPConnection")
        monkeypatch.setattr(http.client, "HTTPConnection", anew)

        assert patches.verify() == []
        assert is_patched(vars(anew)["endheaders"])

    def test_opens_a_client_again_whose_requests_reach_the_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(http.client, "HTTPConnection", unpatched("HTTPConnection"))
            patches.verify()
            assert self_check.is_closed("http.client")

        patches.verify()
        assert not self_check.is_closed("http.client")

    def test_keeps_a_client_closed_until_its_requests_have_reached_the_check(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        during: list[bool] = []
        probe = http_client.probe

        def watched(owner: type) -> None:
            during.append(self_check.is_closed("http.client"))
            probe(owner)

        with monkeypatch.context() as patch:
            patch.setattr(http.client, "HTTPConnection", unpatched("HTTPConnection"))
            patches.verify()
        monkeypatch.setattr(http_client, "probe", watched)
        with monkeypatch.context() as patch:
            # Nothing is there that could be proven.
            for module in [name for name in sys.modules if name.endswith("http.client")]:
                patch.delitem(sys.modules, module)
            patches.verify()
            assert self_check.is_closed("http.client")

        patches.verify()
        assert during
        assert during[0]
        assert not self_check.is_closed("http.client")

    def test_patches_a_module_that_was_imported_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anew = ModuleType("http.client")
        monkeypatch.setattr(anew, "HTTPConnection", unpatched("HTTPConnection"), raising=False)
        monkeypatch.setitem(sys.modules, "http.client", anew)

        assert patches.verify() == []
        assert is_patched(anew.HTTPConnection.endheaders)

    def test_patches_a_client_that_came_by_another_way_than_import(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = importlib.util.spec_from_file_location("http.client", http.client.__file__)
        assert spec is not None
        assert spec.loader is not None
        copied = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copied)
        assert not is_patched(copied.HTTPConnection.endheaders)
        monkeypatch.setitem(sys.modules, "http.client", copied)

        assert patches.verify() == []
        assert is_patched(copied.HTTPConnection.endheaders)

    def test_puts_back_what_was_replaced_while_a_mock_stood_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = http.client.HTTPConnection
        with mock.patch.object(connection, "endheaders"):
            assert patches.verify() == []
            monkeypatch.setattr(connection, "send", original(vars(connection)["send"]))
            assert patches.verify() == ["http.client (http.client.HTTPConnection.send)"]

    @pytest.mark.parametrize("kind", REPLACEMENTS)
    def test_leaves_alone_what_replaced_a_method(self, kind: str) -> None:
        with REPLACEMENTS[kind](http.client.HTTPConnection, "endheaders"):
            assert patches.verify() == []
            standing = vars(http.client.HTTPConnection)["endheaders"]
            assert patches.verify() == []
            assert vars(http.client.HTTPConnection)["endheaders"] is standing

        assert is_patched(http.client.HTTPConnection.endheaders)

    def test_reports_nothing_when_a_client_was_imported_as_usual(self, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_where_no_test_begins_each_decision_puts_back_what_was_stripped(child: Child, plane: FakePlane) -> None:
    result = child.python(IN_A_PROCESS_WITHOUT_TESTS, PLANE_GUARD_TEST_PROCESS="1")

    assert result.stdout.splitlines() == ["PlaneWriteBlocked endheaders send connect"] * 2, result
    assert plane.writes == []


def test_a_client_that_another_finder_imported_is_judged(child: Child, plane: FakePlane) -> None:
    code = """
        import os, sys
        from importlib.machinery import PathFinder
        class Later:
            def find_spec(self, name, path=None, target=None):
                return PathFinder.find_spec(name, path, target) if name == "httpcore" else None
        sys.meta_path.insert(0, Later())
        import httpx
        url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/'
        try:
            httpx.post(url, json={})
        except RuntimeError as error:
            print(type(error).__name__)
    """

    assert child.python(code, PLANE_GUARD_TEST_PROCESS="1").stdout == "PlaneWriteBlocked\n"
    assert plane.writes == []

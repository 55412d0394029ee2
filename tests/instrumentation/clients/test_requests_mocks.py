"""Mocks of requests, urllib3 and `urllib.request` beside the guard: what they answer is not judged, the rest is."""

from __future__ import annotations

import pytest

from tests.instrumentation.clients import requests_mock_cases
from tests.instrumentation.clients.mocked_projects import GUARDED, PASSED, UNGUARDED, Project, Run
from tests.instrumentation.clients.requests_mock_cases import ANSWERING, KINDS, LETTING_THROUGH, pairs

TESTS = """
    import os

    import pytest
    import requests_mock_cases
    from requests_mock_cases import ANSWERING, KINDS, LETTING_THROUGH, MOCKED, pairs

    MOCKS = ANSWERING | LETTING_THROUGH

    def send(kind, url):
        return requests_mock_cases.send(kind, url, {"X-API-Key": os.environ["PLANE_API_TOKEN"]})

    @pytest.fixture
    def prod(request):
        return os.environ["PROD_ITEM"] + "?test=" + request.node.name.replace("[", ".").rstrip("]")

    @pytest.mark.parametrize("name, kind", pairs(ANSWERING))
    def test_answered(prod, name, kind, tmp_path):
        with MOCKS[name](prod, tmp_path):
            assert send(kind, prod) == MOCKED

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.vcr(record_mode="all")
    def test_recorded(prod, kind):
        assert send(kind, prod) == 200

    def test_by_fixture(prod, requests_mock):
        requests_mock.patch(prod, status_code=MOCKED)
        assert send("requests", prod) == MOCKED

    @pytest.mark.parametrize("name, kind", pairs(LETTING_THROUGH))
    def test_let_through(prod, name, kind, tmp_path):
        with MOCKS[name](prod, tmp_path):
            assert send(kind, prod) == 200

    @pytest.mark.parametrize("name, kind", pairs(LETTING_THROUGH))
    def test_sandbox(prod, name, kind, tmp_path, monkeypatch):
        monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
        sandbox = prod.replace(os.environ["PROD_ITEM"], os.environ["SANDBOX_ITEM"])
        with MOCKS[name](sandbox, tmp_path):
            assert send(kind, sandbox) == 200

    @pytest.fixture(scope="module")
    def module_wide(request, tmp_path_factory):
        name, kind = request.param
        url = os.environ["PROD_ITEM"] + f"?test=test_module_wide.{name}-{kind}"
        with MOCKS[name](url, tmp_path_factory.mktemp("module")):
            yield lambda: send(kind, url)

    @pytest.mark.parametrize("again", [1, 2])
    @pytest.mark.parametrize("module_wide", pairs(ANSWERING), indirect=True, ids="-".join)
    def test_module_wide(module_wide, again):
        assert module_wide() == MOCKED
"""
MOCKS_FIRST = """
    import sys
    import moto, pook, requests_mock, responses, vcr.patch
    from http.client import HTTPConnection
    assert not hasattr(HTTPConnection.endheaders, "__plane_guard_original__")
    import pytest
    sys.exit(pytest.main())
"""
MOCKED = [
    *(f"test_answered.{name}-{kind}" for name, kind in pairs(ANSWERING)),
    *(f"test_module_wide.{name}-{kind}-{again}" for name, kind in pairs(ANSWERING) for again in (1, 2)),
    "test_by_fixture",
]
REAL = [
    *(f"test_let_through.{name}-{kind}" for name, kind in pairs(LETTING_THROUGH)),
    *(f"test_recorded.{kind}" for kind in KINDS),
]
SANDBOX = [f"test_sandbox.{name}-{kind}" for name, kind in pairs(LETTING_THROUGH)]
PROJECT = Project(
    TESTS, requests_mock_cases, MOCKS_FIRST, ("pytest_recording.plugin", "requests_mock.contrib._pytest_plugin")
)


@pytest.fixture(scope="module", params=GUARDED)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of a guarded child."""
    return PROJECT.run(tmp_path_factory.mktemp("guarded"), request.param)


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of the same child as if plane-guard were not installed."""
    return PROJECT.run(tmp_path_factory.mktemp("unguarded"), UNGUARDED)


def test_without_the_guard_every_write_that_a_mock_lets_through_arrives(unguarded: Run) -> None:
    assert unguarded.raised == dict.fromkeys([*MOCKED, *REAL, *SANDBOX], PASSED)
    assert dict(unguarded.arrived) == dict.fromkeys([*REAL, *SANDBOX], 1)


@pytest.mark.parametrize("test", MOCKED)
def test_a_write_that_a_mock_answers_is_not_judged(guarded: Run, test: str) -> None:
    assert guarded.raised[test] == PASSED
    assert [decision for decision in guarded.decided if decision[0] == test] == []
    assert guarded.arrived[test] == 0


@pytest.mark.parametrize("test", REAL)
def test_a_write_to_production_that_a_mock_lets_through_is_blocked(guarded: Run, test: str) -> None:
    assert guarded.raised[test] == "plane_guard.PlaneWriteBlocked"
    assert [decision for decision in guarded.decided if decision[0] == test] == [(test, "block", "prod")]
    assert guarded.arrived[test] == 0


@pytest.mark.parametrize("test", SANDBOX)
def test_a_write_to_the_sandbox_that_a_mock_lets_through_arrives_once(guarded: Run, test: str) -> None:
    assert guarded.raised[test] == PASSED
    assert [decision for decision in guarded.decided if decision[0] == test] == [(test, "allow", "sandbox")]
    assert guarded.arrived[test] == 1


def test_nothing_but_what_is_listed_here_was_tried(guarded: Run) -> None:
    assert sorted(guarded.raised) == sorted([*MOCKED, *REAL, *SANDBOX])
    assert {test for test, _, _ in guarded.decided} == {*REAL, *SANDBOX}

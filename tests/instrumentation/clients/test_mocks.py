"""Mocks of httpx and the guard, side by side: what a mock answers is nobody's business, what it lets through is."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.instrumentation.clients import mock_cases
from tests.instrumentation.clients.mock_cases import ANSWERING, KINDS, LETTING_THROUGH, pairs
from tests.instrumentation.clients.mocked_projects import GUARDED, PASSED, UNGUARDED, Project, Run

TESTS = """
    import os

    import mock_cases
    import pytest
    import respx
    from mock_cases import ANSWERING, KINDS, LETTING_THROUGH, MOCKED, pairs

    MOCKS = ANSWERING | LETTING_THROUGH

    def send(kind, url, **options):
        return mock_cases.send(kind, url, {"X-API-Key": os.environ["PLANE_API_TOKEN"]}, **options)

    @pytest.fixture
    def prod(request):
        return os.environ["PROD_ITEM"] + "?test=" + request.node.name.replace("[", ".").rstrip("]")

    @pytest.mark.parametrize("name, kind", pairs(ANSWERING))
    def test_answered(prod, name, kind, tmp_path):
        with MOCKS[name](prod, tmp_path) as options:
            assert send(kind, prod, **options) == MOCKED

    @pytest.fixture(scope="module")
    def module_wide(request, tmp_path_factory):
        name, kind = request.param
        url = os.environ["PROD_ITEM"] + f"?test=module-wide.{name}-{kind}"
        with MOCKS[name](url, tmp_path_factory.mktemp("module")) as options:
            yield lambda: send(kind, url, **options)

    @pytest.mark.parametrize("again", [1, 2])
    @pytest.mark.parametrize("module_wide", pairs(MOCKS), indirect=True, ids="-".join)
    def test_module_wide(module_wide, again):
        assert module_wide() in {MOCKED, 200}

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("using", ["httpcore", "httpx"])
    def test_decorated(prod, using, kind):
        @respx.mock(using=using)
        def decorated(respx_mock):
            respx_mock.patch(prod).respond(MOCKED)
            return send(kind, prod)
        assert decorated() == MOCKED

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.respx(using="httpcore")
    def test_respx_mock_of_httpcore(prod, respx_mock, kind):
        respx_mock.patch(prod).respond(MOCKED)
        assert send(kind, prod) == MOCKED

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.respx(using="httpx")
    def test_respx_mock_of_httpx(prod, respx_mock, kind):
        respx_mock.patch(prod).respond(MOCKED)
        assert send(kind, prod) == MOCKED

    @pytest.mark.parametrize("kind", KINDS)
    def test_httpx_mock(prod, httpx_mock, kind):
        httpx_mock.add_response(method="PATCH", url=prod, status_code=MOCKED)
        assert send(kind, prod) == MOCKED

    @pytest.mark.parametrize("name, kind", pairs(LETTING_THROUGH))
    def test_let_through(prod, name, kind, tmp_path):
        with MOCKS[name](prod, tmp_path) as options:
            assert send(kind, prod, **options) == 200

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.httpx_mock(should_mock=lambda request: request.method != "PATCH")
    def test_let_through_by_httpx_mock(prod, httpx_mock, kind):
        assert send(kind, prod) == 200

    @pytest.mark.parametrize("name, kind", pairs(LETTING_THROUGH))
    def test_sandbox(prod, name, kind, tmp_path, monkeypatch):
        monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
        sandbox = prod.replace(os.environ["PROD_ITEM"], os.environ["SANDBOX_ITEM"])
        with MOCKS[name](sandbox, tmp_path) as options:
            assert send(kind, sandbox, **options) == 200
"""
MOCKS_FIRST = """
    import sys
    import httpcore, httpx, respx.mocks, vcr.patch, unittest.mock
    assert not hasattr(httpcore.ConnectionPool.handle_request, "__plane_guard_original__")
    import pytest, pytest_httpx  # the first evidence of tests
    sys.exit(pytest.main())
"""
MOCKED = [
    *(f"test_answered.{name}-{kind}" for name, kind in pairs(ANSWERING)),
    *(f"test_decorated.{using}-{kind}" for using in ("httpcore", "httpx") for kind in KINDS),
    *(f"test_respx_mock_of_{using}.{kind}" for using in ("httpcore", "httpx") for kind in KINDS),
    *(f"test_httpx_mock.{kind}" for kind in KINDS),
    *(f"test_module_wide.{name}-{kind}-{again}" for name, kind in pairs(ANSWERING) for again in (1, 2)),
]
REAL = [
    *(f"test_let_through.{name}-{kind}" for name, kind in pairs(LETTING_THROUGH)),
    *(f"test_let_through_by_httpx_mock.{kind}" for kind in KINDS),
    *(f"test_module_wide.{name}-{kind}-{again}" for name, kind in pairs(LETTING_THROUGH) for again in (1, 2)),
]
SANDBOX = [f"test_sandbox.{name}-{kind}" for name, kind in pairs(LETTING_THROUGH)]
PROJECT = Project(TESTS, mock_cases, MOCKS_FIRST, ("respx.plugin", "pytest_httpx"))


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
    module_wide = {f"module-wide.{name}-{kind}" for name, kind in pairs(LETTING_THROUGH)}
    assert set(unguarded.arrived) == module_wide | {test for test in (*REAL, *SANDBOX) if "module_wide" not in test}
    assert unguarded.decided == []


@pytest.mark.parametrize("test", MOCKED)
def test_a_write_that_a_mock_answers_is_not_judged(guarded: Run, test: str) -> None:
    assert guarded.raised[test] == PASSED
    assert [decision for decision in guarded.decided if decision[0] == test] == []


@pytest.mark.parametrize("test", REAL)
def test_a_write_to_production_that_a_mock_lets_through_is_blocked(guarded: Run, test: str) -> None:
    assert guarded.raised[test] == "plane_guard.PlaneWriteBlocked"
    assert [decision for decision in guarded.decided if decision[0] == test] == [(test, "block", "prod")]


@pytest.mark.parametrize("test", SANDBOX)
def test_a_write_to_the_sandbox_that_a_mock_lets_through_is_allowed(guarded: Run, test: str) -> None:
    assert guarded.raised[test] == PASSED
    assert [decision for decision in guarded.decided if decision[0] == test] == [(test, "allow", "sandbox")]


def test_what_arrives_is_one_write_of_each_test_that_may_write_and_nothing_else(guarded: Run) -> None:
    assert guarded.arrived == Counter(SANDBOX)


def test_nothing_but_what_is_listed_here_was_tried(guarded: Run) -> None:
    assert sorted(guarded.raised) == sorted([*MOCKED, *REAL, *SANDBOX])
    assert {test for test, _, _ in guarded.decided} <= {*REAL, *SANDBOX}

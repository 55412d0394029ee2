"""Mocks of aiohttp and httpx2 and the guard, in both orders: only what a mock lets through is judged."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

TESTS = """
    import asyncio, contextlib, os, types
    import aiohttp, aioresponses, httpx2, pytest, vcr
    from plane_guard import PlaneWriteBlocked

    URL = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/%s/labels/"
    HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    PROD, SANDBOX, MOCKED = os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"], 299

    def label():
        return {"name": os.urandom(4).hex()}  # a project has one label of a name

    async def by_aiohttp(url):
        async with aiohttp.ClientSession(headers=HEADERS) as session, session.post(url, json=label()) as reply:
            return reply.status

    async def by_httpx2(url):
        async with httpx2.AsyncClient(headers=HEADERS, verify=False) as client:
            return (await client.post(url, json=label())).status_code

    SEND = {
        "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
        "httpx2 async": lambda url: asyncio.run(by_httpx2(url)),
        "httpx2": lambda url: httpx2.post(url, json=label(), headers=HEADERS, verify=False).status_code,
    }

    class Response(aiohttp.ClientResponse):
        # aioresponses 0.7.9 does not hand over what aiohttp 3.14 asks for.
        def __init__(self, *args, **options):
            super().__init__(*args, stream_writer=types.SimpleNamespace(output_size=0), **options)

    @contextlib.contextmanager
    def answered(url, folder):
        with aioresponses.aioresponses() as mocked:
            mocked.post(url, status=MOCKED, response_class=Response)
            yield

    def passed(url, folder):
        return aioresponses.aioresponses(passthrough=[os.environ["PLANE_API_URL"]])

    def unmatched(url, folder):
        return aioresponses.aioresponses(passthrough_unmatched=True)

    @contextlib.contextmanager
    def afterwards(url, folder):
        with answered(url, folder):
            pass
        yield

    def played(url, folder):
        reply = f"{{status: {{code: {MOCKED}, message: Mocked}}, headers: {{}}, body: {{string: ''}}}}"
        request = f"{{method: POST, uri: '{url}', body: null, headers: {{}}}}"
        interaction = f"- request: {request}\\n  response: {reply}\\n"
        (folder / "played.yaml").write_text(f"version: 1\\ninteractions:\\n{interaction}")
        return vcr.use_cassette(str(folder / "played.yaml"), record_mode="none")

    def recorded(url, folder):
        return vcr.use_cassette(str(folder / "recorded.yaml"), record_mode="all")

    MOCKS = {
        "aiohttp": [answered, played], "httpx2 async": [played], "httpx2": [played],
    }
    LEAKS = {
        "aiohttp": [passed, unmatched, afterwards, recorded], "httpx2 async": [recorded], "httpx2": [recorded],
    }
    PAIRS = lambda cases: [(client, mock) for client in cases for mock in cases[client]]

    @pytest.mark.parametrize("client, mock", PAIRS(MOCKS))
    def test_answered(client, mock, tmp_path):
        with mock(URL % PROD, tmp_path):
            assert SEND[client](URL % PROD) == MOCKED

    @pytest.mark.parametrize("client, mock", PAIRS(LEAKS))
    def test_let_through(client, mock, tmp_path, plane_blocked_writes):
        with mock(URL % PROD, tmp_path), pytest.raises(PlaneWriteBlocked):
            SEND[client](URL % PROD)

    @pytest.mark.parametrize("client, mock", PAIRS(LEAKS))
    def test_sandbox(client, mock, tmp_path, plane_sandbox_writes):
        with mock(URL % SANDBOX, tmp_path):
            assert SEND[client](URL % SANDBOX) == 201

    def test_a_proof_is_neither_answered_nor_recorded_by_a_mock(tmp_path, plane_sandbox_writes):
        url = URL.replace("labels/", "work-items/{item}/comments/").format(item=os.environ["PLANE_ITEM"]) % SANDBOX
        for client, cases in LEAKS.items():
            for mock in cases:
                with mock(url, tmp_path):
                    assert SEND[client](url) == 201
        assert "GET" not in (tmp_path / "recorded.yaml").read_text()
"""
MOCKS_FIRST = """
    import sys
    import aiohttp, aioresponses, httpx2, vcr, vcr.patch, vcr.stubs.aiohttp_stubs
    assert not hasattr(aiohttp.BaseConnector.connect, "__plane_guard_original__")
    import pytest
    sys.exit(pytest.main(["-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]))
"""
LET_THROUGH = 6


@pytest.mark.parametrize("first", ["guard", "mocks"])
def test_no_mocked_write_is_judged_and_no_real_one_leaks(plane: FakePlane, child: Child, first: str) -> None:
    child.write("test_project.py", TESTS)
    item = {"PLANE_ITEM": plane.sandbox.items["SBX-1"]}
    if first == "guard":
        result = child.pytest("-W", "error", **item)
    else:
        result = child.run([sys.executable, str(child.write("mocks_first.py", MOCKS_FIRST))], **item)

    assert result.returncode == 0, result.stdout
    assert plane.changes_of(plane.prod.id) == []
    assert Counter((row.outcome, row.target, row.expected) for row in child.decisions()) == {
        ("block", "prod", True): LET_THROUGH,
        ("allow", "sandbox", False): 2 * LET_THROUGH,
    }
    assert len(plane.writes) == 2 * LET_THROUGH

"""The mock that a refusal offers, pasted as it stands, answers the call that was refused: for every client."""

from __future__ import annotations

import asyncio
import http.client
import re
import textwrap
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from plane_guard import PlaneWriteBlocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane

    Call = Callable[[str], int]

BODY = b'{"name": "renamed"}'


@pytest.fixture
def url(plane: FakePlane) -> str:
    return f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items/{plane.prod.items['ORCH-114']}/"


def _httpx_async(url: str) -> int:
    async def main() -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.patch(url, content=BODY)).status_code

    return asyncio.run(main())


def _aiohttp(url: str) -> int:
    async def main() -> int:
        async with aiohttp.ClientSession() as session, session.patch(url, data=BODY) as reply:
            return reply.status

    return asyncio.run(main())


def _urllib3(url: str) -> int:
    with urllib3.PoolManager(retries=False) as pools:
        return int(pools.request("PATCH", url, body=BODY).status)


def _urllib(url: str) -> int:
    request = urllib.request.Request(url, BODY, method="PATCH")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        return int(reply.status)


def _http_client(url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("PATCH", parts.path, BODY)
    status = connection.getresponse().status
    connection.close()
    return status


# The client's call, and which of the blocks of the advice is for it.
CALLS: dict[str, tuple[Call, str]] = {
    "httpx": (lambda url: httpx.patch(url, content=BODY, trust_env=False).status_code, "respx"),
    "httpx, async": (_httpx_async, "respx"),
    "requests": (lambda url: requests.patch(url, data=BODY, timeout=10).status_code, "responses"),
    "urllib3": (_urllib3, "pook"),
    "urllib.request": (_urllib, "pook"),
    "http.client": (_http_client, "pook"),
    "aiohttp": (_aiohttp, "mock"),
}


def offered(refusal: BaseException) -> str:
    """The code in the refusal's text."""
    below = str(refusal).partition("is never judged):\n")[2]
    return textwrap.dedent("\n".join(line for line in below.splitlines() if line.startswith("  ")))


def block(code: str, library: str) -> str:
    """The part of the code that starts with the import of a library, and ends before the next import."""
    lines = code.splitlines()
    starts = [at for at, line in enumerate(lines) if re.match(r"import |from ", line)]
    [start] = [at for at in starts if lines[at].endswith(library)]
    return "\n".join(lines[start : next((at for at in starts if at > start), None)])


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize(("call", "library"), CALLS.values(), ids=CALLS.keys())
def test_the_mock_of_a_refusal_answers_the_call(call: Call, library: str, url: str, plane: FakePlane) -> None:
    with pytest.raises(PlaneWriteBlocked) as refusal:
        call(url)

    code = block(offered(refusal.value), library).replace("...  # the call", "answers.append(call(url))")
    answers: list[int] = []
    exec(code, {"call": call, "url": url, "answers": answers})

    assert (answers, plane.writes) == ([200], [])


@pytest.mark.usefixtures("plane_blocked_writes")
def test_the_transport_for_httpx_answers_the_call(url: str) -> None:
    with pytest.raises(PlaneWriteBlocked) as refusal:
        httpx.patch(url, content=BODY, trust_env=False)

    transport = offered(refusal.value).rpartition("transport=")[2]
    with httpx.Client(transport=eval(transport)) as client:
        assert client.patch(url, content=BODY).status_code == 200


@pytest.mark.usefixtures("plane_blocked_writes")
def test_the_transport_for_httpx2_answers_the_call(url: str) -> None:
    with pytest.raises(PlaneWriteBlocked) as refusal, httpx2.Client(trust_env=False) as real:
        real.patch(url, content=BODY)

    names: dict[str, httpx2.Client] = {}
    exec(offered(refusal.value), names)
    with names["client"] as client:
        assert client.patch(url, content=BODY).status_code == 200

"""What is peculiar to httpx2: its new methods, and that it can stand in for httpx."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from httpx2.websockets import WebSocketUpgradeError

from plane_guard import PlaneWriteBlocked
from tests.instrumentation.clients.senders import decisions

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

ALIASED = """
    import sys
    {first}
    import httpx2
    httpx2.alias_httpx()
    {then}
    import httpcore, httpx
    assert httpx is httpx2
    import os, plane_guard
    options = dict(json={{"name": "x"}}, headers={{"X-API-Key": os.environ["PLANE_API_TOKEN"]}}, verify=False)
    url = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/{{}}/labels/"
    os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
    assert httpx.post(url.format(os.environ["PLANE_SANDBOX"]), **options).status_code == 201
    try:
        httpx.post(url.format(os.environ["PLANE_PROJECT"]), **options)
    except plane_guard.PlaneWriteBlocked:
        print("blocked")
"""
GUARD = "import plane_guard_instrumentation.startup.installation as boot; import pytest; boot.enforce()"


@pytest.fixture
def prod(plane: FakePlane) -> str:
    return f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/"


async def _async_query(url: str) -> None:
    async with httpx2.AsyncClient(verify=False) as client:
        await client.query(url, json={"name": "x"})


async def _async_sse(url: str) -> None:
    async with httpx2.AsyncClient(verify=False) as client, client.sse(url, method="POST", json={"name": "x"}):
        pass


def _sse(url: str) -> None:
    with httpx2.Client(verify=False) as client, client.sse(url, method="POST", json={"name": "x"}):
        pass


WRITES: dict[str, Any] = {
    "query": lambda url: httpx2.query(url, json={"name": "x"}, verify=False),
    "async query": lambda url: asyncio.run(_async_query(url)),
    "sse": _sse,
    "async sse": lambda url: asyncio.run(_async_sse(url)),
}


@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize("how", WRITES)
def test_a_new_method_that_is_not_a_read_is_blocked(
    plane: FakePlane, prod: str, how: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(PlaneWriteBlocked):
        WRITES[how](prod)

    assert [(row.layer, row.target) for row in decisions(request)] == [("httpx2", "prod")]
    assert plane.requests == []


async def _async_websocket(url: str) -> None:
    async with httpx2.AsyncClient(verify=False) as client, client.websocket(url):
        pass


def _websocket(url: str) -> None:
    with httpx2.Client(verify=False) as client, client.websocket(url):
        pass


@pytest.mark.parametrize("connect", [_websocket, lambda url: asyncio.run(_async_websocket(url))], ids=["sync", "async"])
def test_a_websocket_is_opened_by_a_read_through_the_pool(plane: FakePlane, prod: str, connect: Any) -> None:
    with pytest.raises(WebSocketUpgradeError):
        connect(prod.replace("http://", "ws://"))

    assert [request.method for request in plane.requests] == ["GET"]


@pytest.mark.parametrize(("first", "then"), [(GUARD, ""), ("", GUARD)], ids=["guard first", "alias first"])
def test_standing_in_for_httpx_it_is_judged_once(plane: FakePlane, child: Child, first: str, then: str) -> None:
    result = child.python(ALIASED.format(first=first, then=then))

    assert result.stdout == "blocked\n", result.stderr
    assert [row.outcome for row in child.decisions()] == ["allow", "block"]
    assert [write.target.split("/")[6] for write in plane.writes] == [plane.sandbox.id]

"""On a sandbox path, an object that the server would not check itself is proven to be in the sandbox, or refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from plane_guard import PlaneWriteBlocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane

    Send = Callable[..., httpx.Response]

pytestmark = pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")


def _sync(plane: FakePlane, path: str, **options: object) -> httpx.Response:
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=plane.url, headers={"X-API-Key": plane.token}, limits=limits) as client:
        return client.post(f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/{path}", **options)  # type: ignore[arg-type]


def _async(plane: FakePlane, path: str, **options: object) -> httpx.Response:
    async def send() -> httpx.Response:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(base_url=plane.url, headers={"X-API-Key": plane.token}, limits=limits) as client:
            return await client.post(f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/{path}", **options)  # type: ignore[arg-type]

    return asyncio.run(send())


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Send:
    sender: Send = request.param
    return sender


@pytest.fixture(autouse=True)
def forget() -> None:
    from plane_guard_instrumentation.enforcement import ownership

    ownership._proven.clear()


def test_a_comment_on_a_sandbox_item_gets_through_after_one_proof(plane: FakePlane, send: Send) -> None:
    item = plane.sandbox.items["SBX-1"]
    for _ in range(2):
        assert send(plane, f"work-items/{item}/comments/", json={"comment_html": "hello"}).status_code == 201

    assert [request.method for request in plane.requests] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("path", ["work-items/{}/comments/", "work-items/{}/links/", "work-items/{}/relations/"])
def test_a_production_item_under_the_sandbox_path_is_refused(plane: FakePlane, send: Send, path: str) -> None:
    with pytest.raises(PlaneWriteBlocked, match="foreign-reference") as refusal:
        send(plane, path.format(plane.prod.items["ORCH-114"]), json={"comment_html": "x", "url": "https://example.org"})

    assert "HTTP 404" in str(refusal.value)
    assert plane.changes == []


@pytest.mark.parametrize(
    "spelling", [str, str.upper, lambda text: text.replace("-", ""), lambda text: f"urn:uuid:{text}"]
)
def test_production_items_in_a_body_are_refused_in_every_spelling(
    plane: FakePlane, send: Send, spelling: Callable[[str], str]
) -> None:
    cycle = plane.sandbox.ids("cycles")["Cycle 1"]
    for body in (
        {"json": {"issues": [plane.sandbox.items["SBX-1"], spelling(plane.prod.items["ORCH-114"])]}},
        {"data": {"issues": spelling(plane.prod.items["ORCH-114"])}},
        {"content": b'{"issues":["%s"],"issues":[]}' % spelling(plane.prod.items["ORCH-114"]).encode()},
    ):
        with pytest.raises(PlaneWriteBlocked, match="foreign-reference"):
            send(plane, f"cycles/{cycle}/cycle-issues/", **body)

    assert plane.changes == []


def test_sandbox_items_in_a_body_get_through(plane: FakePlane, send: Send) -> None:
    cycle = plane.sandbox.ids("cycles")["Cycle 1"]
    body = {"issues": [plane.sandbox.items["SBX-1"], plane.sandbox.items["SBX-3"].upper()]}

    assert send(plane, f"cycles/{cycle}/cycle-issues/", json=body).status_code == 200


def test_a_body_that_cannot_be_read_is_refused_where_it_matters(plane: FakePlane) -> None:
    cycle = plane.sandbox.ids("cycles")["Cycle 1"]
    with pytest.raises(PlaneWriteBlocked, match="the body cannot be read"):
        _sync(plane, f"cycles/{cycle}/cycle-issues/", content=iter([b'{"issues":', b"[]}"]))

    assert plane.writes == []


def test_a_proof_waits_once_for_a_short_rate_limit(plane: FakePlane, send: Send) -> None:
    plane.faults = replace(plane.faults, limited=1, retry_after="1")

    assert send(plane, f"work-items/{plane.sandbox.items['SBX-1']}/comments/", json={"comment_html": "x"}).is_success


@pytest.mark.parametrize("faults", [{"limited": 9, "retry_after": "1"}, {"limited": 1, "retry_after": "60"}])
def test_a_proof_that_stays_rate_limited_is_a_refusal_that_says_so(plane: FakePlane, faults: dict[str, object]) -> None:
    plane.faults = replace(plane.faults, **faults)  # type: ignore[arg-type]
    with pytest.raises(PlaneWriteBlocked, match="HTTP 429"):
        _sync(plane, f"work-items/{plane.sandbox.items['SBX-1']}/comments/", json={"comment_html": "x"})

    assert plane.writes == []


def test_a_proof_follows_no_redirect(plane: FakePlane) -> None:
    plane.faults = replace(plane.faults, redirect_to="http://127.0.0.1:9")
    with pytest.raises(PlaneWriteBlocked, match="HTTP 307"):
        _sync(plane, f"work-items/{plane.sandbox.items['SBX-1']}/comments/", json={"comment_html": "x"})


def test_a_proof_of_one_credential_proves_nothing_for_another(plane: FakePlane) -> None:
    path = f"{plane.url}/api/v1/workspaces/acme/projects/{plane.sandbox.id}/work-items/{plane.sandbox.items['SBX-1']}"
    httpx.post(f"{path}/comments/", json={"comment_html": "x"}, headers={"X-API-Key": plane.token})
    with pytest.raises(PlaneWriteBlocked, match="HTTP 403"):
        httpx.post(f"{path}/comments/", json={"comment_html": "x"}, headers={"X-API-Key": "plane_api_other"})

"""Plane writes through proxies, tunnels and TLS: judged by where they end, and proven on the way that they take."""

from __future__ import annotations

import http.client
import ssl
import urllib.request
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trustme
import urllib3

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.enforcement import ownership
from tests.instrumentation.clients import relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane

    Post = Callable[[str, str, dict[str, str]], int]

BODY = b'{"comment_html": "x"}'


class Way:
    """One way to the fake server: the origin that clients name, a proxy, the certificate to trust."""

    def __init__(self, origin: str, proxy: str, authority: str) -> None:
        self.origin, self.proxy, self.authority = origin, proxy, authority

    @property
    def proxies(self) -> dict[str, str]:
        return {"http": self.proxy, "https": self.proxy} if self.proxy else {}

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)


def _requests(way: Way, path: str, headers: dict[str, str]) -> int:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies, session.verify = way.proxies, way.authority
        return session.post(way.origin + path, data=BODY, headers=headers, timeout=10).status_code


def _requests_without_verification(way: Way, path: str, headers: dict[str, str]) -> int:
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        session.trust_env = False
        session.proxies, session.verify = way.proxies, False
        return session.post(way.origin + path, data=BODY, headers=headers, timeout=10).status_code


def _urllib3(way: Way, path: str, headers: dict[str, str]) -> int:
    options: dict[str, Any] = {"ssl_context": way.context, "maxsize": 1, "block": True, "retries": False}
    pools = urllib3.ProxyManager(way.proxy, **options) if way.proxy else urllib3.PoolManager(**options)
    with pools:
        return pools.request("POST", way.origin + path, body=BODY, headers=headers).status


def _urllib(way: Way, path: str, headers: dict[str, str]) -> int:
    handlers = urllib.request.ProxyHandler(way.proxies), urllib.request.HTTPSHandler(context=way.context)
    request = urllib.request.Request(way.origin + path, BODY, {**headers, "Content-Type": "application/json"})
    with urllib.request.build_opener(*handlers).open(request, timeout=10) as response:
        return int(response.status)


def _http_client(way: Way, path: str, headers: dict[str, str]) -> int:
    scheme, _, there = way.origin.partition("://")
    here = way.proxy.removeprefix("http://") or there
    connection = (
        http.client.HTTPSConnection(here, timeout=10, context=way.context)
        if scheme == "https"
        else http.client.HTTPConnection(here, timeout=10)
    )
    if way.proxy:
        connection.set_tunnel(there)
    try:
        connection.request("POST", path, BODY, headers)
        return connection.getresponse().status
    finally:
        connection.close()


CLIENTS = [_requests, _requests_without_verification, _urllib3, _urllib, _http_client]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def asked() -> list[bytes]:
    return []


@pytest.fixture(params=["plain", "proxy", "TLS", "TLS in a tunnel"])
def way(
    request: pytest.FixtureRequest, plane: FakePlane, authority: trustme.CA, tmp_path: Path, asked: list[bytes]
) -> Iterator[Way]:
    certificate = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(certificate))
    with ExitStack() as stack:
        origin, proxy = plane.url, ""
        if "TLS" in request.param:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            origin = f"https://127.0.0.1:{stack.enter_context(relay.tls_front(plane.port, context))}"
        if request.param in {"proxy", "TLS in a tunnel"}:
            proxy = stack.enter_context(relay.proxy(asked))
        yield Way(origin, proxy, str(certificate))


@pytest.fixture(autouse=True)
def forget() -> None:
    ownership._proven.clear()


@pytest.mark.parametrize("post", CLIENTS, ids=lambda client: client.__name__.strip("_"))
@pytest.mark.usefixtures("plane_sandbox_writes")
def test_every_way_is_judged_by_its_end_and_carries_its_own_proof(
    plane: FakePlane, way: Way, post: Post, plane_blocked_writes: list[PlaneWriteBlocked], asked: list[bytes]
) -> None:
    headers = {"X-API-Key": plane.token, "Content-Type": "application/json"}
    below = "/api/v1/workspaces/acme/projects/{}/work-items/{}/comments/"
    prod, foreign, sandbox = (
        below.format(project, item)
        for project, item in (
            (plane.prod.id, plane.prod.items["ORCH-114"]),
            (plane.sandbox.id, plane.prod.items["ORCH-114"]),
            (plane.sandbox.id, plane.sandbox.items["SBX-1"]),
        )
    )
    with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
        post(way, prod, headers)  # type: ignore[arg-type]
    with pytest.raises(PlaneWriteBlocked, match="HTTP 404"):
        post(way, foreign, headers)  # type: ignore[arg-type]
    assert post(way, sandbox, headers) == 201  # type: ignore[arg-type]

    # The item that is not in the sandbox could be archived there, so its activity is asked for, too.
    assert [request.method for request in plane.requests] == ["GET", "GET", "GET", "POST"]
    assert plane.changes_of(plane.prod.id) == []
    assert bool(way.proxy) == bool(asked)
    assert {refusal.write.server_port for refusal in plane_blocked_writes} == {int(way.origin.rpartition(":")[2])}

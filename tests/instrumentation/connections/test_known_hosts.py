"""Known Plane hosts: what a request has asked for may connect, and nothing else, port by port."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from plane_guard import DEFAULT_HOSTS, process
from plane_guard_instrumentation.connections import known_hosts, libcurl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard import Settings
    from tests.harness import Child
    from tests.instrumentation.connections.counting_servers import RequestCounts

REASON = """
    def reason(call):
        try:
            return call()
        except BaseException as error:
            while error is not None and not hasattr(error, "decision"):
                error = error.__cause__ or error.__context__
            return error and str(error.decision.reason)
"""


def outcomes(child: Child, code: str) -> list[object]:
    child.write("run.py", "from uninspected_clients import *\n")
    text = "    from uninspected_clients import *\n" + REASON + code
    child.write("run.py", text)
    result = child.run([sys.executable, "run.py"])
    assert result.returncode == 0, result.stderr
    found: list[object] = json.loads(result.stdout.splitlines()[-1])
    return found


PROD = "/api/v1/workspaces/acme/projects/4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34/labels/"


def test_a_connection_that_no_request_asked_for_carries_requests_and_nothing_else(
    request_counts: RequestCounts, guarded_child: Child
) -> None:
    code = f"""
    import http.client
    def connected():
        connection = http.client.HTTPConnection(HOST, PLAIN, timeout=5)
        connection.connect()
        return connection
    def read():
        connection = connected()
        connection.request("GET", "/read")
        return connection.getresponse().status
    print(json.dumps([
        reason(read),
        reason(lambda: connected().request("POST", "{PROD}", b"{{}}")),
        reason(lambda: connected().sock.sendall(request("rogue"))),
        reason(lambda: connected().sock.makefile("wb")),
        reason(lambda: connected().sock.detach()),
        reason(lambda: connected().send(request("by-send"))),
    ]))
    """

    assert outcomes(guarded_child, code) == [200, "opt-in-disabled", *["unguarded-client"] * 3, None]
    assert request_counts == {"read": 1, "by-send": 1}


def test_a_websocket_to_a_plane_host_is_refused(request_counts: RequestCounts, guarded_child: Child) -> None:
    code = """
    import httpx2
    async def by_aiohttp(host):
        async with aiohttp.ClientSession() as session:
            await session.ws_connect(f"http://{host}:{PLAIN}/websocket")
    def by_http_client(host):
        connection = http.client.HTTPConnection(host, PLAIN)
        connection.request("GET", "/upgrade", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    def by_httpx(host):
        httpx.get(f"http://{host}:{PLAIN}/upgrade", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    import http.client
    clients = [lambda host: asyncio.run(by_aiohttp(host)), by_http_client, by_httpx]
    print(json.dumps([[reason(lambda: client(host)) for client in clients] for host in (HOST, "127.0.0.1")]))
    """

    assert outcomes(guarded_child, code) == [["unguarded-client"] * 3, [None] * 3]


class Redirecting(BaseHTTPRequestHandler):
    """Redirects each POST to the URL that the server was given."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(307)
        self.send_header("Location", self.server.location)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has
        """Keep quiet."""


@pytest.fixture
def redirecting(request_counts: RequestCounts) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        server.location = f"http://localhost:{request_counts.environment['TEST_SERVER_PLAIN']}/redirected"  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_libcurl_follows_no_redirect_to_a_plane_host(
    request_counts: RequestCounts, guarded_child: Child, redirecting: int
) -> None:
    code = f"""
    URL = "http://127.0.0.1:{redirecting}/"
    def by_pycurl():
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, URL)
        handle.setopt(pycurl.CONNECT_TO, ["other.invalid::127.0.0.1:9"])
        handle.setopt(pycurl.FOLLOWLOCATION, 1)
        handle.setopt(pycurl.POSTFIELDS, "x")
        handle.perform()
    async def by_curl_cffi():
        async with curl_cffi.AsyncSession() as session:
            await session.post(URL, data=b"x")
    async def by_tornado():
        client = tornado.curl_httpclient.CurlAsyncHTTPClient(force_instance=True)
        try:
            await client.fetch(URL, method="POST", body=b"x")
        except Exception as error:
            return "plane-guard" in str(error)
    print(json.dumps([
        reason(by_pycurl), reason(lambda: curl_cffi.post(URL, data=b"x")), reason(lambda: asyncio.run(by_curl_cffi())),
        asyncio.run(by_tornado()),
    ]))
    """

    assert outcomes(guarded_child, code) == ["unguarded-client"] * 3 + [True]
    assert request_counts == {}
    assert len(guarded_child.decisions()) == 4


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Plane server on port 8000 of this machine, whose other ports belong to others."""
    before: Settings = process.fixed()
    hosts = before.hosts | {"localhost:8000"}
    monkeypatch.setattr(process._State, "fixed", before._replace(hosts=hosts))
    known_hosts._resolved.names.clear()


@pytest.mark.usefixtures("listed")
def test_a_port_that_is_listed_closes_no_other_port() -> None:
    assert known_hosts.plane_host("localhost", 8000) == "localhost"
    assert known_hosts.plane_host(b"LOCALHOST.", "8000") == "localhost"
    assert known_hosts.plane_host("localhost", 6379) == ""
    assert known_hosts.plane_host("localhost") == ""
    assert "localhost:8000:127.0.0.1:1" in libcurl._diversions()


@pytest.mark.usefixtures("listed")
def test_an_address_that_was_looked_up_without_its_port_is_known_by_its_name() -> None:
    assert known_hosts.plane_host("127.0.0.1", 8000) == ""
    known_hosts.note_lookup(b"localhost", None)

    assert known_hosts.plane_host("127.0.0.1", 8000) == "localhost"
    assert known_hosts.plane_host("127.0.0.1", 6379) == ""


def test_a_lookup_of_a_host_without_a_listed_port_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Earlier tests of this process may have taught it the host.
    monkeypatch.setattr(process._State, "fixed", process.fixed()._replace(hosts=DEFAULT_HOSTS))
    known_hosts._resolved.names.clear()
    known_hosts.note_lookup("localhost", None)

    assert known_hosts._resolved.names == {}

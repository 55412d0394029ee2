"""A host that received a Plane-shaped request is a Plane host: clients that cannot be inspected may not connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

READERS = {
    "httpx": "import httpx; httpx.get(URL)",
    "httpx2": "import httpx2; httpx2.get(URL)",
    "httpx async": "import httpx; asyncio.run(fetch(httpx.AsyncClient()))",
    "http.client": "fetch_with_http_client()",
    "requests": "import requests; requests.get(URL)",
    "aiohttp": "asyncio.run(fetch_with_aiohttp())",
}
CASE = """
    import asyncio, os, socket, subprocess, sys
    import pytest
    from plane_guard import PlaneWriteBlocked, process

    BASE = os.environ["SERVER"]
    HOST, PORT = "127.0.0.1", int(BASE.rpartition(":")[2])
    URL = f"{BASE}/api/v1/workspaces/acme/projects/"

    async def fetch(client):
        async with client:
            await client.get(URL)

    async def fetch_with_aiohttp():
        import aiohttp
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            await response.read()

    def fetch_with_http_client():
        import http.client
        connection = http.client.HTTPConnection(HOST, PORT, timeout=10)
        connection.request("GET", URL.removeprefix(BASE))
        connection.getresponse().read()
        connection.close()

    def connect():
        socket.create_connection((HOST, PORT), timeout=5).close()
"""


def run(child: Child, body: str) -> subprocess.CompletedProcess[str]:
    child.write("test_it.py", CASE)
    with (child.folder / "test_it.py").open("a", encoding="utf-8") as file:
        file.write(body)
    server = child.environment["PLANE_API_URL"]
    return child.pytest("-x", SERVER=server, PLANE_API_URL="")


def assert_passes(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_a_read_teaches_that_its_host_and_port_are_plane_s(child: Child, reader: str) -> None:
    assert_passes(
        run(
            child,
            f"""
def test_it():
    connect()
    {reader}
    with pytest.raises(PlaneWriteBlocked, match="unguarded|cannot inspect|may not connect"):
        connect()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, 1), timeout=5)
    {reader}
""",
        )
    )
    (decision,) = child.decisions()
    assert (decision.reason, decision.server_port) == ("unguarded-client", int(child.environment["PLANE_API_URL"][-5:]))


def test_a_request_that_is_not_plane_shaped_teaches_nothing(child: Child) -> None:
    assert_passes(
        run(
            child,
            """
def test_it():
    import httpx, requests
    for path in ("/", "/api/users/me/", "/api/v1/workspaces", "/search?q=/api/workspaces/acme/"):
        httpx.get(BASE + path)
        requests.get(BASE + path)
    connect()
""",
        )
    )
    assert child.decisions() == []


def test_libcurl_may_not_open_a_plane_shaped_url_on_any_host(child: Child) -> None:
    assert_passes(
        run(
            child,
            """
def test_it():
    import pycurl
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, BASE + "/elsewhere/")
    with pytest.raises(PlaneWriteBlocked):
        curl.setopt(pycurl.URL, URL)
    with pytest.raises(PlaneWriteBlocked):
        connect()
""",
        )
    )


def test_children_that_start_later_know_the_learned_hosts(child: Child) -> None:
    assert_passes(
        run(
            child,
            """
CODE = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"

def start():
    command = [sys.executable, "-c", CODE, HOST, str(PORT)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)

def test_it():
    import httpx
    assert start().returncode == 0
    httpx.get(URL)
    refused = start()
    assert refused.returncode != 0
    assert "PlaneWriteBlocked" in refused.stderr
""",
        )
    )


def test_a_live_process_learns_nothing(child: Child) -> None:
    code = """
        import os
        import httpx
        from plane_guard import process
        from plane_guard_instrumentation import instrument
        instrument()
        before = process.fixed().hosts
        httpx.get(os.environ["SERVER"] + "/api/v1/workspaces/acme/projects/")
        assert process.fixed().hosts == before, process.fixed().hosts
    """
    result = child.python(code, SERVER=child.environment["PLANE_API_URL"], PLANE_API_URL="")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_variable_of_a_plane_client_closes_its_host_and_port(child: Child) -> None:
    child.write("test_it.py", CASE)
    with (child.folder / "test_it.py").open("a", encoding="utf-8") as file:
        file.write("""
def test_it():
    with pytest.raises(PlaneWriteBlocked):
        connect()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, 1), timeout=5)
""")
    server = child.environment["PLANE_API_URL"]
    assert_passes(child.pytest("-x", SERVER=server, PLANE_BASE_URL=server, PLANE_API_URL=""))


def test_under_gevent_another_port_of_a_listed_host_is_looked_up_once(child: Child, plane: FakePlane) -> None:
    result = child.python(
        """
        from gevent import monkey; monkey.patch_all()
        import faulthandler, os, socket, _thread
        faulthandler.dump_traceback_later(20, exit=True)
        socket.create_connection(("127.0.0.1", int(os.environ["PORT"]))).close()
        print("connected", _thread._count() < 5)
        """,
        PLANE_GUARD_TEST_PROCESS="1",
        PLANE_GUARD_HOSTS="127.0.0.1:1",
        PLANE_API_URL="",
        PORT=str(plane.port),
    )
    assert "connected True" in result.stdout, result.stdout + result.stderr

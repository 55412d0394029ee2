"""aiohttp and httpx2 may open connections to known Plane hosts, where a client that is not patched may not."""

from __future__ import annotations

import asyncio
import socket
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import uvloop

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.enforcement import request_scope
from tests.instrumentation.clients.senders import SENDERS, Ask

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane

HOST = "api.plane.so"
LOOPS = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of Plane hosts lead to this machine, for every client that asks Python."""
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host in {HOST, HOST.encode()} else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


# libuv asks the system itself, so that its lookups cannot be led anywhere.
@pytest.mark.usefixtures("on_loopback")
@pytest.mark.parametrize("client", [name for name in SENDERS if "uvloop" not in name])
def test_a_guarded_client_reads_from_a_plane_host(plane: FakePlane, client: str) -> None:
    url = f"http://{HOST}:{plane.port}/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/"

    assert [reply.status for reply in SENDERS[client](Ask("GET", url, None, {"X-API-Key": plane.token}))] == [200]


class _Loopback(aiohttp.abc.AbstractResolver):
    """Leads every name to a port of this machine, by two addresses of which the first does not answer."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[Any]:
        return [
            aiohttp.abc.ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
            for address, port in (("127.0.0.2", self._port), ("127.0.0.1", self._port))
        ]

    async def close(self) -> None:
        pass


@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize("url", [f"https://{HOST}/", "https://127.0.0.1/"], ids=["by name", "by address"])
@pytest.mark.parametrize("loop", LOOPS)
def test_aiohttp_may_start_tls_with_a_plane_host_and_a_bare_connection_may_not(loop: str, url: str) -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=_Loopback(port))) as session:
            with pytest.raises(aiohttp.ClientOSError):
                await session.get(url.replace("127.0.0.1", f"127.0.0.1:{port}"), server_hostname=HOST)
            with pytest.raises(PlaneWriteBlocked, match="unguarded-client"):
                await asyncio.open_connection("127.0.0.1", port, ssl=True, server_hostname=HOST)

    LOOPS[loop](main())


async def _waiting() -> None:
    with request_scope.connecting():
        await asyncio.sleep(0)


def test_a_request_that_is_abandoned_in_another_context_ends_quietly() -> None:
    request = _waiting()
    copy_context().run(request.send, None)
    request.close()

    assert not request_scope.is_connecting()

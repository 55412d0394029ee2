"""What changes after it was judged is not sent, by http.client and what is built on it, and by aiohttp."""

from __future__ import annotations

import asyncio
import http.client
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import requests
import urllib3

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import patches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentation.enforcement.proven_write import Change, ProvenWrite

pytestmark = pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")


def _http_client(proven_write: ProvenWrite, body: bytearray) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proven_write.plane.port, timeout=10)
    connection.request("POST", proven_write.path, body, proven_write.headers)
    connection.getresponse().read()
    connection.close()


def _requests(proven_write: ProvenWrite, body: Any) -> None:
    requests.post(proven_write.plane.url + proven_write.path, data=body, headers=proven_write.headers, timeout=10)


def _urllib3(proven_write: ProvenWrite, body: Any) -> None:
    with urllib3.PoolManager() as pools:
        pools.request("POST", proven_write.plane.url + proven_write.path, body=body, headers=proven_write.headers)


@pytest.mark.parametrize("send", [_http_client, _requests, _urllib3])
def test_a_mutable_body_of_http_client(
    proven_write: ProvenWrite, send: Callable[[ProvenWrite, bytearray], None]
) -> None:
    body = bytearray(proven_write.body)
    proven_write.while_it_is_proven(lambda: body.__setitem__(slice(None), proven_write.other))
    send(proven_write, body)

    assert proven_write.arrived_as_judged()


class TestHttpClient:
    def test_a_second_request_behind_the_head(self, proven_write: ProvenWrite) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proven_write.plane.port, timeout=10)
        smuggled = [b"", b"", f"POST {proven_write.prod} HTTP/1.1".encode(), b"Host: x", b"Content-Length: 0"]
        smuggled.append(f"X-API-Key: {proven_write.plane.token}".encode())
        proven_write.while_it_is_proven(lambda: connection._buffer.extend(smuggled))  # type: ignore[attr-defined]
        with pytest.raises(PlaneWriteBlocked):
            connection.request("POST", proven_write.path, proven_write.body, proven_write.headers)
        connection.close()

        assert proven_write.plane.writes == []

    def test_the_server_that_it_goes_to(self, proven_write: ProvenWrite) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proven_write.plane.port, timeout=10)
        proven_write.while_it_is_proven(lambda: setattr(connection, "host", "localhost"))
        with pytest.raises(PlaneWriteBlocked):
            connection.request("POST", proven_write.path, proven_write.body, proven_write.headers)

        assert proven_write.plane.writes == []

    def test_bytes_that_are_sent_as_they_are(self, proven_write: ProvenWrite) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proven_write.plane.port, timeout=10)
        item = proven_write.plane.sandbox.items["SBX-1"]
        path = f"/api/v1/workspaces/acme/projects/{proven_write.plane.sandbox.id}/work-items/{item}/comments/"
        fields = proven_write.headers | {"Content-Length": "2"}
        head = "POST {} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n{{}}"
        data = bytearray(head.format(path), "ascii")
        proven_write.while_it_is_proven(lambda: data.__setitem__(slice(None), head.format(proven_write.prod).encode()))
        connection.send(data)
        connection.sock.recv(65_536)
        connection.close()

        assert proven_write.arrived_as_judged(path, b"{}")


def post_by_aiohttp(proven_write: ProvenWrite, path: str, body: Any, trace: Change, *middlewares: Any) -> None:
    async def on_headers_sent(*_: object) -> None:
        trace()

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(on_headers_sent)

    async def main() -> None:
        async with aiohttp.ClientSession(
            headers=proven_write.headers, trace_configs=[config], middlewares=middlewares
        ) as session:
            await session.post(proven_write.plane.url + path, data=body)

    asyncio.run(main())


class TestAiohttp:
    def test_a_mutable_body_while_it_is_proven(self, proven_write: ProvenWrite) -> None:
        body = bytearray(proven_write.body)
        proven_write.while_it_is_proven(lambda: body.__setitem__(slice(None), proven_write.other))
        with pytest.raises(PlaneWriteBlocked):
            post_by_aiohttp(proven_write, proven_write.path, body, lambda: None)

        assert proven_write.plane.writes == []

    def test_a_mutable_body_behind_the_head(self, proven_write: ProvenWrite) -> None:
        body = bytearray(proven_write.body)
        post_by_aiohttp(
            proven_write, proven_write.path, body, lambda: body.__setitem__(slice(None), proven_write.other)
        )

        assert proven_write.arrived_as_judged()

    def test_another_body_behind_the_head(self, proven_write: ProvenWrite) -> None:
        seen: list[Any] = []

        async def remember(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            seen.append(request)
            return await handler(request)

        other = aiohttp.payload.BytesPayload(proven_write.other)
        post_by_aiohttp(
            proven_write, proven_write.path, proven_write.body, lambda: setattr(seen[0], "_body", other), remember
        )

        assert proven_write.arrived_as_judged()

    def test_a_wrapper_between_two_shells(self, proven_write: ProvenWrite, monkeypatch: pytest.MonkeyPatch) -> None:
        shell = aiohttp.ClientRequest.send

        def changing(request: aiohttp.ClientRequest, connection: Any, shell: Any = shell) -> Any:
            if request.method == "POST":
                request.url = request.url.with_path(proven_write.prod)
            return shell(request, connection)

        monkeypatch.setattr(aiohttp.ClientRequest, "send", changing)
        patches.verify()
        with pytest.raises(PlaneWriteBlocked):
            post_by_aiohttp(proven_write, proven_write.labels, b"{}", lambda: None)

        assert proven_write.plane.writes == []

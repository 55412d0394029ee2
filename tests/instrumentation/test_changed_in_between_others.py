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

    from tests.instrumentation.bystander import Change, Scene

pytestmark = pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")


def _http_client(scene: Scene, body: bytearray) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scene.plane.port, timeout=10)
    connection.request("POST", scene.path, body, scene.headers)
    connection.getresponse().read()
    connection.close()


def _requests(scene: Scene, body: Any) -> None:
    requests.post(scene.plane.url + scene.path, data=body, headers=scene.headers, timeout=10)


def _urllib3(scene: Scene, body: Any) -> None:
    with urllib3.PoolManager() as pools:
        pools.request("POST", scene.plane.url + scene.path, body=body, headers=scene.headers)


@pytest.mark.parametrize("send", [_http_client, _requests, _urllib3])
def test_a_mutable_body_of_http_client(scene: Scene, send: Callable[[Scene, bytearray], None]) -> None:
    body = bytearray(scene.body)
    scene.while_it_is_proven(lambda: body.__setitem__(slice(None), scene.other))
    send(scene, body)

    assert scene.arrived_as_judged()


class TestHttpClient:
    def test_a_second_request_behind_the_head(self, scene: Scene) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", scene.plane.port, timeout=10)
        smuggled = [b"", b"", f"POST {scene.prod} HTTP/1.1".encode(), b"Host: x", b"Content-Length: 0"]
        smuggled.append(f"X-API-Key: {scene.plane.token}".encode())
        scene.while_it_is_proven(lambda: connection._buffer.extend(smuggled))  # type: ignore[attr-defined]
        with pytest.raises(PlaneWriteBlocked):
            connection.request("POST", scene.path, scene.body, scene.headers)
        connection.close()

        assert scene.plane.writes == []

    def test_the_server_that_it_goes_to(self, scene: Scene) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", scene.plane.port, timeout=10)
        scene.while_it_is_proven(lambda: setattr(connection, "host", "localhost"))
        with pytest.raises(PlaneWriteBlocked):
            connection.request("POST", scene.path, scene.body, scene.headers)

        assert scene.plane.writes == []

    def test_bytes_that_are_sent_as_they_are(self, scene: Scene) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", scene.plane.port, timeout=10)
        item = scene.plane.sandbox.items["SBX-1"]
        path = f"/api/v1/workspaces/acme/projects/{scene.plane.sandbox.id}/work-items/{item}/comments/"
        fields = scene.headers | {"Content-Length": "2"}
        head = "POST {} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n{{}}"
        data = bytearray(head.format(path), "ascii")
        scene.while_it_is_proven(lambda: data.__setitem__(slice(None), head.format(scene.prod).encode()))
        connection.send(data)
        connection.sock.recv(65_536)
        connection.close()

        assert scene.arrived_as_judged(path, b"{}")


def post_by_aiohttp(scene: Scene, path: str, body: Any, trace: Change, *middlewares: Any) -> None:
    async def on_headers_sent(*_: object) -> None:
        trace()

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(on_headers_sent)

    async def main() -> None:
        async with aiohttp.ClientSession(
            headers=scene.headers, trace_configs=[config], middlewares=middlewares
        ) as session:
            await session.post(scene.plane.url + path, data=body)

    asyncio.run(main())


class TestAiohttp:
    def test_a_mutable_body_while_it_is_proven(self, scene: Scene) -> None:
        body = bytearray(scene.body)
        scene.while_it_is_proven(lambda: body.__setitem__(slice(None), scene.other))
        with pytest.raises(PlaneWriteBlocked):
            post_by_aiohttp(scene, scene.path, body, lambda: None)

        assert scene.plane.writes == []

    def test_a_mutable_body_behind_the_head(self, scene: Scene) -> None:
        body = bytearray(scene.body)
        post_by_aiohttp(scene, scene.path, body, lambda: body.__setitem__(slice(None), scene.other))

        assert scene.arrived_as_judged()

    def test_another_body_behind_the_head(self, scene: Scene) -> None:
        seen: list[Any] = []

        async def remember(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            seen.append(request)
            return await handler(request)

        other = aiohttp.payload.BytesPayload(scene.other)
        post_by_aiohttp(scene, scene.path, scene.body, lambda: setattr(seen[0], "_body", other), remember)

        assert scene.arrived_as_judged()

    def test_a_wrapper_between_two_shells(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        shell = aiohttp.ClientRequest.send

        def changing(request: aiohttp.ClientRequest, connection: Any, shell: Any = shell) -> Any:
            if request.method == "POST":
                request.url = request.url.with_path(scene.prod)
            return shell(request, connection)

        monkeypatch.setattr(aiohttp.ClientRequest, "send", changing)
        patches.verify()
        with pytest.raises(PlaneWriteBlocked):
            post_by_aiohttp(scene, scene.labels, b"{}", lambda: None)

        assert scene.plane.writes == []

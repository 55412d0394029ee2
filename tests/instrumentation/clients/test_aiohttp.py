"""What is peculiar to aiohttp: kinds of bodies, middlewares, connectors and request classes of one's own, proxies."""

from __future__ import annotations

import asyncio
import gc
import io
import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import aiohttp
import plane_py
import pytest
from aiohttp import web

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import patches
from plane_guard_instrumentation.enforcement import ownership
from plane_guard_instrumentation.testing import http_server
from tests.instrumentation.clients.senders import decisions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane

    Use = Callable[[aiohttp.ClientSession], Coroutine[Any, Any, Any]]

JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.usefixtures("plane_blocked_writes", "plane_sandbox_writes")


@pytest.fixture(autouse=True)
def forget() -> None:
    ownership._proven.clear()


@pytest.fixture(autouse=True, scope="module")
def nothing_left_open() -> Iterator[None]:
    """What was forgotten to be closed says so when it is collected; warnings are errors here."""
    yield
    gc.collect()


@pytest.fixture
def sandbox(plane: FakePlane) -> str:
    return f"{plane.url}/api/v1/workspaces/acme/projects/{plane.sandbox.id}"


@pytest.fixture
def prod(plane: FakePlane) -> str:
    return f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}"


def run(use: Use, **options: Any) -> Any:
    """Use a session that holds the fake server's token."""

    async def main() -> Any:
        made = {name: make() if name == "connector" else make for name, make in options.items()}
        async with aiohttp.ClientSession(
            headers={"X-API-Key": "plane_api_5f0c9be2d4a84173b1e6a9d07c35f8e2"}, **made
        ) as session:
            return await use(session)

    return asyncio.run(main())


async def post(session: aiohttp.ClientSession, url: str, **options: Any) -> int:
    async with session.post(url, **options) as reply:
        return reply.status


async def in_pieces(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


def parts(text: str) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    writer.append(text, {"Content-Disposition": 'form-data; name="issues"'})
    return writer


READABLE: dict[str, Callable[[str], dict[str, Any]]] = {
    "json": lambda item: {"json": {"issues": [item]}},
    "bytes": lambda item: {"data": json.dumps({"issues": [item]}).encode(), "headers": JSON},
    "bytearray": lambda item: {"data": bytearray(json.dumps({"issues": [item]}).encode()), "headers": JSON},
    "text": lambda item: {"data": json.dumps({"issues": [item]}), "headers": JSON},
    "text in memory": lambda item: {"data": io.StringIO(json.dumps({"issues": [item]})), "headers": JSON},
    "form": lambda item: {"data": {"issues": item}},
    "form data": lambda item: {"data": aiohttp.FormData({"issues": item})},
}
UNREADABLE: dict[str, Callable[[str], dict[str, Any]]] = {
    "generator": lambda item: {"data": in_pieces(json.dumps({"issues": [item]})), "headers": JSON},
    "file in memory": lambda item: {"data": io.BytesIO(json.dumps({"issues": [item]}).encode()), "headers": JSON},
    "multipart": lambda item: {"data": parts(item)},
    "compressed": lambda item: {"json": {"issues": [item]}, "compress": True},
}


@pytest.mark.parametrize("body", READABLE)
def test_a_body_in_memory_is_read(plane: FakePlane, sandbox: str, body: str) -> None:
    cycle = f"{sandbox}/cycles/{plane.sandbox.ids('cycles')['Cycle 1']}/cycle-issues/"

    assert run(lambda session: post(session, cycle, **READABLE[body](plane.sandbox.items["SBX-1"]))) == 200
    with pytest.raises(PlaneWriteBlocked, match="HTTP 404"):
        run(lambda session: post(session, cycle, **READABLE[body](plane.prod.items["ORCH-114"])))
    assert plane.changes_of(plane.prod.id) == []


@pytest.mark.parametrize("body", UNREADABLE)
def test_a_body_that_may_be_a_stream_is_refused_where_it_matters(plane: FakePlane, sandbox: str, body: str) -> None:
    cycle = f"{sandbox}/cycles/{plane.sandbox.ids('cycles')['Cycle 1']}/cycle-issues/"
    with pytest.raises(PlaneWriteBlocked, match="the body cannot be read"):
        run(lambda session: post(session, cycle, **UNREADABLE[body](plane.sandbox.items["SBX-1"])))

    assert plane.requests == []


def test_what_a_middleware_makes_of_a_request_is_judged(plane: FakePlane, sandbox: str, prod: str) -> None:
    async def to_production(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.url = request.url.with_path(request.url.raw_path.replace(plane.sandbox.id, plane.prod.id))
        return await handler(request)

    with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
        run(lambda session: post(session, f"{sandbox}/labels/", json={"name": "x"}), middlewares=[to_production])
    assert plane.requests == []


def test_a_request_class_of_its_own_is_judged_before_it_is_sent(plane: FakePlane, prod: str) -> None:
    class Sending(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            raise AssertionError("this would write past any patch of the method that it replaces")

    with pytest.raises(PlaneWriteBlocked):
        run(lambda session: post(session, f"{prod}/labels/", json={"name": "x"}), request_class=Sending)


def test_a_request_that_changes_after_it_was_judged_is_judged_again(plane: FakePlane, sandbox: str) -> None:
    class Changing(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            self.url = self.url.with_path(self.url.raw_path.replace(plane.sandbox.id, plane.prod.id))
            return await super().send(conn)

    with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
        run(lambda session: post(session, f"{sandbox}/labels/", json={"name": "x"}), request_class=Changing)
    assert plane.requests == []


def test_a_connector_that_gets_connections_in_its_own_way_changes_nothing(
    plane: FakePlane, sandbox: str, prod: str
) -> None:
    class Connector(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **options: Any) -> Any:
            return await type(self).connect.__wrapped__(self, *args, **options)  # type: ignore[attr-defined]

    Connector.connect.__wrapped__ = aiohttp.TCPConnector.connect.__wrapped__  # type: ignore[attr-defined]
    comments = f"{sandbox}/work-items/{plane.sandbox.items['SBX-1']}/comments/"

    assert run(lambda session: post(session, comments, json={}), connector=Connector) == 201
    with pytest.raises(PlaneWriteBlocked):
        run(lambda session: post(session, f"{prod}/labels/", json={"name": "x"}), connector=Connector)
    assert plane.changes_of(plane.prod.id) == []


def test_behind_a_wrapper_that_hides_the_shell_a_request_is_judged_once(
    plane: FakePlane, prod: str, sandbox: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for owner, name in ((aiohttp.BaseConnector, "connect"), (aiohttp.ClientRequest, "send")):
        shell = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, shell=shell, **options: shell(*args, **options))
    assert patches.verify() == []

    assert run(lambda session: post(session, f"{sandbox}/labels/", json={"name": "x"})) == 201
    with pytest.raises(PlaneWriteBlocked):
        run(lambda session: post(session, f"{prod}/labels/", json={"name": "x"}))
    assert [row.outcome for row in decisions(request)] == ["allow", "block"]


def test_other_ways_to_ask_for_the_same_are_judged_alike(plane: FakePlane, prod: str) -> None:
    path = f"/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/"
    seen: list[BaseException] = []

    async def on_exception(*args: Any) -> None:
        seen.append(args[-1].exception)

    trace = aiohttp.TraceConfig()
    trace.on_request_exception.append(on_exception)

    async def once(_: aiohttp.ClientSession) -> None:
        async with aiohttp.request("POST", f"{prod}/labels/", json={"name": "x"}):
            pass

    for use, options in (
        (once, {}),
        (lambda session: post(session, path), {"base_url": plane.url}),
        (lambda session: post(session, f"{prod}/labels/"), {"raise_for_status": True, "trace_configs": [trace]}),
        (lambda session: session.ws_connect(f"{prod}/labels/", method="POST"), {}),
    ):
        with pytest.raises(PlaneWriteBlocked):
            run(use, **options)
    assert [type(error) for error in seen] == [PlaneWriteBlocked]
    assert plane.requests == []


def test_a_websocket_is_opened_by_a_read(plane: FakePlane, prod: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        run(lambda session: session.ws_connect(f"{prod}/labels/"))

    assert [request.method for request in plane.requests] == ["GET"]


def answer_as_plane(request: http_server.ReceivedRequest) -> http_server.Reply:
    """A work item of the sandbox, whatever is asked."""
    *_, project, _, item = request.target.removesuffix("/").removesuffix("/comments").split("/")
    return http_server.Reply(200, {"id": item, "project": project})


def test_a_proxy_sees_the_proof_and_the_write_and_nothing_that_is_refused(
    plane: FakePlane, request: pytest.FixtureRequest
) -> None:
    base = "http://plane.example.org/api/v1/workspaces/acme/projects"
    comments = f"{base}/{plane.sandbox.id}/work-items/{plane.sandbox.items['SBX-1']}/comments/"
    received: list[http_server.ReceivedRequest] = []
    proxy = http_server.HTTPServer(lambda asked: received.append(asked) or answer_as_plane(asked))  # type: ignore[func-returns-value]
    proxy.start()
    options = {"json": {}, "proxy": f"http://me:secret@127.0.0.1:{proxy.port}"}
    try:
        assert run(lambda session: post(session, comments, **options)) == 200
        with pytest.raises(PlaneWriteBlocked):
            run(lambda session: post(session, f"{base}/{plane.prod.id}/labels/", **options))
    finally:
        proxy.stop()

    assert [asked.target for asked in received] == [comments.removesuffix("comments/"), comments]
    assert [row.outcome for row in decisions(request)] == ["allow", "block"]


def test_a_tunnel_is_not_the_write_that_it_is_opened_for(plane: FakePlane) -> None:
    url = f"https://plane.example.org/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/"
    with pytest.raises(aiohttp.ClientHttpProxyError):
        run(lambda session: session.get(url, proxy=plane.url))
    with pytest.raises(PlaneWriteBlocked):
        run(lambda session: session.post(url, proxy=plane.url))

    assert [request.method for request in plane.requests] == ["CONNECT"]


def test_a_proof_goes_through_the_same_unix_socket(plane: FakePlane, tmp_path: Path) -> None:
    received: list[str] = []
    project, item = plane.sandbox.id, plane.sandbox.items["SBX-1"]

    async def answer(request: web.Request) -> web.Response:
        received.append(request.method)
        return web.json_response({"id": item, "project": project})

    async def main() -> int:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(tmp_path / "plane.sock")).start()
        connector = aiohttp.UnixConnector(str(tmp_path / "plane.sock"), limit=1)
        async with aiohttp.ClientSession("http://plane.internal", connector=connector) as session:
            path = f"/api/v1/workspaces/acme/projects/{project}/work-items/{item}/comments/"
            status = await post(session, path, json={})
        await runner.cleanup()
        return status

    assert asyncio.run(main()) == 200
    assert received == ["GET", "POST"]


def test_a_proof_is_asked_for_again_where_the_server_had_hung_up(plane: FakePlane) -> None:
    project, item = plane.sandbox.id, plane.sandbox.items["SBX-1"]
    answer = json.dumps({"id": item, "project": project}).encode()
    received: list[bytes] = []
    serving: list[asyncio.Task[None] | None] = []

    async def hang_up_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        while head := await reader.read(65_536):
            received.append(head.split(b" ")[0])
            if len(received) == 2:
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        writer.close()
        await writer.wait_closed()

    async def main() -> int:
        server = await asyncio.start_server(hang_up_once, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        path = f"/api/v1/workspaces/acme/projects/{project}/work-items/{item}/"
        async with server, aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(limit=1)) as session:
            async with session.get(path) as reply:
                await reply.read()
            status = await post(session, path + "comments/", data=b"{}", headers=JSON)
        await asyncio.gather(*filter(None, serving))
        return status

    assert asyncio.run(main()) == 200
    assert [method for method in received if method.isalpha()] == [b"GET", b"GET", b"GET", b"POST"]


def test_what_a_mock_reads_proves_nothing(plane: FakePlane) -> None:
    item, received = plane.prod.items["ORCH-114"], []
    path = f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/work-items/{item}/comments/"

    def answer(request: http_server.ReceivedRequest) -> http_server.Reply:
        received.append(request.method)
        return http_server.Reply(200, {"id": item, "project": plane.prod.id})

    shown = json.dumps({"id": item, "project": plane.sandbox.id}).encode()
    server = http_server.HTTPServer(answer)
    server.start()
    try:
        with mock.patch.object(aiohttp.ClientResponse, "read", return_value=shown), pytest.raises(PlaneWriteBlocked):
            run(lambda session: post(session, f"http://127.0.0.1:{server.port}{path}", json={}))
    finally:
        server.stop()
    assert received == ["GET"]


def test_plane_py_writes_to_the_sandbox_only(plane: FakePlane) -> None:
    client = plane_py.PlaneClient(plane.token, "acme", plane.url)
    asyncio.run(client.create_issue("new", plane.sandbox.id))
    with pytest.raises(plane_py.errors.PlaneError):
        asyncio.run(client.create_issue("new", plane.prod.id))

    assert [write.target for write in plane.writes] == [f"/api/v1/workspaces/acme/projects/{plane.sandbox.id}/issues/"]

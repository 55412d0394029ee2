"""What changes after it was judged is not sent: tasks and threads may hold the very request that httpcore sends."""

from __future__ import annotations

import asyncio
import contextvars
import os
from typing import TYPE_CHECKING, Any

import httpcore
import httpcore2
import httpx
import httpx2
import pytest

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import patches
from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child
    from tests.instrumentation.bystander import Change, Scene

pytestmark = pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")


def _replace_url(request: Any, scene: Scene) -> None:
    url = request.url
    request.url = type(url)(scheme=url.scheme, host=url.host, port=url.port, target=scene.prod.encode())


def _change_the_url(request: Any, scene: Scene) -> None:
    request.url.target = scene.prod.encode()


def _change_the_method(request: Any, scene: Scene) -> None:
    request.method = b"DELETE"


def _add_a_header(request: Any, scene: Scene) -> None:
    request.headers.append((b"X-HTTP-Method-Override", b"DELETE"))


def _replace_the_body(request: Any, scene: Scene) -> None:
    request.stream = type(request.stream)(scene.other)


def _change_the_body(request: Any, scene: Scene) -> None:
    (held,) = vars(request.stream)
    setattr(request.stream, held, scene.other)


CHANGES = [_replace_url, _change_the_url, _change_the_method, _add_a_header, _replace_the_body, _change_the_body]


def core_request(core: Any, scene: Scene, **options: Any) -> Any:
    length = {"Content-Length": str(len(scene.body))}
    options = {"method": "POST", "url": scene.plane.url + scene.path, "content": scene.body} | options
    return core.Request(headers={**scene.headers, **length}, **options)


def send_sync(core: Any, scene: Scene, request: Any, change: Change, **options: Any) -> None:
    scene.while_it_is_proven(change)
    with core.ConnectionPool(max_connections=1, **options) as pool:
        pool.handle_request(request).read()


def send_async(core: Any, scene: Scene, request: Any, change: Change, **options: Any) -> None:
    """With the change made by another task of the same loop."""

    async def changing() -> None:
        change()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        scene.while_it_is_proven(lambda: asyncio.run_coroutine_threadsafe(changing(), loop).result(10))
        async with core.AsyncConnectionPool(max_connections=1, **options) as pool:
            await (await pool.handle_async_request(request)).aread()

    asyncio.run(main())


@pytest.mark.parametrize("core", [httpcore, httpcore2], ids=["httpcore", "httpcore2"])
@pytest.mark.parametrize("send", [send_sync, send_async], ids=["thread", "task"])
class TestHttpcore:
    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
    def test_while_it_is_proven(self, scene: Scene, core: Any, send: Any, change: Any) -> None:
        request = core_request(core, scene)
        send(core, scene, request, lambda: change(request, scene))

        assert scene.arrived_as_judged()

    @pytest.mark.parametrize("change", [_replace_url, _change_the_url, _change_the_body])
    @pytest.mark.parametrize("start", ["a write", "a read"])
    def test_while_its_connection_is_opened(self, scene: Scene, core: Any, send: Any, change: Any, start: str) -> None:
        def trace(event: str, _: object) -> None:
            if event == "connection.connect_tcp.started":
                change(request, scene)
                request.method = b"POST"

        async def trace_async(event: str, info: object) -> None:
            trace(event, info)

        kept = {"trace": trace if send is send_sync else trace_async}
        method, path = ("POST" if start == "a write" else "GET"), scene.labels
        body = b'{"name": "x"}'.ljust(len(scene.body))
        request = core_request(core, scene, method=method, url=scene.plane.url + path, content=body, extensions=kept)
        send(core, scene, request, lambda: None)

        assert scene.plane.changes_of(scene.plane.prod.id) == []
        assert [(arrived.method, arrived.target, arrived.body) for arrived in scene.plane.requests] == [
            (method, path, body)
        ]

    def test_bytes_that_can_be_changed_where_they_are(self, scene: Scene, core: Any, send: Any) -> None:
        request = core_request(core, scene)
        target = request.url.target = bytearray(request.url.target)

        def change() -> None:
            target[:] = scene.prod.encode()

        with pytest.raises(PlaneWriteBlocked, match="guard-error"):
            send(core, scene, request, change)
        assert scene.plane.changes_of(scene.plane.prod.id) == []

    def test_a_header_that_can_be_changed_where_it_is(self, scene: Scene, core: Any, send: Any) -> None:
        request = core_request(core, scene)
        header = [b"X-Harmless", b"DELETE"]
        request.headers.append(header)

        def change() -> None:
            header[0] = b"X-HTTP-Method-Override"

        send(core, scene, request, change)

        assert scene.arrived_as_judged()

    def test_an_override_that_is_a_text(self, scene: Scene, core: Any, send: Any) -> None:
        request = core_request(core, scene, method="GET")
        request.headers.append(("X-HTTP-Method-Override", "DELETE"))
        with pytest.raises(PlaneWriteBlocked):
            send(core, scene, request, lambda: None)

        assert scene.plane.requests == []

    def test_what_a_proxy_is_to_be_sent_in_place_of_the_url(self, scene: Scene, core: Any, send: Any) -> None:
        path = scene.labels.encode()
        body = b'{"name": "x"}'.ljust(len(scene.body))
        request = core_request(
            core, scene, url=scene.plane.url + scene.labels, content=body, extensions={"target": path}
        )
        request.extensions["target"] = scene.prod.encode()
        send(core, scene, request, lambda: None, proxy=core.Proxy(scene.plane.url))

        assert scene.arrived_as_judged(scene.labels, body)

    def test_a_wrapper_between_two_shells(
        self, scene: Scene, core: Any, send: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for owner, name in (
            (core.ConnectionPool, "handle_request"),
            (core.AsyncConnectionPool, "handle_async_request"),
        ):
            shell = getattr(owner, name)

            def changing(self: Any, request: Any, shell: Any = shell) -> Any:
                if request.method == b"POST":
                    _replace_url(request, scene)
                return shell(self, request)

            monkeypatch.setattr(owner, name, changing)
        patches.verify()

        with pytest.raises(PlaneWriteBlocked):
            send(core, scene, core_request(core, scene), lambda: None)
        assert scene.plane.writes == []


@pytest.mark.parametrize("client", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_the_body_of_an_httpx_request(scene: Scene, client: Any) -> None:
    with client.Client() as session:
        request = session.build_request("POST", scene.plane.url + scene.path, content=scene.body, headers=scene.headers)
        scene.while_it_is_proven(lambda: _change_the_body(request, scene))
        session.send(request)

    assert scene.arrived_as_judged()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_live_process_sends_the_very_request_that_it_made(child: Child, method: str) -> None:
    code = f"""
    import httpcore, plane_guard_instrumentation
    plane_guard_instrumentation.instrument()
    class Connection(httpcore.HTTPConnection):
        def handle_request(self, request):
            print(request is made)
            return super().handle_request(request)
    httpcore._sync.connection_pool.HTTPConnection = Connection
    import os
    url = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/"
    made = httpcore.Request({method!r}, url, headers={{"Host": "plane"}}, content=b"")
    with httpcore.ConnectionPool() as pool:
        pool.handle_request(made).read()
    """
    result = child.python(code)

    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr


def test_what_cannot_be_copied_is_not_sent(plane: FakePlane) -> None:
    request = httpcore.Request("GET", plane.url + "/api/v1/workspaces/acme/projects/")
    request.stream = type("ByteStream", (), {"__module__": "httpx", "__iter__": lambda _: iter(["no bytes"])})()
    with httpcore.ConnectionPool() as pool, pytest.raises(PlaneWriteBlocked, match="guard-error"):
        pool.handle_request(request)

    assert plane.requests == []


def test_what_was_judged_holds_for_that_request_while_this_process_sends_it() -> None:
    request = object()
    with request_scope.sending(request, "its form"):
        assert (request_scope.checked_form(request), request_scope.checked_form(object())) == ("its form", None)
        child = os.fork()
        if not child:
            os._exit(request_scope.checked_form(request) is not None)
        assert os.waitpid(child, 0)[1] == 0
        outliving = contextvars.copy_context()

    assert outliving.run(request_scope.checked_form, request) is None


def test_a_forked_child_opens_the_connections_of_its_own_requests() -> None:
    child = os.fork()
    if not child:
        with request_scope.connecting():
            os._exit(not request_scope.is_connecting())

    assert os.waitpid(child, 0)[1] == 0

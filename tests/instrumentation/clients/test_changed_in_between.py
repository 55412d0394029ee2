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
    from tests.instrumentation.enforcement.proven_write import Change, ProvenWrite

pytestmark = pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")
# From 3.12 on Python warns if the tests before have left a thread.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def _replace_url(request: Any, proven_write: ProvenWrite) -> None:
    url = request.url
    request.url = type(url)(scheme=url.scheme, host=url.host, port=url.port, target=proven_write.prod.encode())


def _change_the_url(request: Any, proven_write: ProvenWrite) -> None:
    request.url.target = proven_write.prod.encode()


def _change_the_method(request: Any, proven_write: ProvenWrite) -> None:
    request.method = b"DELETE"


def _add_a_header(request: Any, proven_write: ProvenWrite) -> None:
    request.headers.append((b"X-HTTP-Method-Override", b"DELETE"))


def _replace_the_body(request: Any, proven_write: ProvenWrite) -> None:
    request.stream = type(request.stream)(proven_write.other)


def _change_the_body(request: Any, proven_write: ProvenWrite) -> None:
    (held,) = vars(request.stream)
    setattr(request.stream, held, proven_write.other)


CHANGES = [_replace_url, _change_the_url, _change_the_method, _add_a_header, _replace_the_body, _change_the_body]


def core_request(core: Any, proven_write: ProvenWrite, **options: Any) -> Any:
    length = {"Content-Length": str(len(proven_write.body))}
    options = {
        "method": "POST",
        "url": proven_write.plane.url + proven_write.path,
        "content": proven_write.body,
    } | options
    return core.Request(headers={**proven_write.headers, **length}, **options)


def send_sync(core: Any, proven_write: ProvenWrite, request: Any, change: Change, **options: Any) -> None:
    proven_write.while_it_is_proven(change)
    with core.ConnectionPool(max_connections=1, **options) as pool:
        pool.handle_request(request).read()


def send_async(core: Any, proven_write: ProvenWrite, request: Any, change: Change, **options: Any) -> None:
    """With the change made by another task of the same loop."""

    async def changing() -> None:
        change()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        proven_write.while_it_is_proven(lambda: asyncio.run_coroutine_threadsafe(changing(), loop).result(10))
        async with core.AsyncConnectionPool(max_connections=1, **options) as pool:
            await (await pool.handle_async_request(request)).aread()

    asyncio.run(main())


@pytest.mark.parametrize("core", [httpcore, httpcore2], ids=["httpcore", "httpcore2"])
@pytest.mark.parametrize("send", [send_sync, send_async], ids=["thread", "task"])
class TestHttpcore:
    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
    def test_while_it_is_proven(self, proven_write: ProvenWrite, core: Any, send: Any, change: Any) -> None:
        request = core_request(core, proven_write)
        send(core, proven_write, request, lambda: change(request, proven_write))

        assert proven_write.arrived_as_judged()

    @pytest.mark.parametrize("change", [_replace_url, _change_the_url, _change_the_body])
    @pytest.mark.parametrize("start", ["a write", "a read"])
    def test_while_its_connection_is_opened(
        self, proven_write: ProvenWrite, core: Any, send: Any, change: Any, start: str
    ) -> None:
        def trace(event: str, _: object) -> None:
            if event == "connection.connect_tcp.started":
                change(request, proven_write)
                request.method = b"POST"

        async def trace_async(event: str, info: object) -> None:
            trace(event, info)

        kept = {"trace": trace if send is send_sync else trace_async}
        method, path = ("POST" if start == "a write" else "GET"), proven_write.labels
        body = b'{"name": "x"}'.ljust(len(proven_write.body))
        request = core_request(
            core, proven_write, method=method, url=proven_write.plane.url + path, content=body, extensions=kept
        )
        send(core, proven_write, request, lambda: None)

        assert proven_write.plane.changes_of(proven_write.plane.prod.id) == []
        assert [(arrived.method, arrived.target, arrived.body) for arrived in proven_write.plane.requests] == [
            (method, path, body)
        ]

    def test_bytes_that_can_be_changed_where_they_are(self, proven_write: ProvenWrite, core: Any, send: Any) -> None:
        request = core_request(core, proven_write)
        target = request.url.target = bytearray(request.url.target)

        def change() -> None:
            target[:] = proven_write.prod.encode()

        with pytest.raises(PlaneWriteBlocked, match="guard-error"):
            send(core, proven_write, request, change)
        assert proven_write.plane.changes_of(proven_write.plane.prod.id) == []

    def test_a_header_that_can_be_changed_where_it_is(self, proven_write: ProvenWrite, core: Any, send: Any) -> None:
        request = core_request(core, proven_write)
        header = [b"X-Harmless", b"DELETE"]
        request.headers.append(header)

        def change() -> None:
            header[0] = b"X-HTTP-Method-Override"

        send(core, proven_write, request, change)

        assert proven_write.arrived_as_judged()

    def test_headers_that_can_be_read_once(self, proven_write: ProvenWrite, core: Any, send: Any) -> None:
        request = core_request(core, proven_write)
        request.headers = iter(request.headers)
        send(core, proven_write, request, lambda: None)

        assert proven_write.arrived_as_judged()
        assert proven_write.plane.writes[0].header("X-API-Key") == proven_write.plane.token

    def test_a_body_that_can_be_changed_where_it_is(self, proven_write: ProvenWrite, core: Any, send: Any) -> None:
        request = core_request(core, proven_write)
        body = bytearray(proven_write.body)
        (held,) = vars(request.stream)
        setattr(request.stream, held, body)

        def change() -> None:
            body[:] = proven_write.other

        send(core, proven_write, request, change)

        assert proven_write.arrived_as_judged()

    def test_an_override_that_is_a_text(self, proven_write: ProvenWrite, core: Any, send: Any) -> None:
        request = core_request(core, proven_write, method="GET")
        request.headers.append(("X-HTTP-Method-Override", "DELETE"))
        with pytest.raises(PlaneWriteBlocked):
            send(core, proven_write, request, lambda: None)

        assert proven_write.plane.requests == []

    def test_what_a_proxy_is_to_be_sent_in_place_of_the_url(
        self, proven_write: ProvenWrite, core: Any, send: Any
    ) -> None:
        path = proven_write.labels.encode()
        body = b'{"name": "x"}'.ljust(len(proven_write.body))
        request = core_request(
            core,
            proven_write,
            url=proven_write.plane.url + proven_write.labels,
            content=body,
            extensions={"target": path},
        )
        request.extensions["target"] = proven_write.prod.encode()
        send(core, proven_write, request, lambda: None, proxy=core.Proxy(proven_write.plane.url))

        assert proven_write.arrived_as_judged(proven_write.labels, body)

    def test_a_wrapper_between_two_shells(
        self, proven_write: ProvenWrite, core: Any, send: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for owner, name in (
            (core.ConnectionPool, "handle_request"),
            (core.AsyncConnectionPool, "handle_async_request"),
        ):
            shell = getattr(owner, name)

            def changing(self: Any, request: Any, shell: Any = shell) -> Any:
                if request.method == b"POST":
                    _replace_url(request, proven_write)
                return shell(self, request)

            monkeypatch.setattr(owner, name, changing)
        patches.verify()

        with pytest.raises(PlaneWriteBlocked):
            send(core, proven_write, core_request(core, proven_write), lambda: None)
        assert proven_write.plane.writes == []


@pytest.mark.parametrize("client", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_the_body_of_an_httpx_request(proven_write: ProvenWrite, client: Any) -> None:
    with client.Client() as session:
        request = session.build_request(
            "POST", proven_write.plane.url + proven_write.path, content=proven_write.body, headers=proven_write.headers
        )
        proven_write.while_it_is_proven(lambda: _change_the_body(request, proven_write))
        session.send(request)

    assert proven_write.arrived_as_judged()


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


@forks
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


@forks
def test_a_forked_child_opens_the_connections_of_its_own_requests() -> None:
    child = os.fork()
    if not child:
        with request_scope.connecting():
            os._exit(not request_scope.is_connecting())

    assert os.waitpid(child, 0)[1] == 0

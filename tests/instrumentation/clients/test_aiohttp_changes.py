"""A request of aiohttp that is changed on its way is checked again, and what is sent can no longer be changed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import aiohttp as _aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

PATH = "/api/v1/workspaces/acme/projects/"


class Headers(CIMultiDict[str]):
    """Headers of somebody's own."""

    def keys(self) -> Any:
        return CIMultiDict[str]().keys()


def made_of(kind: type[Any] = aiohttp.ClientRequest, method: str = "GET", **options: Any) -> Any:
    no_loop = SimpleNamespace(get_debug=lambda: False)
    return kind(method, URL("https://api.plane.so" + PATH), loop=no_loop, **options)


def changed(**changes: object) -> Any:
    made = made_of()
    made.__dict__.update(changes)
    return made


class Slotted(aiohttp.ClientRequest):
    __slots__ = ("kept",)


class Copying(aiohttp.ClientRequest):
    def __copy__(self) -> Any:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, made_by="itself")
        return made


def test_a_copy_shares_nothing_that_is_sent_and_can_be_changed() -> None:
    for kind in (aiohttp.ClientRequest, Slotted, Copying):
        made = made_of(kind, "POST", data=b"kept")
        if kind is Slotted:
            made.kept = "kept"
        own: Any = _aiohttp._private_copy(made)
        made.headers["X-HTTP-Method"] = "DELETE"
        made.body._value = b"lost"
        made.method, made.url = "DELETE", URL("/")

        assert type(own) is kind
        assert (own.method, own.url.raw_path, vars(own)["_body"]._value) == ("POST", PATH, b"kept")
        assert "X-HTTP-Method" not in own.headers
        assert getattr(own, "kept", "kept") == "kept"
        assert getattr(own, "made_by", "itself") == "itself"


def post(url: str, kind: type[aiohttp.ClientRequest], method: str = "GET", **options: Any) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession(request_class=kind, **options) as session:
            await session.request(method, url)

    asyncio.run(main())


def to_a_write(made: Any) -> None:
    made.method = "DELETE"


def to_a_write_by_a_header(made: Any) -> None:
    made.headers["x-http-METHOD-override"] = "DELETE"


def to_headers_of_its_own(made: Any) -> None:
    made.headers = Headers({"x-http-method-override": "DELETE"})


def to_plane(made: Any) -> None:
    made.method, made.url = "POST", made.url.with_path(PATH + "8c5a3025-4f9d-4190-b79f-fa06276bb27e/labels/")


@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize(
    ("path", "change"),
    [
        (PATH, to_a_write),
        (PATH, to_a_write_by_a_header),
        (PATH, to_headers_of_its_own),
        (PATH, to_plane),
        ("/", to_plane),
    ],
)
def test_what_changes_on_its_way_from_the_connector_is_looked_at_again(
    plane: FakePlane, path: str, change: Callable[[Any], None]
) -> None:
    class Changing(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            change(self)
            return await super().send(conn)

    with pytest.raises(PlaneWriteBlocked):
        post(plane.url + path, Changing)
    assert plane.requests == []


def test_what_changes_while_the_head_of_a_read_is_sent_is_not_sent(plane: FakePlane) -> None:
    seen: list[Any] = []

    class Seen(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            seen.append(self)
            return await super().send(conn)

    async def on_headers_sent(*_: object) -> None:
        to_a_write(seen[0])
        to_a_write_by_a_header(seen[0])

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(on_headers_sent)
    post(plane.url + PATH, Seen, trace_configs=[trace])

    assert [arrived.method for arrived in plane.requests] == ["GET"]
    assert b"override" not in plane.requests[0].head.lower()


@pytest.mark.usefixtures("plane_blocked_writes")
def test_a_url_that_can_be_changed_where_it_is_is_looked_at_again() -> None:
    sent: list[str] = []
    url = SimpleNamespace(raw_path_qs="/", raw_host="localhost", port=80, origin=lambda: "http://localhost")

    async def connect(_: object, request: Any) -> None:
        request.url.raw_path_qs = PATH

    async def send(request: Any, _: object) -> None:
        sent.append(request.url.raw_path_qs)

    async def main() -> None:
        made = changed(url=url, method="POST")
        await _aiohttp.patch_connect(connect, "aiohttp")(None, made)  # type: ignore[arg-type]
        await _aiohttp.patch_send(send, "aiohttp")(made, SimpleNamespace())  # type: ignore[arg-type]

    with pytest.raises(PlaneWriteBlocked):
        asyncio.run(main())
    assert sent == []


def test_a_live_process_sends_the_very_read_that_it_made(child: Child) -> None:
    code = """
    import asyncio, os, aiohttp, plane_guard_instrumentation
    plane_guard_instrumentation.instrument()
    made = []
    class Seen(aiohttp.ClientRequest):
        async def send(self, conn):
            made.append(self)
            return await super().send(conn)
        async def write_bytes(self, *arguments):
            print(self is made[0])
            return await super().write_bytes(*arguments)
    async def main():
        async with aiohttp.ClientSession(request_class=Seen) as session:
            await session.get(os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/", data=b"{}")
    asyncio.run(main())
    """
    result = child.python(code)

    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr

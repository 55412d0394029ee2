"""Ways to reach a server without a guarded client, and with one. Children run a copy of this file.

Each sends one request whose path is its own name; what became of it is printed as one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
import curl_cffi
import httpcore
import httpx
import pycurl
import requests
import tornado.curl_httpclient
import tornado.httpclient
import trio
import urllib3
import uvloop
import websockets.asyncio.client
import websockets.sync.client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from aiohttp.abc import AbstractResolver

    Client = Callable[[str], object]

HOST = os.environ.get("TEST_SERVER_HOST", "localhost")
PLAIN = int(os.environ.get("TEST_SERVER_PLAIN", "0"))
TLS = int(os.environ.get("TEST_SERVER_TLS", "0"))
CA = os.environ.get("TEST_SERVER_CA", "")
HTTP = f"http://{HOST}:{PLAIN}"
HTTPS = f"https://{HOST}:{TLS}"
URLS = {"": HTTP, "-tls": HTTPS}
BLOCKED = "PlaneWriteBlocked"


def request(name: str) -> bytes:
    return f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CA)


def exchange(connection: socket.socket, name: str) -> None:
    with connection:
        connection.sendall(request(name))
        assert connection.recv(100)


def raw(host: Any, connect: Callable[[Any], socket.socket] | None = None) -> Client:
    return lambda name: exchange((connect or socket.create_connection)((host, PLAIN)), name)


def named_to_connect(address: Any) -> socket.socket:
    connection = socket.socket()
    try:
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def looked_up_first(address: Any) -> socket.socket:
    return socket.create_connection((socket.gethostbyname(address[0]), address[1]))


def raw_tls(host: str) -> Client:
    def client(name: str) -> None:
        with socket.create_connection((host, TLS)) as connection:
            exchange(context().wrap_socket(connection, server_hostname=HOST), name)

    return client


async def talk(name: str, *place: Any, **options: Any) -> None:
    reader, writer = await asyncio.open_connection(*place, **options)
    writer.write(request(name))
    assert await reader.read(100)
    writer.close()


def streams(run: Callable[[Coroutine[Any, Any, None]], None], *place: Any, **options: Any) -> Client:
    def client(name: str) -> None:
        secure = {"ssl": context()} if options.get("tls") else {}
        named = {"server_hostname": HOST} if options.get("named") else {}
        run(talk(name, *place, **secure, **named))

    return client


async def by_a_socket(name: str) -> None:
    with socket.socket() as connection:
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (HOST, PLAIN))
        await loop.sock_sendall(connection, request(name))
        assert await loop.sock_recv(connection, 100)


def on_uvloop(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


def on_trio(tls: bool) -> Client:  # noqa: FBT001
    async def talk_on_trio(name: str) -> None:
        if tls:
            stream: Any = await trio.open_ssl_over_tcp_stream(HOST, TLS, ssl_context=context())
        else:
            stream = await trio.open_tcp_stream(HOST, PLAIN)
        await stream.send_all(request(name))
        assert await stream.receive_some(100)

    return lambda name: trio.run(talk_on_trio, name)


def on_anyio(name: str) -> None:
    async def talk_on_anyio() -> None:
        async with await anyio.connect_tcp(HOST, PLAIN) as stream:
            await stream.send(request(name))
            assert await stream.receive(100)

    anyio.run(talk_on_anyio)


def core(url: str) -> Client:
    def client(name: str) -> None:
        origin = httpcore.URL(url)
        with httpcore.HTTPConnection(origin=origin.origin, ssl_context=context()) as connection:
            assert connection.request("GET", f"{url}/{name}").status == 200

    return client


def with_tornado(make: Callable[[], tornado.httpclient.AsyncHTTPClient], url: str) -> Client:
    async def fetch(name: str) -> None:
        await make().fetch(f"{url}/{name}", ca_certs=CA)

    return lambda name: asyncio.run(fetch(name))


def with_websockets(url: str) -> Client:
    async def connect(name: str) -> None:
        secure = {"ssl": context()} if url.startswith("https") else {}
        await websockets.asyncio.client.connect(f"{url.replace('http', 'ws')}/{name}", proxy=None, **secure)  # type: ignore[arg-type]

    return lambda name: asyncio.run(connect(name))


def with_threaded_websockets(name: str) -> None:
    websockets.sync.client.connect(f"ws://{HOST}:{PLAIN}/{name}", proxy=None)


def with_pycurl(url: str, method: str = "setopt") -> Client:
    def client(name: str) -> None:
        handle = pycurl.Curl()
        getattr(handle, method)(pycurl.URL, f"{url}/{name}")
        handle.setopt(pycurl.CAINFO, CA)
        handle.setopt(pycurl.WRITEFUNCTION, lambda _: None)
        handle.perform()

    return client


def with_curl_cffi(name: str) -> None:
    curl_cffi.get(f"{HTTPS}/{name}", verify=CA)  # type: ignore[arg-type]


def with_curl_cffi_async(name: str) -> None:
    async def get() -> None:
        async with curl_cffi.AsyncSession() as session:
            await session.get(f"{HTTP}/{name}")

    asyncio.run(get())


def guarded(url: str) -> Client:
    return lambda name: httpx.get(f"{url}/{name}", verify=context()).raise_for_status()


def guarded_async(url: str, run: Callable[..., Any]) -> Client:
    async def get(name: str) -> None:
        async with httpx.AsyncClient(verify=context()) as client:
            (await client.get(f"{url}/{name}")).raise_for_status()

    return lambda name: run(get, name)


def with_requests(url: str) -> Client:
    return lambda name: requests.get(f"{url}/{name}", verify=CA, timeout=30).raise_for_status()


def with_urllib(url: str) -> Client:
    return lambda name: urllib.request.urlopen(f"{url}/{name}", context=context() if url == HTTPS else None).close()


def with_urllib3(url: str) -> Client:
    return lambda name: urllib3.PoolManager(ca_certs=CA).request("GET", f"{url}/{name}", retries=False)


def with_aiohttp(url: str, run: Callable[..., Any], resolver: type[AbstractResolver]) -> Client:
    async def get(name: str) -> None:
        connector = aiohttp.TCPConnector(ssl=context(), resolver=resolver())
        async with aiohttp.ClientSession(connector=connector) as session, session.get(f"{url}/{name}") as response:
            response.raise_for_status()

    return lambda name: run(get, name)


def in_a_thread(client: Client) -> Client:
    def start(name: str) -> None:
        outcome: list[str] = []
        thread = threading.Thread(target=lambda: outcome.append(tried(client, name)))
        thread.start()
        thread.join()
        assert outcome == ["done"], outcome

    return start


def to_thread(client: Client) -> Client:
    return lambda name: asyncio.run(asyncio.to_thread(client, name))


def of_asyncio(function: Callable[[str], Awaitable[None]], name: str) -> None:
    asyncio.run(function(name))  # type: ignore[arg-type]


def of_uvloop(function: Callable[[str], Any], name: str) -> None:
    on_uvloop(function(name))


LOOPS: dict[str, Callable[..., Any]] = {"asyncio": of_asyncio, "trio": trio.run, "uvloop": of_uvloop}
ROGUE: dict[str, Client] = {
    "raw": raw(HOST),
    "raw-bytes": raw(HOST.encode()),
    "raw-shouting": raw(HOST.upper()),
    "raw-dotted": raw(f"{HOST}."),
    "raw-full-width": raw("".join(chr(ord(letter) + 0xFEE0) for letter in HOST)),
    "raw-connect": raw(HOST, named_to_connect),
    "raw-gethostbyname": raw(HOST, looked_up_first),
    "raw-tls": raw_tls(HOST),
    "raw-tls-by-address": raw_tls("127.0.0.1"),
    "asyncio": streams(asyncio.run, HOST, PLAIN),
    "asyncio-tls": streams(asyncio.run, HOST, TLS, tls=True),
    "asyncio-tls-by-address": streams(asyncio.run, "127.0.0.1", TLS, tls=True, named=True),
    "asyncio-socket": lambda name: asyncio.run(by_a_socket(name)),
    "uvloop-socket": lambda name: on_uvloop(by_a_socket(name)),
    "uvloop": streams(on_uvloop, HOST, PLAIN),
    "uvloop-tls": streams(on_uvloop, HOST, TLS, tls=True),
    "uvloop-tls-by-address": streams(on_uvloop, "127.0.0.1", TLS, tls=True, named=True),
    "trio": on_trio(tls=False),
    "trio-tls": on_trio(tls=True),
    "anyio": on_anyio,
    "tornado": with_tornado(tornado.httpclient.AsyncHTTPClient, HTTP),
    "tornado-tls": with_tornado(tornado.httpclient.AsyncHTTPClient, HTTPS),
    "tornado-curl": with_tornado(tornado.curl_httpclient.CurlAsyncHTTPClient, HTTP),
    "websockets": with_websockets(HTTP),
    "websockets-tls": with_websockets(HTTPS),
    "websockets-threaded": with_threaded_websockets,
    "pycurl": with_pycurl(HTTP),
    "pycurl-tls": with_pycurl(HTTPS),
    "pycurl-string": with_pycurl(HTTP, "setopt_string"),
    "pycurl-no-scheme": with_pycurl(HTTP.removeprefix("http://")),
    "curl_cffi": with_curl_cffi,
    "curl_cffi-async": with_curl_cffi_async,
}
GUARDED: dict[str, Client] = {
    "httpcore-connection": core(HTTP),
    "httpcore-connection-tls": core(HTTPS),
    "httpx": guarded(HTTP),
    "httpx-tls": guarded(HTTPS),
    "httpx-shouting": guarded(HTTP.replace(HOST, HOST.upper())),
    "httpx-dotted": guarded(HTTP.replace(HOST, f"{HOST}.")),
    "httpx-thread": in_a_thread(guarded(HTTPS)),
    "httpx-to-thread": to_thread(guarded(HTTPS)),
    **{f"httpx-{name}{suffix}": guarded_async(url, run) for name, run in LOOPS.items() for suffix, url in URLS.items()},
    **{
        f"{make.__name__.removeprefix('with_')}{suffix}": make(url)
        for make in (with_requests, with_urllib, with_urllib3)
        for suffix, url in URLS.items()
    },
    **{
        f"aiohttp-{name}-{resolver.__name__}{suffix}": with_aiohttp(url, LOOPS[name], resolver)
        for name in ("asyncio", "uvloop")
        for resolver in (aiohttp.DefaultResolver, aiohttp.ThreadedResolver)
        for suffix, url in URLS.items()
    },
}
CLIENTS = ROGUE | GUARDED


def tried(client: Client, name: str) -> str:
    try:
        client(name)
    except BaseException as error:  # noqa: BLE001  BaseExceptionGroup as well
        return "+".join(kinds(error))
    return "done"


def kinds(error: BaseException) -> set[str]:
    if isinstance(error, BaseExceptionGroup):
        return set().union(*map(kinds, error.exceptions))
    return {type(error).__name__}


if __name__ == "__main__":
    results = {}
    for name in sys.argv[1:] or CLIENTS:
        if "PLANE_GUARD_TEST_PROCESS" in os.environ:
            os.environ["PYTEST_CURRENT_TEST"] = f"{name} (call)"
        results[name] = tried(CLIENTS[name], name)
    print(json.dumps(results))

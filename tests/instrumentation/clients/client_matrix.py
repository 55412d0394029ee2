"""Send one write to production with every client that is installed, and print what became of each.

Children run a copy of this file with a kind of host: known, learned or unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib
import importlib.util
import json
import os
import socket
import ssl
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    Send = Callable[[str], object]

CA = os.environ.get("TEST_SERVER_CA", "")
PLAIN, TLS = os.environ.get("TEST_SERVER_PLAIN", "0"), os.environ.get("TEST_SERVER_TLS", "0")
HTTP2 = os.environ.get("TEST_SERVER_HTTP2", "0")
PATH = "/api/v1/workspaces/acme/projects/4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34/labels/"
BODY = b'{"name": "urgent"}'
HEADERS = {"Content-Type": "application/json"}
JUDGED, REFUSED, SENT = "judged", "refused", "not covered"
_SECONDS = 5


def context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CA)


def by_urllib(url: str) -> object:
    request = urllib.request.Request(url, BODY, HEADERS, method="POST")
    return urllib.request.urlopen(request, context=context() if url.startswith("https") else None).close()


def by_http_client(url: str, module: Any = http.client) -> object:
    parts = urlsplit(url)
    options = {"context": context()} if parts.scheme == "https" else {}
    kind = module.HTTPSConnection if options else module.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_SECONDS, **options)
    connection.request("POST", f"{parts.path}?{parts.query}", BODY, HEADERS)
    return connection.getresponse().status


def by_socket(url: str) -> object:
    parts = urlsplit(url)
    connection: socket.socket = socket.create_connection((parts.hostname, parts.port or 0), timeout=_SECONDS)
    if parts.scheme == "https":
        connection = context().wrap_socket(connection, server_hostname=parts.hostname)
    with connection:
        connection.sendall(_raw(url))
        return connection.recv(100)


def by_streams(url: str) -> object:
    async def post() -> bytes:
        parts = urlsplit(url)
        secure = context() if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=secure)
        writer.write(_raw(url))
        answer = await reader.read(100)
        writer.close()
        return answer

    return asyncio.run(post())


def _raw(url: str) -> bytes:
    parts = urlsplit(url)
    head = f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(BODY)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + BODY


def with_module(name: str, send: Callable[[Any, str], object]) -> Send:
    return lambda url: send(importlib.import_module(name), url)


def awaited(name: str, send: Callable[[Any, str], Any]) -> Send:
    return lambda url: asyncio.run(send(importlib.import_module(name), url))


def _httpcore(core: Any, url: str) -> object:
    parts = urlsplit(url)
    origin = core.Origin(parts.scheme.encode(), (parts.hostname or "").encode(), parts.port)
    headers = {"Host": parts.netloc, "Content-Length": str(len(BODY)), **HEADERS}
    with core.HTTPConnection(origin, ssl_context=context()) as connection:
        return connection.request("POST", url, headers=headers, content=BODY).status


def _httpx_h2(httpx: Any, url: str) -> object:
    with httpx.Client(http2=True, verify=context()) as client:
        return client.post(url, content=BODY).status_code


async def _httpx_async(httpx: Any, url: str) -> object:
    async with httpx.AsyncClient(verify=context()) as client:
        return (await client.post(url, content=BODY)).status_code


async def _aiohttp(aiohttp: Any, url: str) -> object:
    async with aiohttp.ClientSession() as session, session.post(url, data=BODY, ssl=context()) as response:
        return response.status


async def _aiosonic(aiosonic: Any, url: str) -> object:
    async with aiosonic.HTTPClient() as client:
        secure = {"ssl": context()} if url.startswith("https") else {}
        return (await client.post(url, data=BODY, headers=HEADERS, **secure)).status_code


async def _niquests_async(niquests: Any, url: str) -> object:
    async with niquests.AsyncSession() as session:
        return (await session.post(url, data=BODY, verify=CA)).status_code


async def _tornado(module: Any, url: str) -> object:
    client = module.SimpleAsyncHTTPClient(force_instance=True)
    return (await client.fetch(url, method="POST", body=BODY, ca_certs=CA, request_timeout=_SECONDS)).code


async def _websockets(client: Any, url: str) -> object:
    secure = {"ssl": context()} if url.startswith("https") else {}
    return await client.connect(url.replace("http", "ws", 1), proxy=None, **secure)


def _pycurl(pycurl: Any, url: str) -> object:
    handle = pycurl.Curl()
    for option, value in ((pycurl.URL, url), (pycurl.POSTFIELDS, BODY), (pycurl.CAINFO, CA)):
        handle.setopt(option, value)
    handle.setopt(pycurl.WRITEFUNCTION, lambda _: None)
    handle.perform()
    return handle.getinfo(pycurl.RESPONSE_CODE)


def _grequests(grequests: Any, url: str) -> object:
    raised: list[Exception] = []
    request = grequests.post(url, data=BODY, verify=CA, timeout=9)
    (response,) = grequests.map([request], exception_handler=lambda _, error: raised.append(error))
    if raised:
        raise raised[0]
    return response.status_code


def _tls_client(client: Any, url: str) -> object:
    return client.Session().post(url, data=BODY, insecure_skip_verify=True).status_code


async def _rnet(rnet: Any, url: str) -> object:
    return (await rnet.Client(verify=False).post(url, body=BODY)).status


async def _wreq(wreq: Any, url: str) -> object:
    return (await wreq.Client(tls_verify=False, tls_verify_hostname=False).post(url, body=BODY)).status


async def _ry(ry: Any, url: str) -> object:
    return (await ry.Client(tls_danger_accept_invalid_certs=True).post(url, body=BODY)).status


def _geventhttpclient(client: Any, url: str) -> object:
    return client.HTTPClient.from_url(url, ssl_options={"ca_certs": CA}).post(f"{PATH}?{urlsplit(url).query}", BODY)


def _pyreqwest(client: Any, url: str) -> object:
    with client.SyncClientBuilder().danger_accept_invalid_certs(enable=True).build() as made:
        return made.post(url).body_bytes(BODY).build().send().status


def _in_reactor(request: Callable[[Any], Any]) -> object:
    """Return the status of a request that an agent makes, from a thread that is not the reactor's."""
    from twisted.internet import reactor, ssl, threads  # type: ignore[import-not-found,unused-ignore]
    from twisted.web import client  # type: ignore[import-not-found,unused-ignore]

    with open(CA, "rb") as file:
        trusted = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(file.read())])
    agent = client.Agent(reactor, client.BrowserLikePolicyForHTTPS(trusted))
    if not reactor.running:
        threading.Thread(target=reactor.run, args=(False,), daemon=True).start()

    def post() -> Any:
        return request(agent).addTimeout(_SECONDS, reactor)

    return threads.blockingCallFromThread(reactor, post).code


def _twisted(url: str) -> object:
    return _in_reactor(lambda agent: agent.request(b"POST", url.encode()))


def _urllib3(urllib3: Any, url: str) -> object:
    return urllib3.PoolManager(ca_certs=CA).request("POST", url, body=BODY).status


def _urllib3_h2(http2: Any, url: str) -> object:
    http2.inject_into_urllib3()
    try:
        return _urllib3(importlib.import_module("urllib3"), url)
    finally:
        http2.extract_from_urllib3()


def _treq(treq: Any, url: str) -> object:
    return _in_reactor(lambda agent: treq.client.HTTPClient(agent).post(url, data=BODY))


def _eventlet(client: Any, url: str) -> object:
    return by_http_client(url, client)


# The name in the table, the module that must be installed and is imported first, and the client.
CLIENTS: dict[str, tuple[str, Send]] = {
    "httpx": ("httpx", with_module("httpx", lambda m, url: m.post(url, content=BODY, verify=context()))),
    "httpx, async": ("httpx", awaited("httpx", _httpx_async)),
    "httpx, h2": ("h2", with_module("httpx", _httpx_h2)),
    "httpx2": ("httpx2", with_module("httpx2", lambda m, url: m.post(url, content=BODY, verify=context()))),
    "httpx2, async": ("httpx2", awaited("httpx2", _httpx_async)),
    "httpx2, h2": ("h2", with_module("httpx2", _httpx_h2)),
    "httpcore connections": ("httpcore", with_module("httpcore", _httpcore)),
    "aiohttp": ("aiohttp", awaited("aiohttp", _aiohttp)),
    "http.client": ("http", by_http_client),
    "urllib.request": ("urllib", by_urllib),
    "requests": ("requests", with_module("requests", lambda m, url: m.post(url, data=BODY, verify=CA, timeout=9))),
    "urllib3": ("urllib3", with_module("urllib3", _urllib3)),
    "urllib3, h2": ("h2", with_module("urllib3.http2", _urllib3_h2)),
    "httplib2": ("httplib2", with_module("httplib2", lambda m, url: m.Http(ca_certs=CA).request(url, "POST", BODY))),
    "niquests": ("niquests", with_module("niquests", lambda m, url: m.post(url, data=BODY, verify=CA))),
    "niquests, async": ("niquests", awaited("niquests", _niquests_async)),
    "eventlet.green.http.client": ("eventlet", with_module("eventlet.green.http.client", _eventlet)),
    "twisted": ("twisted.web.client", _twisted),
    "treq": ("treq", with_module("treq", _treq)),
    "grequests": ("grequests", with_module("grequests", _grequests)),
    "tornado": ("tornado.simple_httpclient", awaited("tornado.simple_httpclient", _tornado)),
    "aiosonic": ("aiosonic", awaited("aiosonic", _aiosonic)),
    "websockets": ("websockets.asyncio.client", awaited("websockets.asyncio.client", _websockets)),
    "geventhttpclient": ("geventhttpclient", with_module("geventhttpclient", _geventhttpclient)),
    "pycurl": ("pycurl", with_module("pycurl", _pycurl)),
    "curl_cffi": ("curl_cffi", with_module("curl_cffi", lambda m, url: m.post(url, data=BODY, verify=CA))),
    "primp": ("primp", with_module("primp", lambda m, url: m.Client(verify=False).post(url, content=BODY))),
    "impit": ("impit", with_module("impit", lambda m, url: m.Client(verify=False).post(url, content=BODY))),
    "httpr": ("httpr", with_module("httpr", lambda m, url: m.Client(verify=False).post(url, content=BODY))),
    "pyreqwest": ("pyreqwest", with_module("pyreqwest.client", _pyreqwest)),
    "pyreqwest_impersonate": (
        "pyreqwest_impersonate",
        with_module("pyreqwest_impersonate", lambda m, url: m.Client(verify=False).post(url, content=BODY)),
    ),
    "rnet": ("rnet", awaited("rnet", _rnet)),
    "wreq": ("wreq", awaited("wreq", _wreq)),
    "ry": ("ry", awaited("ry", _ry)),
    "tls_client": ("tls_client", with_module("tls_client", _tls_client)),
    "sockets": ("socket", by_socket),
    "asyncio streams": ("asyncio", by_streams),
}


# These replace modules of the whole process, so each runs in a process of its own.
ALONE = ("eventlet.green.http.client", "grequests")
# These agree with the server on HTTP/2 without being told to. The others need a client of their own for it.
AGREE_ON_H2 = {
    "niquests",
    "niquests, async",
    "pycurl",
    "curl_cffi",
    "primp",
    "httpr",
    "pyreqwest_impersonate",
    "rnet",
    "wreq",
    "tls_client",
}


def reasons(error: BaseException | None) -> set[str]:
    """Return the reasons of all refusals in an exception."""
    found: set[str] = set()
    while error is not None:
        if hasattr(error, "decision"):
            found.add(str(error.decision.reason))
        for inner in getattr(error, "exceptions", ()):
            found |= reasons(inner)
        error = error.__cause__ or error.__context__
    return found


def outcome(send: Send, url: str) -> str:
    """Return what became of a write."""
    try:
        send(url)
    except BaseException as error:  # noqa: BLE001  exception groups as well
        found = reasons(error)
        if found:
            return REFUSED if "unguarded-client" in found else JUDGED
        return f"{type(error).__name__}: {error}"
    return SENT


def is_installed(name: str) -> bool:
    return importlib.util.find_spec(CLIENTS[name][0].partition(".")[0]) is not None


def schemes(name: str) -> tuple[str, ...]:
    """Return what a client speaks; `h2` stands for HTTP/2 over TLS."""
    if name.endswith(", h2"):
        return ("h2",)
    return ("http", "https", "h2") if name in AGREE_ON_H2 else ("http", "https")


def rows(name: str, bases: dict[str, str]) -> dict[str, Any]:
    """Return the outcome of one client and the seconds that it took without the client's import, by scheme."""
    found = {}
    module, send = CLIENTS[name]
    importlib.import_module(module)
    for scheme in schemes(name):
        base = bases[scheme]
        begin = time.monotonic()
        result = outcome(send, f"{base}{PATH}?row={name.replace(' ', '-')}-{scheme}")
        found[f"{name}/{scheme}"] = [result, time.monotonic() - begin]
    return found


def teaches(name: str) -> int:
    """Return how soon a client teaches its host to the others, so that those which teach nothing can run first."""
    if name in {"pycurl", "curl_cffi"}:
        return 1  # their URLs are read
    return 0 if list(CLIENTS).index(name) > list(CLIENTS).index("eventlet.green.http.client") else 2


def main(kind: str, alone: str = "") -> None:
    """Print the outcome of every installed client, or of one, as one JSON object."""
    host = "localhost" if kind == "known" else "127.0.0.1"
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"  # it imports trio, which eventlet breaks
    bases = {"http": f"http://{host}:{PLAIN}", "https": f"https://{host}:{TLS}", "h2": f"https://{host}:{HTTP2}"}
    if alone:
        importlib.import_module(CLIENTS[alone][0])
    if kind == "learned":
        import httpx

        for base in bases.values():
            with contextlib.suppress(httpx.RemoteProtocolError):  # the server of HTTP/2 speaks nothing else
                httpx.get(f"{base}/api/v1/workspaces/acme/projects/", verify=context())
    found: dict[str, Any] = {}
    for name in sorted(CLIENTS, key=teaches) if kind == "unknown" else CLIENTS:
        if (name == alone if alone else name not in ALONE) and is_installed(name):
            found |= rows(name, bases)
    from plane_guard_instrumentation.evidence import coverage

    print(json.dumps({"rows": found, "uncovered": coverage.uncovered()}))
    sys.stdout.flush()
    os._exit(0)  # some clients leave threads behind


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The clients that stand on `http.client`, each as one function that sends a request and returns what came back."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3

from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    import pytest

    Body = bytes | IO[bytes] | Iterable[bytes] | None


class Came(NamedTuple):
    """The answer to a request."""

    status: int
    content: bytes


Send = Callable[[str, str, Mapping[str, str], "Body"], Came]


def _requests(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    response = requests.request(method, url, headers=headers, data=body, allow_redirects=False, timeout=10)
    return Came(response.status_code, response.content)


def _session(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    with requests.Session() as session:
        session.headers.update(headers)
        response = session.send(session.prepare_request(requests.Request(method, url, data=body)), timeout=10)
        return Came(response.status_code, response.content)


def _pool_manager(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    with urllib3.PoolManager(headers=dict(headers), retries=False) as pools:
        response = pools.request(method, url, body=body)
        return Came(response.status, response.data)


def _one_connection_pool(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    split = urlsplit(url)
    with urllib3.HTTPConnectionPool(str(split.hostname), split.port, maxsize=1, block=True, retries=False) as pool:
        response = pool.urlopen(method, split.path, body=body, headers=dict(headers))
        return Came(response.status, response.data)


def _urllib(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    given = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, method=method, headers=given, data=body)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            return Came(response.status, response.read())
    except urllib.error.HTTPError as answer:
        with answer:
            return Came(answer.code, answer.read())


def _http_client(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    split = urlsplit(url)
    connection = http.client.HTTPConnection(str(split.hostname), split.port, timeout=10)
    try:
        connection.request(method, split.path, body=body, headers=headers)
        response = connection.getresponse()
        return Came(response.status, response.read())
    finally:
        connection.close()


class _Subclass(http.client.HTTPConnection):
    """A connection that overrides everything and hands it on, as tracing and caching libraries do."""

    def putrequest(self, *arguments: object, **options: object) -> None:
        super().putrequest(*arguments, **options)  # type: ignore[arg-type]

    def endheaders(self, *arguments: object, **options: object) -> None:
        super().endheaders(*arguments, **options)  # type: ignore[arg-type]

    def send(self, data: object) -> None:
        super().send(data)  # type: ignore[arg-type]

    def connect(self) -> None:
        super().connect()


def _subclass(method: str, url: str, headers: Mapping[str, str], body: Body) -> Came:
    split = urlsplit(url)
    connection = _Subclass(str(split.hostname), split.port, timeout=10)
    try:
        connection.request(method, split.path, body=body, headers=headers)
        response = connection.getresponse()
        return Came(response.status, response.read())
    finally:
        connection.close()


CLIENTS: dict[str, Send] = {
    "requests": _requests,
    "requests.Session": _session,
    "urllib3.PoolManager": _pool_manager,
    "urllib3.HTTPConnectionPool": _one_connection_pool,
    "urllib.request": _urllib,
    "http.client": _http_client,
    "subclass": _subclass,
}


def note_connections(patch: pytest.MonkeyPatch, seen: list[bool]) -> None:
    """For each connection that is opened, note whether the connection layer would let it pass."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        seen.append(request_scope.is_connecting())
        real(self, address)  # type: ignore[arg-type]

    patch.setattr(socket.socket, "connect", connect)

"""A proxy and a TLS front on loopback, made of raw sockets: nothing that they hand on passes a guarded client."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Route = Callable[[socket.socket], tuple[socket.socket, bytes]]

_ABSOLUTE = re.compile(rb"http://([^/ :]+):(\d+)")


@contextmanager
def proxy(asked: list[bytes]) -> Iterator[str]:
    """A proxy that forwards absolute-form requests and opens CONNECT tunnels; `asked` gets each request line."""

    def route(client: socket.socket) -> tuple[socket.socket, bytes]:
        head = _head(client)
        asked.append(head.partition(b"\r\n")[0])
        method, target, _ = asked[-1].split(b" ")
        if method == b"CONNECT":
            host, _, port = target.partition(b":")
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return _connected(host.decode(), int(port)), b""
        there = _ABSOLUTE.match(target)
        assert there is not None
        return _connected(there[1].decode(), int(there[2])), _ABSOLUTE.sub(b"", head, count=1)

    with _serving(route) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def tls_front(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port that speaks TLS and hands on to another port on loopback what it decrypts."""
    with _serving(lambda _: (_connected("127.0.0.1", port), b""), context) as front:
        yield front


def _connected(host: str, port: int) -> socket.socket:
    """Connect as a relay in another process could: the guard has learned the port and closed it to raw sockets."""
    with request_scope.connecting():
        return socket.create_connection((host, port))


@contextmanager
def _serving(route: Route, context: ssl.SSLContext | None = None) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, route, context), daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, route: Route, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_relay, args=(client, route, context), daemon=True).start()


def _relay(client: socket.socket, route: Route, context: ssl.SSLContext | None) -> None:
    with suppress(OSError), context.wrap_socket(client, server_side=True) if context else client as inner:
        server, first = route(inner)
        with server:
            server.sendall(first)
            back = threading.Thread(target=_pump, args=(server, inner), daemon=True)
            back.start()
            _pump(inner, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _head(client: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65_536)
        if not data:
            raise ConnectionError("the client hung up")
        head += data
    return head

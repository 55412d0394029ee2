"""A TLS front on loopback that speaks HTTP/2 and hands each request on to a server that speaks HTTP/1.1."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

Headers = list[tuple[str, str]]


@contextmanager
def serving(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port in front of another one; it takes nothing but HTTP/2."""
    context.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, port, context), daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, port, context), daemon=True).start()


def _serve(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    hangs_up = (OSError, h2.exceptions.ProtocolError)
    with suppress(*hangs_up), context.wrap_socket(client, server_side=True) as inner:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        inner.sendall(connection.data_to_send())
        requests: dict[int, tuple[Headers, bytearray]] = {}
        while data := inner.recv(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    requests[event.stream_id] = [(str(name), str(value)) for name, value in event.headers], bytearray()
                elif isinstance(event, h2.events.DataReceived):
                    requests[event.stream_id][1].extend(event.data)
                elif isinstance(event, h2.events.StreamEnded):
                    headers, body = requests.pop(event.stream_id)
                    status, answer = _forward(port, headers, bytes(body))
                    fields = [(":status", str(status)), ("content-type", "application/json")]
                    connection.send_headers(event.stream_id, fields)
                    connection.send_data(event.stream_id, answer, end_stream=True)
            inner.sendall(connection.data_to_send())


def _forward(port: int, headers: Headers, body: bytes) -> tuple[int, bytes]:
    """Send a request as a server in another process could: the guard of this one has no say in it."""
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    fields = [f"{name}: {value}" for name, value in headers if not name.startswith(":") and name != "content-length"]
    fields += [f"Host: {pseudo[':authority']}", f"Content-Length: {len(body)}", "Connection: close"]
    head = "\r\n".join([f"{pseudo[':method']} {pseudo[':path']} HTTP/1.1", *fields, "", ""])
    with request_scope.connecting(), socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(head.encode() + body)
        response = http.client.HTTPResponse(server)
        response.begin()
        return response.status, response.read()

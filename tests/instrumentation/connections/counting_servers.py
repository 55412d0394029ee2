"""Servers on loopback, plain and TLS, that count the requests they get."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


IN_TEST = {"PLANE_GUARD_TEST_PROCESS": "1", "PLANE_GUARD_HOSTS": "localhost"}


class RequestCounts(Counter[str]):
    """How often each path was requested. `environment` tells a child where the servers are."""

    environment: dict[str, str]
    authority: trustme.CA


@contextmanager
def serving(folder: Path) -> Iterator[RequestCounts]:
    """Serve on two ports until the block ends."""
    import ssl

    request_counts = RequestCounts()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request_counts[self.path.rpartition("/")[2]] += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A refused client hangs up in the middle of a handshake."""

    request_counts.authority = authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with Server(("127.0.0.1", 0), Handler) as plain, Server(("127.0.0.1", 0), Handler) as secure:
        secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
        for server in (plain, secure):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        request_counts.environment = {
            "TEST_SERVER_PLAIN": str(plain.server_port),
            "TEST_SERVER_TLS": str(secure.server_port),
            "TEST_SERVER_CA": str(folder / "ca.pem"),
        }
        yield request_counts
        plain.shutdown()
        secure.shutdown()

"""Servers on loopback, plain and TLS, that count what is asked of them."""

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


class Asked(Counter[str]):
    """How often each name was asked for; `environment` tells a child where."""

    environment: dict[str, str]


@contextmanager
def serving(folder: Path) -> Iterator[Asked]:
    """Serve on two ports until the block ends."""
    import ssl

    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path.rpartition("/")[2]] += 1
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

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with Server(("127.0.0.1", 0), Handler) as plain, Server(("127.0.0.1", 0), Handler) as secure:
        secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
        for server in (plain, secure):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        asked.environment = {
            "FLOOR_PLAIN": str(plain.server_port),
            "FLOOR_TLS": str(secure.server_port),
            "FLOOR_CA": str(folder / "ca.pem"),
        }
        yield asked
        plain.shutdown()
        secure.shutdown()

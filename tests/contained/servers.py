"""Servers with TLS on loopback for programs that contained commands use: git's, and a folder of packages."""

from __future__ import annotations

import functools
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

GIT_BACKEND = "/usr/lib/git-core/git-http-backend"


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler], context: ssl.SSLContext) -> Iterator[int]:
    """Serve in a thread; yield the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Git(BaseHTTPRequestHandler):
    """Git's own program for servers."""

    def __init__(self, *arguments: object, root: Path) -> None:
        self._root = root
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "REMOTE_USER": "tester",
        }
        ran = subprocess.run(
            [GIT_BACKEND], input=self.rfile.read(length), env=environ, capture_output=True, check=False
        )
        head, _, body = ran.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  the name that the server calls

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name of the parameter
        """Say nothing."""


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name of the parameter
        """Say nothing."""


def git(root: Path) -> Callable[..., BaseHTTPRequestHandler]:
    """Return a handler for the repositories in a folder."""
    return functools.partial(_Git, root=root)


def files(root: Path) -> Callable[..., BaseHTTPRequestHandler]:
    """Return a handler for the files in a folder."""
    return functools.partial(_Files, directory=str(root))

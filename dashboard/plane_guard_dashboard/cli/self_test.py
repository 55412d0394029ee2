"""The canary: a write to a made-up production project through every real patched path, in a process of its own.

Run as a module: the process marks itself as a test process. Each line of its output is one path: its name, what
happened, and how many requests a listening server received meanwhile, which must be none. Clients that are not
installed have no path.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import plane_guard_watch
from plane_guard import DEFAULT_HOSTS, PlaneWriteBlocked

if TYPE_CHECKING:
    from collections.abc import Callable

    Send = Callable[[str], str | None]

_PATH = "/api/v1/workspaces/plane-guard-canary/projects/00000000-0000-4000-8000-000000000000/work-items/"
_BODY = b'{"name": "canary"}'
_received: list[str] = []


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        _received.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _httpx(url: str, module: str = "httpx") -> None:
    with import_module(module).Client(trust_env=False) as client:
        client.post(url, content=_BODY)


def _httpx_async(url: str, module: str = "httpx") -> None:
    async def send() -> None:
        async with import_module(module).AsyncClient(trust_env=False) as client:
            await client.post(url, content=_BODY)

    asyncio.run(send())


def _http_client(url: str) -> None:
    connection = http.client.HTTPConnection(url.split("/")[2])
    connection.request("POST", _PATH, _BODY)


def _urllib(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(url, _BODY, method="POST"))  # noqa: S310  its own server


def _requests(url: str) -> None:
    requests: Any = import_module("requests")
    with requests.Session() as session:
        session.trust_env = False
        session.post(url, data=_BODY, timeout=10)


def _urllib3(url: str) -> None:
    urllib3: Any = import_module("urllib3")
    urllib3.PoolManager().request("POST", url, body=_BODY)


def _aiohttp(url: str) -> None:
    async def send() -> None:
        async with import_module("aiohttp").ClientSession() as session:
            await session.post(url, data=_BODY)

    asyncio.run(send())


_CHILD = """
import sys, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], b"{}", method="POST"))
except Exception as error:
    print(type(error).__name__)
"""
_CHILD_SECONDS = 60


def _child(url: str, environ: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-c", _CHILD, url]
    child = subprocess.run(  # noqa: S603  our own code
        command, env=environ, capture_output=True, text=True, check=False, timeout=_CHILD_SECONDS
    )
    said = child.stdout.strip()
    return "blocked" if said == PlaneWriteBlocked.__name__ else f"failed with {said}" if said else "sent"


def _child_without_environment(url: str) -> str:
    """Start a child that has to find out from its ancestors that it belongs to a test."""
    return _child(url, {})


def _unpatched(_: str) -> None:
    socket.getaddrinfo(min(DEFAULT_HOSTS), 443)


# path: the library it needs, and how it is tried
PATHS: dict[str, tuple[str, Send]] = {
    "httpx": ("httpx", _httpx),
    "httpx, async": ("httpx", _httpx_async),
    "httpx2": ("httpx2", lambda url: _httpx(url, "httpx2")),
    "httpx2, async": ("httpx2", lambda url: _httpx_async(url, "httpx2")),
    "http.client": ("http", _http_client),
    "urllib.request": ("urllib", _urllib),
    "requests": ("requests", _requests),
    "urllib3": ("urllib3", _urllib3),
    "aiohttp": ("aiohttp", _aiohttp),
    "a client that is not patched": ("socket", _unpatched),
    "a child process": ("subprocess", _child),
    "a child process with an empty environment": ("subprocess", _child_without_environment),
}


def main() -> None:
    """Try each path and print its result."""
    plane_guard_watch.note_evidence("plane-guard doctor")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}{_PATH}"
        for name, (library, send) in PATHS.items():
            if find_spec(library) is not None:
                result = {"path": name, "result": _try(send, url), "received": len(_received)}
                sys.stdout.write(json.dumps(result) + "\n")
                _received.clear()
        server.shutdown()


def _try(send: Send, url: str) -> str:
    try:
        return send(url) or "sent"
    except PlaneWriteBlocked:
        return "blocked"
    except Exception as error:  # noqa: BLE001  whatever else happens is reported as it is
        return f"failed with {type(error).__name__}"


if __name__ == "__main__":
    main()

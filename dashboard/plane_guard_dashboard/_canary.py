"""The canary: a write to a made-up production project through every real patched path, in a process of its own.

Run as a module in a child that counts as a test process. Each line of its output is one path: its name, what
happened, and how many requests a listening server received meanwhile (which must be none).
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx

from plane_guard import PlaneWriteBlocked

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = "/api/v1/workspaces/plane-guard-canary/projects/00000000-0000-4000-8000-000000000000/work-items/"
_received: list[str] = []


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        _received.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has
        """Keep quiet."""


def _sync(url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        client.post(url, json={"name": "canary"})


async def _async(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(url, json={"name": "canary"})


PATHS: dict[str, Callable[[str], None]] = {"httpx": _sync, "httpx (async)": lambda url: asyncio.run(_async(url))}


def main() -> None:
    """Try each path and print what became of it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}{_PATH}"
        for name, send in PATHS.items():
            sys.stdout.write(json.dumps({"path": name, "result": _try(send, url), "received": len(_received)}) + "\n")
            _received.clear()
        server.shutdown()


def _try(send: Callable[[str], None], url: str) -> str:
    try:
        send(url)
    except PlaneWriteBlocked:
        return "blocked"
    except Exception as error:  # noqa: BLE001  whatever else happens is reported as it is
        return f"failed with {type(error).__name__}"
    return "sent"


if __name__ == "__main__":
    main()

"""Just enough of a Plane server, on loopback: it answers reads, accepts every write, and remembers the writes."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

SANDBOX = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
SLUG = "acme"
LIVE_LOOKING_TOKEN = "plane_api_3f8e1c7a9b2d4e6f8a0c1b3d5e7f9a2c"
STATES = {
    "Todo": "state-todo",
    "In Progress": "state-in-progress",
    "Done": "state-done",
    "Cancelled": "state-cancelled",
}


class Issue(NamedTuple):
    """A work item as Plane shows it."""

    id: str
    project: str


ISSUES = {
    "ORCH-114": Issue("5c1d7f0e-64b2-4a39-9c8e-1f2a3b4c5d6e", PROD),
    "SBX-1": Issue("0e9b8a7c-6d5f-4e3a-8b1c-2d4f6a8b0c1e", SANDBOX),
}
_BASE = f"/api/v1/workspaces/{SLUG}/"
_ISSUE_KEY = re.compile(rf"{_BASE}issues/([A-Z]+-\d+)/")
_ISSUE_DETAIL = re.compile(rf"{_BASE}projects/([^/]+)/issues/([^/]+)/")
_STATES = re.compile(rf"{_BASE}projects/[^/]+/states/")


class Write(NamedTuple):
    """A write that reached the server."""

    method: str
    path: str
    token: str | None
    payload: dict[str, Any]


class FakePlane:
    """A server for the time of a `with` block. Like Plane, it takes comments on any work item under any project."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        handler = type("Handler", (_Handler,), {"plane": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    plane: FakePlane

    def do_GET(self) -> None:
        found = _look_up(self.path)
        self._reply(404 if found is None else 200, found)

    def do_PATCH(self) -> None:
        self._accept(200)

    def do_POST(self) -> None:
        self._accept(201)

    def _accept(self, status: int) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.plane.writes.append(Write(self.command, self.path, self.headers["X-API-Key"], payload))
        self._reply(status, payload)

    def _reply(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


def _look_up(path: str) -> dict[str, Any] | None:
    """What Plane shows for a GET; a detail under the issue's own project only, which plane-guard takes as proof."""
    if _STATES.fullmatch(path):
        return {"results": [{"name": name, "id": state} for name, state in STATES.items()]}
    if (by_key := _ISSUE_KEY.fullmatch(path)) and by_key[1] in ISSUES:
        return ISSUES[by_key[1]]._asdict()
    if detail := _ISSUE_DETAIL.fullmatch(path):
        return next(
            (issue._asdict() for issue in ISSUES.values() if (issue.project, issue.id) == detail.groups()), None
        )
    return None

"""A stand-in for a Plane server on loopback: two projects, real routes, a record of everything that came in.

It behaves as a real server was measured to behave, dangers included: a comment posted under the sandbox's
path on a production work item changes that item. The demo and the tests ask it what really happened.
"""

from __future__ import annotations

import posixpath
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from plane_guard_dashboard.demo import _routes, _seed
from plane_guard_dashboard.demo._bodies import Refused
from plane_guard_dashboard.demo._calls import FORBIDDEN, NOT_FOUND, STUMBLED, Call
from plane_guard_dashboard.demo._state import Database, Mutation, Row, Tables
from plane_guard_dashboard.demo._wire import ReceivedRequest, Reply, WireServer

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Faults", "Mutation", "ReceivedRequest", "StandInPlane"]

API = "/api/v1/"
RATE_LIMITED = {"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"}
QUOTA = {"X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "60"}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on purpose. `limited` is how many answers are 429 before things are well again."""

    limited: int = 0
    retry_after: str = "1"
    delay: float = 0.0
    redirect_to: str = ""
    broker_down: bool = False


class StandInPlane:
    """A Plane server with the projects PROD and SANDBOX, for the time of a `with` block."""

    workspace = _seed.WORKSPACE
    token = _seed.ADMIN_TOKEN
    limited_token = _seed.LIMITED_TOKEN

    def __init__(self, *, prefix: str = "", normalises: bool = False) -> None:
        """Prepare a server below `prefix`; `normalises`: behind a proxy that resolves dot segments."""
        self.prod = _seed.handle(_seed.PROD_PLAN)
        self.sandbox = _seed.handle(_seed.SANDBOX_PLAN)
        self.faults = Faults()
        self._prefix = prefix.rstrip("/")
        self._normalises = normalises
        self._database = Database(_seed.build())
        self._requests: list[ReceivedRequest] = []
        self._server = WireServer(self._answer)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop, and hang up on clients that keep connections alive."""
        self._server.stop()

    @property
    def port(self) -> int:
        """Return the port on 127.0.0.1."""
        return self._server.port

    @property
    def url(self) -> str:
        """Return the base URL that a client is configured with."""
        return f"http://127.0.0.1:{self.port}{self._prefix}"

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Return every request received, in order."""
        with self._database.lock:
            return list(self._requests)

    @property
    def writes(self) -> list[ReceivedRequest]:
        """Return the requests received that are not reads, whatever became of them."""
        return [request for request in self.requests if request.is_write]

    @property
    def mutations(self) -> list[Mutation]:
        """Return every row changed, in order."""
        with self._database.lock:
            return list(self._database.mutations)

    def mutations_of(self, project_id: str) -> list[Mutation]:
        """Return the changed rows that belong to a project."""
        return [mutation for mutation in self.mutations if mutation.project_id == project_id]

    def snapshot(self, project_id: str) -> Tables:
        """Return everything a project owns, to be compared with a later snapshot."""
        return self._database.snapshot(project_id)

    def row(self, table: str, row_id: str) -> Row | None:
        """Return a copy of a row, wherever it belongs."""
        with self._database.lock:
            found = self._database.find(table, row_id)
            return None if found is None else dict(found)

    def reset(self) -> None:
        """Go back to the first day: rows, record and faults."""
        with self._database.lock:
            self._database.reset()
            self._requests.clear()
            self.faults = Faults()

    def _answer(self, request: ReceivedRequest) -> Reply:
        with self._database.lock:
            self._requests.append(request)
            faults = self.faults
            self.faults = replace(faults, limited=max(0, faults.limited - 1))
        time.sleep(faults.delay)
        if faults.limited:
            return Reply(429, RATE_LIMITED, {"Retry-After": faults.retry_after})
        if faults.redirect_to:
            return Reply(307, None, {"Location": faults.redirect_to + request.target})
        with self._database.during(request):
            reply = self._route(request)
        if faults.broker_down and request.is_write and reply.status < 300:  # noqa: PLR2004
            return Reply(500, STUMBLED)
        return reply

    def _route(self, request: ReceivedRequest) -> Reply:
        path, query = _routes.decode(request.target)
        if self._normalises:
            path = _collapse(path)
        if not path.startswith(self._prefix + "/"):
            return Reply(404, NOT_FOUND)
        path = path.removeprefix(self._prefix)
        if path.startswith("/uploads") and request.is_write:
            return Reply(204)
        if path.startswith("/api/workspaces/"):
            return Reply(401, {"detail": "Authentication credentials were not provided."})
        return self._view(request, path, query)

    def _view(self, request: ReceivedRequest, path: str, query: str) -> Reply:
        found = _routes.resolve(path.removeprefix(API)) if path.startswith(API) else None
        if found is None:
            return self._no_route(path, query)
        views, ids = found
        refusal = self._refusal(request.header("X-Api-Key"), ids)
        if refusal is not None:
            return refusal
        view = views.get(request.method.upper())
        if view is None:
            return Reply(405, {"detail": f'Method "{request.method.upper()}" not allowed.'})
        try:
            reply = view(Call(self._database, request, ids, f"http://127.0.0.1:{self.port}"))
        except Refused as refused:
            return refused.reply
        except Exception:  # noqa: BLE001 - a real server answers 500 as well
            return Reply(500, STUMBLED)
        return replace(reply, headers=QUOTA)

    def _no_route(self, path: str, query: str) -> Reply:
        if not path.endswith("/") and _routes.resolve(f"{path}/".removeprefix(API)):
            return Reply(301, None, {"Location": self._prefix + _routes.slash_added(path, query)})
        return Reply(404, NOT_FOUND)

    def _refusal(self, token: str, ids: dict[str, str]) -> Reply | None:
        if not token:
            return Reply(401, {"detail": "Authentication credentials were not provided."})
        if token not in {self.token, self.limited_token}:
            return Reply(403, {"detail": "Given API token is not valid"})
        if ids.get("slug", self.workspace) != self.workspace or not self._member(token, ids.get("project")):
            return Reply(403, FORBIDDEN)
        return None

    def _member(self, token: str, project: str | None) -> bool:
        if project is None:
            return True
        if token == self.limited_token:
            return project == self.sandbox.id
        return self._database.find("projects", project) is not None


def _collapse(path: str) -> str:
    slash = "/" if path.endswith("/") else ""
    return "/" + posixpath.normpath(path).lstrip("/") + slash

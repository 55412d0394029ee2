"""`FakePlane`: a Plane server on loopback that behaves as a real one was measured to behave, dangers included.

A comment posted under the sandbox's path on a production work item changes that item. Tests ask the fake server
afterwards which requests arrived and which rows changed.
"""

from __future__ import annotations

import json
import posixpath
import re
import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Self

from plane_guard_instrumentation.testing import (
    activity,
    routes_app,
    routes_cloud,
    routes_v1,
    routing,
    seeding,
    webhooks,
    world,
)
from plane_guard_instrumentation.testing.bodies import Refused
from plane_guard_instrumentation.testing.calls import (
    FORBIDDEN,
    NOT_FOUND,
    SERVER_ERROR,
    UNAUTHENTICATED,
    Call,
)
from plane_guard_instrumentation.testing.database import Change, Database, Row, Tables
from plane_guard_instrumentation.testing.http_server import HTTPServer, ReceivedRequest, Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from plane_guard_instrumentation.testing.calls import Views

RATE_LIMITED = {"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"}
QUOTA = {"X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "60"}
SESSION_COOKIE = "session-id"
API_V1, APP, PUBLIC = "/api/v1/", "/api/", "/api/public/"
ROUTES = {
    API_V1: routing.RouteTable(routes_v1.ROUTES),
    PUBLIC: routing.RouteTable(routes_app.PUBLIC_ROUTES),
    APP: routing.RouteTable(routes_app.ROUTES),
}


WITH_CLOUD = {**ROUTES, API_V1: routing.RouteTable({**routes_cloud.ROUTES, **routes_v1.ROUTES})}


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults to inject. `limited` is the number of requests to answer with 429.

    `worker_delay` are the seconds until a change shows up in the activity log, which Plane's workers write.
    """

    limited: int = 0
    retry_after: str = "1"
    delay: float = 0.0
    redirect_to: str = ""
    broker_down: bool = False
    worker_delay: float = 0.0


class FakePlane:
    """A Plane server for the time of a `with` block: one workspace with the projects PROD and SANDBOX.

    Args:
        prefix: A path below which the whole server lives, such as `/plane`.
        normalises: Resolve dot segments and double slashes first, as some proxies in front of Plane do.
        ssl_context: Serve HTTPS with this context.
        cloud: Also answer the routes of Plane Cloud that the open server, which was measured, does not have.
        seed: Rows to start with, in addition to the two projects; see `seed()`.

    """

    workspace = world.WORKSPACE
    token = world.ADMIN_TOKEN
    limited_token = world.LIMITED_TOKEN  # its user is a member of the sandbox only
    session = world.SESSION

    def __init__(
        self,
        *,
        prefix: str = "",
        normalises: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        cloud: bool = False,
        seed: seeding.Description | str | Path | None = None,
    ) -> None:
        self.prod = world.handle(world.PROD_PLAN)
        self.sandbox = world.handle(world.SANDBOX_PLAN)
        self.faults = Faults()
        self.hooks: list[Callable[[ReceivedRequest], object]] = []
        self._prefix = prefix.rstrip("/")
        self._normalises = normalises
        self._routes = WITH_CLOUD if cloud else ROUTES
        self._scheme = "http" if ssl_context is None else "https"
        self._database = Database(world.build(), {"workspace": world.WORKSPACE_ID})
        self._webhooks = webhooks.Sender()
        self._database.listeners += (activity.record, self._webhooks.record)
        self._requests: list[ReceivedRequest] = []
        self._first_seed = None if seed is None else seeding.read(seed)
        self._plant_first_seed()
        self._server = HTTPServer(self._answer, ssl_context)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop, and close the connections that clients keep alive."""
        self._server.stop()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    @property
    def url(self) -> str:
        """The base URL to configure a client with."""
        return f"{self._scheme}://127.0.0.1:{self.port}{self._prefix}"

    @property
    def project(self) -> str:
        """The id of the sandbox project."""
        return self.sandbox.id

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request to API v1."""
        return {"X-Api-Key": self.token}

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that authenticate a request to the app API and to public boards."""
        return {SESSION_COOKIE: self.session}

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request received, oldest first."""
        with self._database.lock:
            return list(self._requests)

    @property
    def writes(self) -> list[ReceivedRequest]:
        """The requests received that are not reads, whatever the answer was."""
        return [request for request in self.requests if request.is_write]

    @property
    def changes(self) -> list[Change]:
        """Every row changed by a request, oldest first."""
        with self._database.lock:
            return list(self._database.changes)

    def changes_of(self, project: object) -> list[Change]:
        """Return the changes of rows that belong to a project, given as id or handle."""
        return [change for change in self.changes if str(project) in change.projects]

    @property
    def activities(self) -> list[Row]:
        """The activity log of all projects, oldest first, as Plane's API shows it."""
        return self.rows("activities")

    @property
    def clock(self) -> Callable[[], float]:
        """The server's clock, in seconds since 1970. Tests may replace it."""
        return self._database.clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self._database.clock = clock

    def send(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Reply:
        """Answer a request that did not come over the network, so that no guard has seen it.

        `path` starts behind the workspace: `projects/<id>/work-items/`.
        """
        headers = (("X-Api-Key", token or self.token), ("Content-Type", "application/json"))
        content = b"" if body is None else json.dumps(body).encode()
        target = f"{self._prefix}{API_V1}workspaces/{self.workspace}/{path}"
        return self._answer(ReceivedRequest(method, target, headers, content, b"", time.time()))

    def subscribe(self, url: str, secret: str, *, version: int = 2) -> None:
        """Send signed webhooks to an address on this machine, in the form of v1 or v2, until the server is reset."""
        self._webhooks.subscribe(webhooks.Subscription(url, secret, version))

    def deliver(self) -> list[int]:
        """Wait until every webhook was sent, and return the statuses of the answers; 0 for none."""
        self._webhooks.drain()
        return list(self._webhooks.statuses)

    def rows(self, table: str, **where: object) -> list[Row]:
        """Return copies of the rows of a table whose fields equal `where`."""
        with self._database.lock:
            return [dict(row) for row in self._database.rows(table, **where)]

    def row(self, table: str, row_id: str) -> Row | None:
        """Return a copy of a row, whatever its project is."""
        with self._database.lock:
            found = self._database.find(table, row_id)
            return None if found is None else dict(found)

    def snapshot(self, project: object = None) -> Tables:
        """Return a copy of everything that a project owns, to compare with later. The default is the sandbox."""
        return self._database.snapshot(str(project or self.project))

    def seed(
        self,
        source: seeding.Description | str | Path | None = None,
        /,
        *,
        project: object = None,
        **tables: Sequence[Mapping[str, Any]],
    ) -> dict[str, list[Row]]:
        """Add rows, and return copies of them by table.

        `plane.seed(work_items=[{"name": "Fix it", "state": "Todo", "labels": ["bug"]}])` adds a work item to the
        sandbox. `plane.seed("rows.json")` reads the same from a file. Rows refer to others by id, by name, or by a
        work item's key. A row's `project` is an id, a name or an identifier; the default is the argument `project`,
        then the sandbox.
        """
        description = {**(seeding.read(source) if source is not None else {}), **tables}
        return seeding.plant(self._database, description, str(project or self.project))

    def reset(self) -> None:
        """Restore the first rows, and clear the records, the faults and the hooks."""
        with self._database.lock:
            self._database.reset()
            self._plant_first_seed()
            self._requests.clear()
            self.hooks.clear()
            self.faults = Faults()
            self.clock = time.time
            self._webhooks.subscriptions.clear()
            self._webhooks.statuses.clear()

    def _plant_first_seed(self) -> None:
        if self._first_seed is not None:
            seeding.plant(self._database, self._first_seed, self.project)

    def _answer(self, request: ReceivedRequest) -> Reply:
        reply = self._reply(request)
        return replace(reply, headers={"Date": formatdate(self.clock(), usegmt=True), **reply.headers})

    def _reply(self, request: ReceivedRequest) -> Reply:
        with self._database.lock:
            self._requests.append(request)
            faults = self.faults
            self.faults = replace(faults, limited=max(0, faults.limited - 1))
        for hook in tuple(self.hooks):
            hook(request)
        time.sleep(faults.delay)
        if faults.limited:
            return Reply(429, RATE_LIMITED, {"Retry-After": faults.retry_after})
        if faults.redirect_to:
            return Reply(307, None, {"Location": faults.redirect_to + request.target})
        reply = self._route(request)
        if faults.broker_down and request.is_write and reply.status < 300:  # noqa: PLR2004
            return Reply(500, SERVER_ERROR)  # measured: the write has landed all the same
        return reply

    def _route(self, request: ReceivedRequest) -> Reply:
        path, query = routing.decode(request.target)
        if self._normalises:
            path = _collapse(path)
        if not path.startswith(self._prefix + "/"):
            return Reply(404, NOT_FOUND)
        path = path.removeprefix(self._prefix)
        if path.startswith("/uploads") and request.is_write:
            return Reply(204)
        api = next((api for api in self._routes if path.startswith(api)), None)
        if api is None:
            return Reply(404, NOT_FOUND)
        found = self._routes[api].resolve(path.removeprefix(api))
        if found is None:
            return self._no_route(api, path, query, request)
        with self._database.lock:
            return self._dispatch(api, request, *found)

    def _dispatch(self, api: str, request: ReceivedRequest, views: Views, ids: dict[str, str]) -> Reply:
        user, refusal = self._authenticate(api, request)
        refusal = refusal or self._refusal(user, ids)
        if refusal is not None:
            return refusal
        view = views.get(request.method.upper())
        if view is None:
            return Reply(405, {"detail": f'Method "{request.method.upper()}" not allowed.'})
        with self._database.during(request, user):
            self._database.worker_delay = self.faults.worker_delay
            try:
                reply = view(Call(self._database, request, ids, user, f"{self._scheme}://127.0.0.1:{self.port}"))
            except Refused as refused:
                return refused.reply
            except Exception:  # noqa: BLE001 - a real server answers 500 as well
                return Reply(500, SERVER_ERROR)
        return replace(reply, headers={**QUOTA, **reply.headers}) if api == API_V1 else reply

    def _no_route(self, api: str, path: str, query: str, request: ReceivedRequest) -> Reply:
        if not path.endswith("/") and self._routes[api].resolve(f"{path}/".removeprefix(api)):
            return Reply(301, None, {"Location": self._prefix + routing.slash_added(path, query)})
        # Measured: without a session the app API answers 401 before it says that there is no such page.
        if path.startswith("/api/workspaces/") and not self._session_user(request):
            return Reply(401, UNAUTHENTICATED)
        return Reply(404, NOT_FOUND)

    def _authenticate(self, api: str, request: ReceivedRequest) -> tuple[str, Reply | None]:
        if api != API_V1:
            user = self._session_user(request)
            anonymous = api == PUBLIC and not request.is_write
            return user, None if user or anonymous else Reply(401, UNAUTHENTICATED)
        token = request.header("X-Api-Key")
        if not token:
            return "", Reply(401, UNAUTHENTICATED)
        user = _TOKENS.get(token, "")
        return user, None if user else Reply(403, {"detail": "Given API token is not valid"})

    def _session_user(self, request: ReceivedRequest) -> str:
        try:
            cookie = SimpleCookie(request.header("Cookie")).get(SESSION_COOKIE)
        except CookieError:
            return ""
        user = world.USERS[world.ADMIN] if cookie is not None and cookie.value == self.session else ""
        known = self._database.find("users", user)
        return user if known and known["is_active"] else ""

    def _refusal(self, user: str, ids: dict[str, str]) -> Reply | None:
        if ids.get("slug", self.workspace) != self.workspace:
            return Reply(403, FORBIDDEN)
        project = ids.get("project")
        # Plane checks the user's membership of the path's project, and of no other.
        if project is None or any(
            row.get("is_active", True) for row in self._database.rows("members", project=project, member=user)
        ):
            return None
        return Reply(403, FORBIDDEN)


def answers(method: str, url_template: str) -> bool:
    """Return True if a `FakePlane(cloud=True)` has this route; ids in the path may be placeholders in braces."""
    api = next((api for api in WITH_CLOUD if api in url_template), None)
    if api is None:
        return False
    below = re.sub(r"\{\w+\}", world.WORKSPACE_ID, url_template.partition(api)[2])
    found = WITH_CLOUD[api].resolve(below if below.endswith("/") else f"{below}/")
    return found is not None and method.upper() in found[0]


_TOKENS = {world.ADMIN_TOKEN: world.USERS[world.ADMIN], world.LIMITED_TOKEN: world.USERS[world.LIMITED]}


def _collapse(path: str) -> str:
    slash = "/" if path.endswith("/") else ""
    return "/" + posixpath.normpath(path).lstrip("/") + slash

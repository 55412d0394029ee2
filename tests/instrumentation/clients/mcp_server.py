"""An MCP server on loopback that takes every tool call: streamable HTTP under Plane's three paths, and SSE."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

STREAMABLE = ("/http/api-key/mcp", "/http/mcp", "/mcp")
SSE = "/sse"
_RETRIEVE = {
    "workitem": "workitem_id",
    "intake": "workitem_id",
    "cycle": "cycle_id",
    "label": "label_id",
    "milestone": "milestone_id",
    "module": "module_id",
    "state": "state_id",
}


class McpServer:
    """What arrived, and where the server listens; ``projects`` maps the ids of objects to their project."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.projects: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.methods: list[str] = []

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        """Take a call; objects of another project are not found, as with Plane."""
        self.calls.append((name, arguments))
        if arguments.get("action") != "retrieve" or name not in _RETRIEVE:
            return [types.TextContent(type="text", text="null")]
        found, project = arguments[_RETRIEVE[name]], arguments["project_id"]
        if self.projects.get(found) != project:
            raise ValueError("HTTP 404: Not Found")
        key = "issue" if name == "intake" else "id"
        return [types.TextContent(type="text", text=json.dumps({key: found, "project": project}))]


@contextlib.contextmanager
def serving(*, json_response: bool = False) -> Iterator[McpServer]:
    """Run a server in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = McpServer(listener.getsockname()[1])
    config = uvicorn.Config(
        _application(server, json_response=json_response), log_level="critical", lifespan="on", ws="none"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield server
    finally:
        running.should_exit = running.force_exit = True
        thread.join(10)
        listener.close()


def _application(server: McpServer, *, json_response: bool) -> Starlette:
    tools = Server[Any, Any]("plane")

    @tools.call_tool(validate_input=False)  # type: ignore[untyped-decorator, unused-ignore]
    async def call(name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        return server.answer(name, arguments)

    @tools.list_tools()  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
    async def list_tools() -> list[types.Tool]:
        return [types.Tool(name="workitem", inputSchema={"type": "object"})]

    manager = StreamableHTTPSessionManager(app=tools, json_response=json_response, stateless=True)
    messages = SseServerTransport("/messages/")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    async def sse(request: Request) -> Response:
        async with messages.connect_sse(request.scope, request.receive, request._send) as (read, write):
            await tools.run(read, write, tools.create_initialization_options())
        return Response()

    class Streamable:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            server.methods.append(scope["method"])
            await manager.handle_request(scope, receive, send)

    return Starlette(
        routes=[
            *(Route(path, endpoint=Streamable()) for path in STREAMABLE),
            Route(SSE, endpoint=sse),
            Mount("/messages/", app=messages.handle_post_message),
        ],
        lifespan=lifespan,
    )

"""The official MCP client calls every action of Plane's hosted MCP server, here one of ours on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import time
import traceback
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
import httpx
import httpx2
import pytest
import requests
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from plane_guard import PlaneWriteBlocked, mcp, process
from plane_guard.vocabulary import PROTECTED_OPS, Op, Reason
from tests.guard.plane import ITEM, PROD, SANDBOX
from tests.instrumentation.clients import mcp_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.instrumentation.clients.mcp_server import McpServer

# The official client and server leave streams behind when a session ends in an exception.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
TABLE = mcp._table()
KINDS = ("cycle", "intake", "label", "milestone", "module", "state")
IDS = {kind: str(uuid.uuid5(uuid.NAMESPACE_OID, kind)) for kind in KINDS} | {"item": ITEM}
OF_PROJECT = IDS.keys()
UNPROVABLE = {"other", "project"}
OLDER = list(TABLE.older_names.items())
SECONDS = 30
# A session for each call takes long, so a push runs one call in seven.
EVERY = pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.exhaustive)])


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """Free the streams that are left behind while the warnings about them are ignored."""
    yield
    gc.collect()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[McpServer]:
    """A server that is a Plane host for this test, with objects in the sandbox."""
    monkeypatch.setattr(process._State, "fixed", process.fixed())
    with mcp_server.serving() as running:
        process.learn_host("127.0.0.1", running.port)
        running.projects = dict.fromkeys(IDS.values(), SANDBOX)
        yield running


@contextlib.asynccontextmanager
async def session(server: McpServer, path: str) -> AsyncIterator[ClientSession]:
    """An initialized session of the official client."""
    headers = {"x-api-key": "key", "x-workspace-slug": "acme"}
    async with contextlib.AsyncExitStack() as stack:
        if path == mcp_server.SSE:
            streams: Any = await stack.enter_async_context(sse_client(server.url + path, headers=headers))
        else:
            client = await stack.enter_async_context(httpx.AsyncClient(headers=headers))
            streams = await stack.enter_async_context(streamable_http_client(server.url + path, http_client=client))
        found = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await found.initialize()
        yield found


def call_all(server: McpServer, path: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """Make calls that have to pass, in one session."""

    async def run() -> None:
        async with session(server, path) as client:
            await client.list_tools()
            for name, arguments in calls:
                with anyio.fail_after(SECONDS):
                    await client.call_tool(name, arguments)

    asyncio.run(run())


def refused(server: McpServer, path: str, name: str, arguments: dict[str, Any]) -> tuple[PlaneWriteBlocked, float]:
    """Make a call that has to be refused; return the refusal that the caller saw, and after how long."""

    async def run() -> float:
        async with session(server, path) as client:
            started[0] = time.monotonic()
            with anyio.fail_after(SECONDS):
                await client.call_tool(name, arguments)
        raise AssertionError(f"{name} passed")

    started = [0.0]
    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(run())
    seconds = time.monotonic() - started[0]
    found = leaves(caught.value)
    for error in (caught.value, *found):
        traceback.clear_frames(error.__traceback__)
    gc.collect()  # here, where the warnings about the client's streams are ignored
    assert isinstance(found[0], PlaneWriteBlocked), found
    assert all(error is found[0] for error in found)
    return found[0], seconds


def refused_within_a_second(server: McpServer, path: str, name: str, arguments: dict[str, Any]) -> PlaneWriteBlocked:
    """Make a call that has to be refused, up to three times on a machine that is busy with something else."""
    for _ in range(3):
        refusal, seconds = refused(server, path, name, arguments)
        if seconds < 1:
            return refusal
    raise AssertionError(f"{name} was refused after {seconds} s")


def leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def arguments_of(tool: str, action: str, project: str) -> dict[str, Any]:
    """The ids that a write can name."""
    kinds = TABLE.writes[tool, action].kinds
    named = {name: IDS[kind] for name, kind in kinds.items() if kind in IDS}
    named |= {name: ITEM for name, kind in kinds.items() if kind == "path" and name != "external_id"}
    return {**named, "project_id": project} if kinds.get("project_id") == "in" else named


def older_spelling(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("workitem", "work_item"): value for name, value in arguments.items()}


def stays_in_sandbox(tool: str, action: str) -> bool:
    row = TABLE.writes[tool, action]
    kinds = set(row.kinds.values())
    required = not kinds & UNPROVABLE or (tool, action) in {("workitem_type", "create"), ("workitem_type", "update")}
    return row.kinds.get("project_id") == "in" and row.op not in PROTECTED_OPS and required


READS = [(tool, {"action": action, "project_id": PROD}) for tool, action in sorted(TABLE.reads)]
OLDER_READS = [(name, {"project_id": PROD}) for name, key in OLDER if key in TABLE.reads]
WRITES = list(TABLE.writes)
OLDER_WRITES = [(name, key) for name, key in OLDER if key in TABLE.writes]
SANDBOX_WRITES = [key for key in WRITES if stays_in_sandbox(*key)]


@pytest.mark.parametrize("path", [*mcp_server.STREAMABLE, mcp_server.SSE])
def test_every_read_passes(server: McpServer, path: str) -> None:
    call_all(server, path, READS + OLDER_READS)
    assert server.calls == READS + OLDER_READS
    assert (len(READS), len(OLDER_READS)) == (82, 72)


@EVERY
def test_every_write_to_production_is_refused_within_a_second(
    server: McpServer, plane_sandbox_writes: object, plane_blocked_writes: list[PlaneWriteBlocked], step: int
) -> None:
    calls = [(key, key[0], {"action": key[1], **arguments_of(*key, PROD)}) for key in WRITES]
    calls += [(key, name, older_spelling(arguments_of(*key, PROD))) for name, key in OLDER_WRITES]
    assert len(calls) == 125 + 97
    for key, name, arguments in calls[::step]:
        refusal = refused_within_a_second(server, mcp_server.STREAMABLE[0], name, arguments)
        row, in_project = TABLE.writes[key], "project_id" in arguments
        assert refusal.write.op in {row.op, *row.ops.values()}
        assert refusal.write.project_id == (PROD if in_project else None)
        assert refusal.write.work_item == arguments_of(*key, PROD).get("workitem_id")
        assert refusal.decision.reason is (Reason.PROD_PROJECT_IN_TEST if in_project else Reason.AMBIGUOUS_TARGET)
    assert server.calls == []
    assert len(plane_blocked_writes) >= len(calls[::step])


def test_no_write_passes_unless_writing_is_switched_on(
    server: McpServer, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    refusal, _ = refused(server, mcp_server.STREAMABLE[1], "create_label", {"project_id": SANDBOX, "name": "x"})
    assert refusal.decision.reason is Reason.OPT_IN_DISABLED
    assert server.calls == []


def test_every_write_to_the_sandbox_passes(server: McpServer, plane_sandbox_writes: object) -> None:
    calls = [(tool, {"action": action, **arguments_of(tool, action, SANDBOX)}) for tool, action in SANDBOX_WRITES]
    calls += [
        (name, older_spelling(arguments_of(*key, SANDBOX))) for name, key in OLDER_WRITES if key in SANDBOX_WRITES
    ]
    call_all(server, mcp_server.STREAMABLE[0], calls)
    lookups = [call for call in server.calls if call not in calls]
    assert [call for call in server.calls if call in calls] == calls
    assert all(arguments["action"] == "retrieve" for _, arguments in lookups)
    assert {name for name, _ in lookups} == {"workitem", "intake", "cycle", "label", "milestone", "module", "state"}
    assert len(calls) > 90


@EVERY
@pytest.mark.parametrize("owner", [PROD, None])
def test_a_write_in_the_sandbox_that_names_a_foreign_object_is_refused(
    server: McpServer,
    owner: str | None,
    plane_sandbox_writes: object,
    plane_blocked_writes: list[PlaneWriteBlocked],
    step: int,
) -> None:
    server.projects = dict.fromkeys(IDS.values(), owner) if owner else {}
    for tool, action in SANDBOX_WRITES[::step]:
        arguments = {"action": action, **arguments_of(tool, action, SANDBOX)}
        if OF_PROJECT & {TABLE.writes[tool, action].kinds[name] for name in arguments if name != "action"}:
            refusal, _ = refused(server, mcp_server.STREAMABLE[0], tool, arguments)
            assert refusal.decision.reason is Reason.FOREIGN_REFERENCE
    assert {arguments["action"] for _, arguments in server.calls} == {"retrieve"}


UNKNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "a tool": ("labels", {"action": "create", "project_id": SANDBOX}),
    "an action": ("label", {"action": "paint", "project_id": SANDBOX}),
    "an argument": ("label", {"action": "create", "project_id": SANDBOX, "in_project": PROD}),
}


@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_the_table_does_not_know_is_refused(
    server: McpServer,
    call: tuple[str, dict[str, Any]],
    plane_sandbox_writes: object,
    plane_blocked_writes: list[PlaneWriteBlocked],
) -> None:
    refusal, _ = refused(server, mcp_server.STREAMABLE[0], *call)
    assert refusal.decision.reason is Reason.FOREIGN_REFERENCE
    assert server.calls == []


def test_a_batch_is_refused(
    server: McpServer, plane_sandbox_writes: object, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with pytest.raises(PlaneWriteBlocked) as caught:
        httpx.post(server.url + "/mcp", json=[ping])
    assert caught.value.decision.reason is Reason.AMBIGUOUS_TARGET
    assert (server.methods, caught.value.write.op) == ([], Op.UNKNOWN)


@EVERY
def test_over_sse_the_caller_gets_the_refusal_within_a_second(
    server: McpServer, plane_sandbox_writes: object, plane_blocked_writes: list[PlaneWriteBlocked], step: int
) -> None:
    for tool, action in WRITES[::step]:
        arguments = {"action": action, **arguments_of(tool, action, PROD)}
        assert refused_within_a_second(server, mcp_server.SSE, tool, arguments) in plane_blocked_writes
    assert server.calls == []


def test_over_sse_sandbox_writes_pass_that_name_no_other_object(
    server: McpServer, plane_sandbox_writes: object
) -> None:
    calls = [
        (tool, {"action": action, **arguments})
        for tool, action in SANDBOX_WRITES
        for arguments in [arguments_of(tool, action, SANDBOX)]
        if not OF_PROJECT & {TABLE.writes[tool, action].kinds[name] for name in arguments}
    ]
    call_all(server, mcp_server.SSE, calls)
    assert server.calls == calls
    assert len(calls) > 10


def test_a_session_ends_without_a_refusal(server: McpServer) -> None:
    with httpx.Client() as client:
        response = client.delete(server.url + "/mcp", headers={"mcp-session-id": "x"})
    assert response.status_code in {200, 204, 404, 405}
    assert server.methods == ["DELETE"]


HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", "X-Api-Key": "key"}


def with_aiohttp(url: str, body: str) -> int:
    async def run() -> int:
        async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=HEADERS) as response:
            await response.read()
            return response.status

    return asyncio.run(run())


SENDERS: dict[str, Callable[[str, str], int]] = {
    "httpx": lambda url, body: httpx.post(url, content=body, headers=HEADERS).status_code,
    "httpx2": lambda url, body: httpx2.post(url, content=body, headers=HEADERS).status_code,
    "requests": lambda url, body: requests.post(url, data=body, headers=HEADERS, timeout=SECONDS).status_code,
    "aiohttp": with_aiohttp,
}


@pytest.mark.parametrize("json_response", [True, False], ids=["JSON", "stream"])
@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS.keys())
def test_every_client_looks_objects_up_over_mcp(
    send: Callable[[str, str], int],
    json_response: object,
    monkeypatch: pytest.MonkeyPatch,
    plane_sandbox_writes: object,
    plane_blocked_writes: list[PlaneWriteBlocked],
) -> None:
    monkeypatch.setattr(process._State, "fixed", process.fixed())
    arguments = {"action": "delete", "project_id": SANDBOX, "workitem_id": ITEM}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "workitem", "arguments": arguments}}
    lookup = ("workitem", arguments | {"action": "retrieve"})
    with mcp_server.serving(json_response=bool(json_response)) as server:
        process.learn_host("127.0.0.1", server.port)
        with pytest.raises(PlaneWriteBlocked) as caught:
            send(server.url + "/mcp", json.dumps(call))
        assert caught.value.decision.reason is Reason.FOREIGN_REFERENCE
        server.projects[ITEM] = SANDBOX
        assert send(server.url + "/mcp", json.dumps(call)) == 200
        assert server.calls == [lookup, lookup, ("workitem", arguments)]

"""Plane's own MCP server as a child of a test: a Python process, so it is guarded where it calls Plane's REST API."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests import harness
from tests.guard.plane import PROD, SANDBOX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness import Child

pytest.importorskip("plane_mcp")

FOUND = "00000020-0000-0000-0000-000000000000"
# The child calls every action of the server and of its older names with the samples of the table's generator.
CALLS = """
    import asyncio, itertools, json, os, sys
    import pytest
    from mcp import ClientSession, StdioServerParameters, stdio_client
    from plane_mcp.tools.registry import alias_table
    from tools import mcp_actions, mcp_table

    PROJECT = os.environ["AIMED_AT"]

    def calls():
        older = {key: name for name, key in alias_table().items()}
        for tool in mcp_actions.tools():
            for action in tool.module.ACTIONS:
                if action.read:
                    arguments = {name: tool.samples(name)[0] for name in next(mcp_table._bases(action))}
                else:
                    arguments = next(mcp_table._calls(tool, action)).arguments
                if "project_id" in arguments:
                    arguments["project_id"] = PROJECT
                if os.environ["NAMES"] == "today":
                    named = {} if len(tool.module.ACTIONS) == 1 else {"action": action.name}
                    yield tool.name, {**named, **arguments}, action.read
                elif (tool.name, action.name) in older:
                    renamed = {name.replace("workitem", "work_item"): value for name, value in arguments.items()}
                    yield older[tool.name, action.name], renamed, action.read

    def test_it(monkeypatch):
        monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
        names = {"PLANE_BASE_URL": os.environ["SERVER"], "PLANE_API_KEY": "live", "PLANE_WORKSPACE_SLUG": "acme"}
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "plane_mcp", "stdio"], env={**os.environ, **names}
        )

        async def run():
            answers = []
            async with stdio_client(server, open(os.devnull, "w")) as streams, ClientSession(*streams) as client:
                await client.initialize()
                await client.list_tools()
                for name, arguments, reads in itertools.islice(calls(), 0, None, int(os.environ["STEP"])):
                    result = await client.call_tool(name, arguments)
                    text = " ".join(getattr(block, "text", "") for block in result.content)
                    answers.append([name, arguments, reads, text])
            return answers

        with open("answers.json", "w") as file:
            json.dump(asyncio.run(run()), file)
"""


class Upstream:
    """A server that takes every request to Plane's API, finds each object in each project, and keeps what arrived."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, str]] = []
        self.url = ""

    def writes(self) -> list[tuple[str, str]]:
        """The requests that were not GETs."""
        return [(method, path) for method, path in self.arrived if method != "GET"]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    found = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.arrived.append((self.command, self.path))
            project, last = re.search(r"/projects/([0-9a-f-]{36})/", self.path), re.findall(r"[0-9a-f-]{36}", self.path)
            shown = {"id": last[-1] if last else FOUND, "project": project[1] if project else None, "name": "One"}
            shown["initiatives"] = True  # a feature of the workspace
            body = json.dumps(shown).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  names that the library asks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    with contextlib.closing(server.socket):
        yield found
        server.shutdown()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a child take longer: it makes up to 207 calls, and the server opens connections for each of them."""
    monkeypatch.setattr(harness, "SECONDS", 300)


def run(child: Child, upstream: Upstream, project: str, names: str, step: int) -> list[list[Any]]:
    child.write("test_it.py", CALLS)
    variables = {"SERVER": upstream.url, "AIMED_AT": project, "NAMES": names, "PYTHONPATH": _root(), "STEP": str(step)}
    result = child.pytest("-x", PLANE_API_URL="", **variables)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    answers: list[list[Any]] = json.loads((child.folder / "answers.json").read_text())
    return answers


def _root() -> str:
    from pathlib import Path

    return str(Path(__file__).parents[3])


# Starting the server takes seconds and each call opens connections, so a push makes one call in twelve.
EVERY = pytest.mark.parametrize(
    ("names", "step"),
    [
        ("today", 12),
        pytest.param("today", 1, marks=pytest.mark.exhaustive),
        pytest.param("older", 1, marks=pytest.mark.exhaustive),
    ],
)
# One fetches the file first, from a host that does not exist; the other only reads if the type exists.
SEND_NO_WRITE = ("Failed to fetch file", "1 validation error for WorkItemType")


@EVERY
def test_no_write_to_production_arrives_and_every_read_does(
    child: Child, upstream: Upstream, names: str, step: int
) -> None:
    answers = run(child, upstream, PROD, names, step)
    assert len(answers) == -(-{"today": 207, "older": 169}[names] // step)
    assert upstream.writes() == []
    assert not any("plane-guard" in text for _, _, reads, text in answers if reads)
    others = [text for _, _, reads, text in answers if not reads and "plane-guard" not in text]
    assert [text for text in others if not any(known in text for known in SEND_NO_WRITE)] == []
    assert len(others) <= len(SEND_NO_WRITE)
    assert {decision.reason for decision in child.decisions()} <= {"prod-project-in-test", "ambiguous-target"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("names", ["today", "older"])
def test_writes_to_the_sandbox_arrive(child: Child, upstream: Upstream, names: str) -> None:
    answers = run(child, upstream, SANDBOX, names, 1)
    writes = upstream.writes()
    assert all(f"/projects/{SANDBOX}/" in path for _, path in writes)
    decisions = child.decisions()
    assert len(writes) == sum(decision.outcome == "allow" for decision in decisions)
    assert len(writes) > len(answers) // 5
    assert {decision.reason for decision in decisions} <= {
        "sandbox-allowed",
        "ambiguous-target",
        "foreign-reference",
        "protected-operation",
    }

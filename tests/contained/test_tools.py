"""Plane's MCP server, git and pip in a contained run, and in one that only has the proxy."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_instrumentation.testing import Reply
from plane_guard_instrumentation.testing.http_server import HTTPServer
from tests.contained import clients, servers

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane, ReceivedRequest
    from tests.contained.machine import Machine

STDIO = str(clients.PROGRAMS / "mcp_stdio.py")
HOW = ["--contained", "--contained=proxy-only"]
HOSTED_HOST, GIT_HOST, PACKAGES_HOST = "mcp.plane.so", "git.test", "packages.test"
METADATA = "Metadata-Version: 2.1\nName: from-elsewhere\nVersion: 1.0\n"


def _calls(plane: FakePlane) -> list[dict[str, Any]]:
    """Return calls of tools: a write to production, one to the sandbox, one that names a foreign item, and a read."""
    create = [{"action": "create", "project_id": to.id, "name": "by a tool"} for to in (plane.prod, plane.sandbox)]
    foreign = next(iter(plane.prod.items.values()))
    comment = {"action": "create", "project_id": plane.sandbox.id, "workitem_id": foreign, "comment_html": "<p>x</p>"}
    listed = {"action": "list", "project_id": plane.prod.id}
    return [
        *({"name": "workitem", "arguments": arguments} for arguments in create),
        {"name": "workitem_comment", "arguments": comment},
        {"name": "workitem", "arguments": listed},
    ]


DECIDED = Counter({"block prod-project-in-test": 1, "allow sandbox-allowed": 1, "block foreign-reference": 1})


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", HOW)
def test_the_mcp_server_over_stdio_writes_to_the_sandbox_only(machine: Machine, how: str) -> None:
    command = [str(machine.environment.bare), STDIO, *map(json.dumps, _calls(machine.plane))]
    where = {"PLANE_BASE_URL": "https://api.plane.so", "PLANE_WORKSPACE_SLUG": machine.plane.workspace}
    ran = machine.run(command, "--sandbox-writes", how, **where)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [line.partition(" ")[0] for line in ran.stdout.splitlines()] == ["error", "ok", "error", "ok"], ran.stdout
    assert [request.json["name"] for request in machine.plane.writes] == ["by a tool"], ran.stdout
    assert machine.plane.changes_of(machine.plane.prod) == []
    assert machine.counts() == DECIDED


@pytest.mark.parametrize("how", [HOW[0], pytest.param(HOW[1], marks=pytest.mark.exhaustive)])
def test_calls_to_the_hosted_mcp_server_are_read(machine: Machine, how: str) -> None:
    arrived: list[ReceivedRequest] = []

    def answer(request: ReceivedRequest) -> Reply:
        arrived.append(request)
        return Reply(200, {"jsonrpc": "2.0", "id": 1, "result": {"content": []}})

    calls = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        for call in _calls(machine.plane)
    ]
    curl = clients.every(machine.environment)["curl"].command[2]
    hosted = HTTPServer(answer, machine.tls.context(HOSTED_HOST))
    hosted.start()
    try:
        ran = machine.shell(
            f'for call in "$FIRST" "$SECOND" "$THIRD" "$FOURTH"; do bash -c "$CURL; echo" curl POST '
            f'https://{HOSTED_HOST}/http/api-key/mcp "$call"; echo; done',
            "--sandbox-writes",
            how,
            "--connect-to",
            f"{HOSTED_HOST}:443:127.0.0.1:{hosted.port}",
            **dict(zip(("FIRST", "SECOND", "THIRD", "FOURTH"), calls, strict=True)),
            CURL=curl,
        )
    finally:
        hosted.stop()
    assert ran.stdout.split() == ["403", "200", "403", "200"], ran.stderr
    sent = [request.json["params"]["arguments"]["action"] for request in arrived]
    assert sent == ["create", "retrieve", "list"], "the proxy looks for the foreign item in the sandbox"
    assert machine.counts() == DECIDED
    assert {request.header("X-Api-Key") for request in arrived} == {machine.plane.token}


@pytest.mark.exhaustive
@pytest.mark.skipif(not os.path.exists(servers.GIT_BACKEND), reason="git's program for servers is not here")
@pytest.mark.parametrize("how", HOW)
def test_git_pushes_to_another_host(machine: Machine, how: str) -> None:
    origin, clone = machine.folder / "origin.git", machine.folder / "clone"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    commands: tuple[list[str | Path], ...] = (
        ["init", "-q", "--bare", origin],
        ["-C", origin, "config", "http.receivepack", "true"],
        ["init", "-q", "-b", "main", clone],
        ["-C", clone, "commit", "-q", "--allow-empty", "-m", "first"],
    )
    for command in commands:
        subprocess.run([*git, *command], check=True)
    with servers.serving(servers.git(machine.folder), machine.tls.context(GIT_HOST)) as port:
        ran = machine.shell(
            f"git -C clone push -q https://{GIT_HOST}/origin.git main",
            how,
            "--connect-to",
            f"{GIT_HOST}:443:127.0.0.1:{port}",
        )
    assert ran.returncode == 0, ran.stderr
    pushed = subprocess.run([*git, "-C", origin, "log", "--format=%s", "main"], capture_output=True, check=True)
    assert pushed.stdout == b"first\n"


def _package(folder: Path) -> None:
    """Write an index of one package, which is a wheel."""
    below = folder / "simple" / "from-elsewhere"
    below.mkdir(parents=True)
    name = "from_elsewhere-1.0-py3-none-any.whl"
    with zipfile.ZipFile(below / name, "w") as wheel:
        wheel.writestr("from_elsewhere.py", "")
        wheel.writestr("from_elsewhere-1.0.dist-info/METADATA", METADATA)
        wheel.writestr(
            "from_elsewhere-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("from_elsewhere-1.0.dist-info/RECORD", "")
    (below / "index.html").write_text(f'<a href="{name}">{name}</a>', encoding="utf-8")


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", HOW)
def test_pip_installs_from_another_host(machine: Machine, how: str) -> None:
    _package(machine.folder)
    with servers.serving(servers.files(machine.folder), machine.tls.context(PACKAGES_HOST)) as port:
        ran = machine.shell(
            '"$BARE" -m pip install -q --disable-pip-version-check --target installed from-elsewhere',
            how,
            "--connect-to",
            f"{PACKAGES_HOST}:443:127.0.0.1:{port}",
            PIP_INDEX_URL=f"https://{PACKAGES_HOST}/simple",
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (machine.folder / "installed" / "from_elsewhere.py").exists()

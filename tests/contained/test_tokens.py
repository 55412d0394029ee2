"""The token is with the proxy alone: in no environment, file, command line, log or evidence line."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contained.test_contained import CURL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.contained.machine import Machine

SEARCH = """
find /proc -maxdepth 2 \\( -name environ -o -name cmdline \\) -exec cat {} + 2>/dev/null | tr '\\0' '\\n' > seen.txt
cat /proc/1/environ > first.txt 2>/dev/null
touch searched; while [ ! -e found ]; do sleep 0.1; done
"""


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError:
        return b""


def _holding(token: bytes, places: Iterable[Path]) -> list[str]:
    return [str(place) for place in places if token in _read(place)]


def _family(root: int) -> set[int]:
    """The process and everything that it started."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, set()).add(int(entry.name))
    found, new = set[int](), {root}
    while new:
        found |= new
        new = set().union(*(children.get(pid, set()) for pid in new)) - found
    return found


def test_the_token_is_in_no_environment_command_line_file_or_evidence(machine: Machine) -> None:
    running = machine.start(
        ["bash", "-c", f"{CURL}{SEARCH}"], "--sandbox-writes", SECOND=f"Bearer {machine.plane.token}"
    )
    deadline = time.monotonic() + 60
    while not (machine.folder / "searched").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    token = machine.plane.token.encode()
    # The launcher has the environment of the user who started it; nothing that it starts has.
    started = _family(running.pid) - {running.pid}
    places = [Path(f"/proc/{pid}/{name}") for pid in started for name in ("environ", "cmdline")]
    assert len(started) >= 4
    in_processes = _holding(token, places)
    named = re.findall(rb"/tmp/plane-guard-run-\w+", b"".join(_read(place) for place in places))
    (folder,) = {Path(name.decode()) for name in named}
    temporary = list(folder.rglob("*"))
    in_files = _holding(token, [*temporary, *machine.folder.rglob("*")])
    (machine.folder / "found").touch()
    out, err = running.communicate(timeout=60)
    assert (in_processes, in_files) == ([], [])
    assert machine.plane.token not in out + err
    assert b"placeholder" in (machine.folder / "seen.txt").read_bytes()
    assert len(temporary) >= 5
    assert [request.header("X-Api-Key") for request in machine.plane.requests] == [machine.plane.token] * 2
    assert not folder.exists()


def test_a_named_secret_and_one_of_another_name_are_replaced(machine: Machine) -> None:
    ran = machine.shell(
        'env; curl -s -o /dev/null -H "X-Api-Key: $TRACKER" $PROJECTS/$SANDBOX/work-items/',
        "--secret",
        "TRACKER_PASSWORD",
        TRACKER=machine.plane.token,
        TRACKER_PASSWORD="correct horse battery",
        TRACKER_URL="https://me:correct horse battery@tracker.test",
    )
    assert "correct horse battery" not in ran.stdout
    assert machine.plane.token not in ran.stdout
    assert [request.header("X-Api-Key") for request in machine.plane.requests] == [machine.plane.token]


def test_the_token_goes_to_the_server_that_it_belongs_to_and_no_other(machine: Machine) -> None:
    ran = machine.shell(
        "ask() { curl -s -o a -w '%{http_code} ' -H \"X-Api-Key: $PLANE_API_KEY\" $1; };"
        "ask $PLANE_BASE_URL/api/v1/workspaces/acme/projects/; ask $PROJECTS/",
        PLANE_BASE_URL=machine.local.url,
        PLANE_API_KEY=machine.local.token,
    )
    assert ran.stdout.split() == ["200", "403"], ran.stderr
    assert [request.header("X-Api-Key") for request in machine.local.requests] == [machine.local.token]
    assert machine.plane.requests == []


def test_tokens_in_files_of_the_project_are_reported_without_being_shown(machine: Machine) -> None:
    token, other = machine.plane.token, "plane_api_0123456789abcdef0123456789abcdef"
    nested = machine.folder / "tools" / "agent"
    nested.mkdir(parents=True)
    (machine.folder / ".env").write_text(f"# settings\nA=1\nPLANE_API_KEY={token}\n", encoding="utf-8")
    (nested / "mcp.json").write_text(f'{{"env": {{"KEY": "{other}"}}}}', encoding="utf-8")
    (machine.folder / ".env.example").write_text("PLANE_API_KEY=plane_api_your_key\n", encoding="utf-8")
    (machine.folder / "node_modules").mkdir()
    (machine.folder / "node_modules" / ".env").write_text(f"KEY={other}", encoding="utf-8")
    ran = machine.run(["true"])
    found = [line for line in ran.stderr.splitlines() if "a token is in" in line]
    assert [line.partition(", where")[0].rpartition(" is in ")[2] for line in found] == [
        ".env, line 3",
        "tools/agent/mcp.json, line 1",
    ]
    assert (ran.returncode, token in ran.stderr, other in ran.stderr) == (0, False, False)

"""A contained command reaches Plane through the proxy, and production not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plane_guard import DEFAULT_SANDBOX_PROJECT
from tests.contained.clients import PROGRAMS

if TYPE_CHECKING:
    from tests.contained.machine import Machine

CURL = """
key="X-Api-Key: $PLANE_API_KEY" json="Content-Type: application/json"
curl -s -o read.json -w '%{http_code} ' -H "$key" $PROJECTS/$SANDBOX/work-items/
curl -s -o prod.json -w '%{http_code} ' -H "$key" -H "$json" -d '{"name":"x"}' $PROJECTS/$PROD/work-items/
curl -s -o sandbox.json -w '%{http_code} ' -H "$key" -H "$json" -d '{"name":"x"}' $PROJECTS/$SANDBOX/work-items/
curl -s -o other.json -w '%{http_code} ' -d hello $OTHER/anything
"""


def test_a_shell_reads_and_writes_the_sandbox_and_the_proxy_keeps_the_token(machine: Machine) -> None:
    ran = machine.shell(f"{CURL}env", "--sandbox-writes")
    assert (ran.returncode, ran.stdout.split()[:4]) == (0, ["200", "403", "201", "200"]), ran.stderr
    assert [request.method for request in machine.plane.requests] == ["GET", "POST"]
    assert {request.header("X-Api-Key") for request in machine.plane.requests} == {machine.plane.token}
    assert machine.plane.changes_of(machine.plane.prod) == []
    assert [request.body for request in machine.received] == [b"hello"]
    assert machine.plane.token not in ran.stdout + ran.stderr
    assert "PLANE_API_KEY=plane_api_placeholder_" in ran.stdout

    refusal = json.loads((machine.folder / "prod.json").read_text(encoding="utf-8"))
    assert (refusal["error"], refusal["reason"]) == ("plane_guard.blocked", "prod-project-in-test")
    assert (refusal["op"], refusal["project"], refusal["retry"]) == ("create", machine.plane.prod.id, False)
    assert "sandbox allowlist" in refusal["what_to_do"]
    assert refusal["message"].startswith(f"create in project {machine.plane.prod.id}: blocked by plane-guard")

    found = {(row.outcome, row.reason, row.project_id, row.layer) for row in machine.decisions()}
    assert found == {
        ("block", "prod-project-in-test", machine.plane.prod.id, "proxy"),
        ("allow", "sandbox-allowed", DEFAULT_SANDBOX_PROJECT, "proxy"),
    }
    assert len({row.run_id for row in machine.sessions()}) == 1


def test_writing_is_off_without_the_opt_in(machine: Machine) -> None:
    ran = machine.shell(CURL, PLANE_TEST_WRITE_ENABLED="1")
    assert ran.stdout.split() == ["200", "403", "403", "200"], ran.stderr
    assert {row.reason for row in machine.decisions()} == {"opt-in-disabled"}
    assert machine.plane.writes == []


def test_a_command_of_its_own_exit_code(machine: Machine) -> None:
    assert machine.shell("exit 7").returncode == 7
    assert machine.run(["no-such-command"]).returncode == 127


def test_a_kept_connection_carries_many_requests(machine: Machine) -> None:
    measure = f"{PROGRAMS / 'measure.py'} $PROJECTS/ - 20 kept"
    ran = machine.shell(f"timeout 30 $BARE -S {measure}")
    assert ran.returncode == 0, ran.stderr[-500:]
    assert len(machine.plane.requests) == 21

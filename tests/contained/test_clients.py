"""Real clients in many languages: nothing arrives at production, everything else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.contained import clients

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plane_guard_instrumentation.testing import FakePlane
    from tests.contained.machine import Machine

SELECTED = ("curl", "node fetch", "python -S")
PLAIN = ("bash /dev/tcp",)
REST = (
    "requests in another venv", "primp", "wget", "node axios", "Go net/http", "static binary", "Java HttpClient",
)  # fmt: skip
DRIVE = str(clients.PROGRAMS / "drive.py")
EXPECTED = {"read": "200", "PROD": "403", "sandbox": "201", "foreign": "403", "other": "200"}


class Case(NamedTuple):
    """One request of the matrix."""

    target: str
    method: str
    url: str
    body: str


def cases(plane: FakePlane, projects: str, other: str, name: str) -> list[Case]:
    body = json.dumps({"name": name})
    foreign = next(iter(plane.prod.items.values()))
    comment = json.dumps({"comment_html": f"<p>{name}</p>"})
    return [
        Case("read", "GET", f"{projects}/{plane.prod.id}/work-items/", ""),
        Case("PROD", "POST", f"{projects}/{plane.prod.id}/work-items/", body),
        Case("sandbox", "POST", f"{projects}/{plane.sandbox.id}/work-items/", body),
        Case("foreign", "POST", f"{projects}/{plane.sandbox.id}/work-items/{foreign}/comments/", comment),
        Case("other", "POST", f"{other}/anything", body),
    ]


def drive(
    machine: Machine, names: Iterable[str], plane: FakePlane, projects: str, other: str, *options: str, **more: str
) -> dict[tuple[str, str], tuple[str, str]]:
    """Run each case with each client in one contained run; return status and errors by client and target."""
    known = clients.every(machine.environment)
    commands = [
        (name, case.target, [*known[name].command, case.method, case.url, case.body])
        for name in names
        if not known[name].missing
        for case in cases(plane, projects, other, name)
    ]
    file = machine.folder / "commands.json"
    file.write_text(json.dumps(commands), encoding="utf-8")
    script = f'exec "$BARE" {DRIVE} < {file}'
    ran = machine.shell(script, "--sandbox-writes", *options, **more)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return {(name, target): (status, errors) for name, target, status, errors in found}


def check(machine: Machine, plane: FakePlane, found: dict[tuple[str, str], tuple[str, str]]) -> None:
    """Compare what the clients were told, what the servers received, the evidence, report and dashboard."""
    wrong = {key: value for key, value in found.items() if value[0] != EXPECTED[key[1]]}
    assert wrong == {}
    names = sorted({name for name, _ in found})
    assert plane.changes_of(plane.prod) == []
    assert sorted(request.json["name"] for request in plane.writes) == names
    assert {request.header("X-Api-Key") for request in plane.requests} == {plane.token}
    assert sorted(request.json["name"] for request in machine.received) == names
    assert machine.counts() == dict.fromkeys(
        ("block prod-project-in-test", "allow sandbox-allowed", "block foreign-reference"), len(names)
    )
    told = [*plane.requests, *machine.received]
    assert [request for request in told if b"placeholder" in request.head + request.body] == []


def _available(machine: Machine, names: Iterable[str]) -> list[str]:
    known = clients.every(machine.environment)
    return [name for name in names if not known[name].missing]


def test_clients_of_several_languages_reach_everything_but_production(machine: Machine) -> None:
    names = _available(machine, SELECTED)
    check(machine, machine.plane, drive(machine, names, machine.plane, machine.projects, "https://other.test"))
    assert len(names) >= 3


def test_a_client_without_tls_reaches_a_plane_on_loopback(machine: Machine) -> None:
    local = machine.local
    projects = f"{local.url}/api/v1/workspaces/{local.workspace}/projects"
    found = drive(
        machine,
        PLAIN,
        local,
        projects,
        "http://other.test",
        PLANE_BASE_URL=local.url,
        PLANE_API_KEY=local.token,
    )
    check(machine, local, found)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SELECTED + REST)
def test_every_client_reaches_everything_but_production(machine: Machine, name: str) -> None:
    missing = clients.every(machine.environment)[name].missing
    if missing:
        pytest.skip(missing)
    check(machine, machine.plane, drive(machine, [name], machine.plane, machine.projects, "https://other.test"))

"""Without containment the proxy decides what is sent to it, and every report says that this is not all."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.contained import clients
from tests.contained.test_clients import check, drive

if TYPE_CHECKING:
    from tests.contained.machine import Machine

OPTION = "--contained=proxy-only"
USES_PROXY = ("curl", "requests in another venv", "primp", "node axios", "Go net/http", "static binary")
# wget uses the proxy, but trusts the authorities of a fixed file only: its connection ends at the certificate.
IGNORES_PROXY = ("node fetch", "python -S", "Java HttpClient", "wget")


def test_clients_that_use_a_proxy_are_decided_and_the_rest_is_reported(machine: Machine) -> None:
    found = drive(machine, ["curl"], machine.plane, machine.projects, "https://other.test", OPTION)
    check(machine, machine.plane, found)
    report = subprocess.run(
        [*machine.environment.command, "report"],
        cwd=machine.folder,
        env=machine.environ({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "proxy only: the command was told of the proxy by variables and can bypass it" in " ".join(
        report.stdout.split()
    )
    assert all(any("proxy only" in entry for entry in row.uncovered or ()) for row in machine.sessions()[:1])
    told = machine.run(["bash", "-c", "env; exit 4"], OPTION)
    assert (told.returncode, "not contained (proxy only" in told.stderr) == (4, True)
    assert f"PLANE_API_KEY={machine.plane.token}" in told.stdout


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", USES_PROXY)
def test_a_client_that_uses_a_proxy_is_decided(machine: Machine, name: str) -> None:
    if missing := clients.every(machine.environment)[name].missing:
        pytest.skip(missing)
    check(machine, machine.plane, drive(machine, [name], machine.plane, machine.projects, "https://other.test", OPTION))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", IGNORES_PROXY)
def test_a_client_that_ignores_proxies_or_the_trust_is_not_decided(machine: Machine, name: str) -> None:
    if missing := clients.every(machine.environment)[name].missing:
        pytest.skip(missing)
    found = drive(machine, [name], machine.plane, machine.projects, "https://other.test", OPTION)
    # Nothing of these names is on this machine's network: the client fails, and the proxy sees nothing.
    assert {status for status, _ in found.values()}.isdisjoint({"200", "201", "403"})
    assert machine.decisions() == []


@pytest.mark.exhaustive
def test_a_plain_socket_goes_past_the_proxy(machine: Machine) -> None:
    """So every report says that nothing was contained."""
    local = machine.local
    item = f"{local.url}/api/v1/workspaces/{local.workspace}/projects/{local.prod.id}/work-items/"
    write = [*clients.every(machine.environment)["bash /dev/tcp"].command, "POST", item, '{"name": "past"}']
    ran = machine.run(write, OPTION, PLANE_BASE_URL=local.url, PLANE_API_KEY=local.token)
    assert ran.stdout.split() == ["201"], ran.stderr
    assert "not contained (proxy only" in ran.stderr
    assert machine.decisions() == []
    assert any("proxy only" in entry for row in machine.sessions() for entry in row.uncovered or ())

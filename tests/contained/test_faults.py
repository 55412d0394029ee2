"""Whatever fails, nothing reaches production, and nothing outlives the run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.testing import Faults
from tests.contained.machine import Tls
from tests.contained.test_contained import CURL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contained.machine import Machine

WRITE = """curl -s -o /dev/null -w '%{http_code}' -H "X-Api-Key: $PLANE_API_KEY" -H 'Content-Type: application/json' """


def _child(pid: int, module: str) -> int:
    """Return the process that a launcher started for a module."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    (line,) = [line for line in found.stdout.splitlines() if f"plane_guard_contained.{module}" in line]
    return int(line.split()[0])


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert holds()


def test_nothing_gets_out_once_the_proxy_is_killed(machine: Machine) -> None:
    script = f"""{CURL}touch before; while [ ! -e killed ]; do sleep 0.1; done
    before=$(date +%s)
    for host in $PROJECTS/$SANDBOX/work-items/ $OTHER/ http://other.test/ https://93.184.216.34/; do
        curl -s -m 5 -o /dev/null $host; echo " after $?"
    done
    exec 3<>/dev/tcp/93.184.216.34/443; echo hello >&3; head -c 1 <&3 | wc -c
    """
    running = machine.start(["bash", "-c", script], "--sandbox-writes")
    _wait((machine.folder / "before").exists)
    arrived = len(machine.plane.requests), len(machine.received)
    os.kill(_child(running.pid, "proxy.main"), signal.SIGKILL)
    (machine.folder / "killed").touch()
    out, err = running.communicate(timeout=60)
    assert out.split("after")[0].split()[:4] == ["200", "403", "201", "200"]
    assert " after 0" not in out
    assert out.count(" after ") == 4
    assert (len(machine.plane.requests), len(machine.received)) == arrived
    assert (running.returncode, "the proxy ended during the run" in err) == (125, True), err


def test_a_child_that_outlives_the_command_is_ended(machine: Machine) -> None:
    script = """
    (trap '' TERM HUP; setsid sleep 1000 & setsid bash -c 'while :; do date > alive; sleep 0.2; done' &)
    sleep 0.5
    """
    ran = machine.shell(script)
    assert ran.returncode == 0
    before = (machine.folder / "alive").read_text()
    time.sleep(1.5)
    assert (machine.folder / "alive").read_text() == before


def test_the_next_run_deletes_what_a_killed_one_left(machine: Machine, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    wait = ["bash", "-c", 'touch "$1"; while :; do sleep 0.1; done', "wait"]
    killed, alive = (machine.start([*wait, name], TMPDIR=str(temporary)) for name in ("up1", "up2"))
    _wait(lambda: (machine.folder / "up1").exists() and (machine.folder / "up2").exists())
    _wait(lambda: len(list(temporary.glob("*/dhparam.pem"))) == 2)  # the last that a proxy writes
    both = set(temporary.glob("plane-guard-run-*"))
    killed.kill()
    killed.communicate(timeout=60)
    an_hour_ago = time.time() - 3_600
    for folder in both:
        os.utime(folder, (an_hour_ago, an_hour_ago))
    assert machine.run(["true"], TMPDIR=str(temporary)).returncode == 0
    left = set(temporary.glob("plane-guard-run-*"))
    alive.terminate()
    alive.communicate(timeout=60)
    assert (len(both), len(left), left < both) == (2, 1, True)
    assert list(temporary.glob("plane-guard-run-*")) == []


@pytest.mark.exhaustive
def test_signals_and_exit_codes_are_the_commands(machine: Machine) -> None:
    running = machine.start(["bash", "-c", "trap 'touch caught; exit 3' TERM; touch up; while :; do sleep 0.1; done"])
    _wait((machine.folder / "up").exists)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert (running.returncode, (machine.folder / "caught").exists()) == (3, True)
    assert machine.shell("kill -9 $$").returncode == 128 + 9
    killed = machine.start(["bash", "-c", "touch up2; while :; do date > alive; sleep 0.1; done"])
    _wait((machine.folder / "up2").exists)
    killed.kill()
    killed.communicate(timeout=60)
    time.sleep(0.5)
    before = (machine.folder / "alive").read_text()
    time.sleep(1.2)
    assert (machine.folder / "alive").read_text() == before


def test_a_write_without_room_for_its_evidence_is_refused_and_a_read_passes(machine: Machine) -> None:
    traces = machine.folder / ".plane-guard"
    traces.mkdir()
    write = f'{WRITE} -d \'{{"name":"x"}}\' $PROJECTS/$SANDBOX/work-items/; echo'
    script = f"""
    {write}
    cat /dev/zero > {traces}/filler
    {write}
    {WRITE} $PROJECTS/$SANDBOX/work-items/; echo
    cat response
    """.replace("-o /dev/null", "-o response", 2)
    small_disk = f'mount -t tmpfs -o size=256k none {traces} && exec "$@"'
    command = machine.arguments(["bash", "-c", script], ["--sandbox-writes"])
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", small_disk, "small-disk", *command],
        cwd=machine.folder,
        env=machine.environ({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.stdout.split()[:3] == ["201", "403", "200"], ran.stdout + ran.stderr
    assert "The evidence could not be written" in ran.stdout
    assert "blocked 1 request(s)" in ran.stderr
    assert [request.method for request in machine.plane.requests] == ["POST", "GET"]


def test_an_invalid_certificate_of_the_server_is_refused(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ran = machine.shell(
        f"{WRITE} -d '{{}}' $PROJECTS/$SANDBOX/work-items/; curl -s -o /dev/null $OTHER/; echo \" $?\"",
        "--sandbox-writes",
        SSL_CERT_FILE=str(Tls(other).bundle),
        CURL_CA_BUNDLE=str(Tls(other).bundle),
    )
    assert ran.stdout.split() == ["502", "60"], ran.stdout + ran.stderr
    assert machine.plane.requests == []


@pytest.mark.exhaustive
def test_many_connections_large_bodies_and_a_slow_server(machine: Machine) -> None:
    machine.plane.faults = Faults(delay=0.3)
    (machine.folder / "large").write_bytes(b"x" * 100_000_000)
    body = '{"name": "' + "y" * 3_000_000 + '"}'
    (machine.folder / "body").write_text(body, encoding="utf-8")
    script = f"""
    for i in $(seq 200); do {WRITE} $PROJECTS/$SANDBOX/work-items/?$i >> codes & done; wait
    fold -w 3 codes | sort | uniq -c
    curl -s -o answer -w '%{{http_code}}\\n' -T large $OTHER/large
    {WRITE} -d @body $PROJECTS/$PROD/work-items/
    """
    ran = machine.shell(script, "--sandbox-writes")
    assert ran.stdout.split() == ["200", "200", "200", "403"], ran.stdout + ran.stderr
    assert len(machine.plane.requests) == 200
    assert [len(request.body) for request in machine.received] == [100_000_000]

"""What is in the evidence is with the collector once `plane-guard ship` says so, whatever breaks on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.evidence import traces
from tests.dashboard.evidence import decision, resource, session, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.collector.collector import Collector
    from tests.harness import Child

COMMAND = (sys.executable, "-m", "plane_guard_dashboard", "ship")


def ship(evidence: Path, collector: Collector, *options: str, tenant: str = "") -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--traces", str(evidence), "--endpoint", collector.http, *options]
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": f"X-Scope-OrgID={tenant}"} if tenant else {}
    environ = os.environ | cache_beside(evidence) | headers
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def cache_beside(evidence: Path) -> dict[str, str]:
    """A cache that no other test knows."""
    return {"XDG_CACHE_HOME": str(evidence.absolute().with_name("cache"))}


def decided(evidence: Path) -> set[str]:
    return {row.decision_id for row in traces.read(evidence).decisions}


def fill(evidence: Path, decisions: int, *, files: int = 1) -> set[str]:
    evidence.mkdir(exist_ok=True)
    for number in range(files):
        spans = [decision() for _ in range(decisions // files)]
        process = resource("run-1", "plane-guard", **{"process.pid": number + 1})
        write(evidence / f"decisions-box-{number}-1.jsonl", session(of=process), *spans)
    return decided(evidence)


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


def test_every_decision_arrives_and_a_repetition_sends_nothing(evidence: Path, collector: Collector) -> None:
    sent = fill(evidence, 3000, files=6)
    first, second = ship(evidence, collector), ship(evidence, collector)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.startswith("3,006 of 3,006 lines in 6 files accepted")
    assert second.stdout.endswith("0 now, 3,006 before.\n")
    assert len(sent) == 3000
    assert sorted(collector.received()) == sorted(sent)
    assert traces.read(collector.folder).accounting.duplicates == 0


def test_each_of_two_tenants_behind_one_address_gets_everything(evidence: Path, collector: Collector) -> None:
    sent = fill(evidence, 100)
    for tenant in ("a", "b"):
        result = ship(evidence, collector, tenant=tenant)
        assert result.returncode == 0, result.stderr
        assert result.stdout.endswith("101 now, 0 before.\n")
    assert sorted(collector.received()) == sorted(sent)
    assert traces.read(collector.folder).accounting.duplicates == 100


def test_an_artifact_that_a_job_shipped_is_shipped_to_another_collector_at_the_same_address(
    evidence: Path, collector: Collector, tmp_path: Path
) -> None:
    sent = fill(evidence, 100)
    assert ship(evidence, collector).returncode == 0
    collector.stop()
    shutil.copytree(evidence, tmp_path / "downloaded")
    collector.folder = tmp_path / "mine"
    collector.start()
    assert ship(tmp_path / "downloaded", collector).stdout.endswith("101 now, 0 before.\n")
    assert set(collector.received()) == sent


@pytest.mark.parametrize("kind", ["resourceLogs", "resourceMetrics", "foo"])
def test_what_is_not_in_the_collectors_file_is_named(evidence: Path, collector: Collector, kind: str) -> None:
    sent = fill(evidence, 5)
    with (evidence / "decisions-box-0-1.jsonl").open("a") as lines:
        lines.write(json.dumps({kind: [{}]}) + "\n")
    result = ship(evidence, collector)
    assert result.returncode == 1
    assert result.stdout.startswith("6 of 7 lines")
    assert f"holds '{kind}': only resourceSpans are sent" in result.stderr
    assert set(collector.received()) == sent
    assert len(lines_received(collector)) == 6


def test_what_opentelemetry_instrument_wrote_is_in_the_collectors_file(evidence: Path, collector: Collector) -> None:
    sent = fill(evidence, 5)
    sent |= {row.decision_id for row in traces.read(write(evidence / "spans-box-1-1.jsonl", decision())).decisions}
    assert ship(evidence, collector).returncode == 0
    assert set(collector.received()) == sent


def test_a_collector_that_is_down_at_the_start_costs_no_more_than_the_timeout_and_no_decision(
    evidence: Path, stopped_collector: Collector
) -> None:
    sent = fill(evidence, 500)
    started = time.monotonic()
    without = ship(evidence, stopped_collector, "--timeout", "2")
    assert time.monotonic() - started < 20, "it waited for an answer without an end"
    assert without.returncode == 1
    assert "does not answer: " in without.stderr
    assert "Not sent: 501 lines" in without.stderr

    stopped_collector.start()
    assert ship(evidence, stopped_collector).returncode == 0
    assert set(stopped_collector.received()) == sent


def test_a_collector_that_starts_while_ship_is_trying_gets_all_of_it(
    evidence: Path, stopped_collector: Collector
) -> None:
    sent = fill(evidence, 500)
    later = threading.Timer(1.0, stopped_collector.start)
    later.start()
    result = ship(evidence, stopped_collector, "--timeout", "30")
    later.join()

    assert result.returncode == 0, result.stderr
    assert set(stopped_collector.received()) == sent


def test_after_a_kill_of_the_collector_nothing_acknowledged_is_missing_and_ship_completes_the_rest(
    evidence: Path, collector: Collector
) -> None:
    everything = fill(evidence, 2000, files=2)
    broken = ship_and_kill(collector.pid, evidence, collector, "--timeout", "2")
    acknowledged = int(broken.stdout.split(" of ")[0].replace(",", ""))
    collector.stop()

    assert broken.returncode == 1
    assert 1000 < acknowledged < 2002
    assert len(lines_received(collector)) == acknowledged

    collector.start()
    assert ship(evidence, collector).returncode == 0
    assert set(collector.received()) == everything


def test_ship_may_be_killed_between_an_answer_and_its_note_and_repeated(evidence: Path, collector: Collector) -> None:
    everything = fill(evidence, 2000, files=2)
    assert ship_and_kill(None, evidence, collector).returncode == -signal.SIGKILL
    assert 1000 < len(collector.received()) < 2000

    result = ship(evidence, collector)
    assert result.returncode == 0, result.stderr
    assert set(collector.received()) == everything
    assert traces.read(collector.folder).accounting.duplicates > 0, "at least once: readers know a decision by its id"


def test_ship_works_while_a_test_still_writes(evidence: Path, collector: Collector) -> None:
    fill(evidence, 10)
    done = threading.Event()
    writer = threading.Thread(target=append, args=(evidence / "decisions-box-0-1.jsonl", done))
    writer.start()
    codes = {ship(evidence, collector).returncode for _ in range(3)}
    done.set()
    writer.join()

    assert codes <= {0, 1}
    assert ship(evidence, collector).returncode == 0
    assert set(collector.received()) == decided(evidence)


def test_what_a_killed_test_process_decided_arrives(child: Child, collector: Collector) -> None:
    attempts = """
    import os, signal, httpx
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
    for attempt in range(50):
        try:
            httpx.post(url, json={"name": str(attempt)})
        except RuntimeError:
            pass
    os.kill(os.getpid(), signal.SIGKILL)
    """
    assert child.python(attempts, PLANE_GUARD_TEST_PROCESS="1").returncode == -signal.SIGKILL
    evidence = child.folder / ".plane-guard"
    result = ship(evidence, collector)

    assert result.returncode == 0, result.stderr
    assert len(decided(evidence)) == 50
    assert set(collector.received()) == decided(evidence)


@pytest.mark.parametrize("disk", ["/dev/full", "1536k"])
def test_with_its_disk_full_the_collector_says_so_and_ship_completes_later(
    evidence: Path, stopped_collector: Collector, disk: str
) -> None:
    everything = fill(evidence, 1000)
    with full_disk(stopped_collector.folder, disk) as make_room:
        stopped_collector.start()
        full = ship(evidence, stopped_collector, "--timeout", "5")
        accepted = int(full.stdout.split(" of ")[0].replace(",", ""))
        assert full.returncode == 1
        assert "no space left on device" in full.stderr
        assert (accepted > 0) is (disk != "/dev/full")
        assert len(lines_received(stopped_collector)) >= accepted
        stopped_collector.stop()

        make_room()
        stopped_collector.start()
        result = ship(evidence, stopped_collector)
        assert result.returncode == 0, result.stderr
        assert result.stdout.endswith(f"{1001 - accepted:,} now, {accepted:,} before.\n")
        assert set(stopped_collector.received()) == everything
        stopped_collector.stop()


def test_a_collector_out_of_memory_is_asked_again(evidence: Path, stopped_collector: Collector) -> None:
    everything = fill(evidence, 500)
    stopped_collector.start("processors::memory_limiter: {limit_mib: 2, spike_limit_mib: 1, check_interval: 10ms}")
    time.sleep(0.2)
    refused = ship(evidence, stopped_collector, "--timeout", "4")
    assert refused.returncode == 1
    assert "memory" in refused.stderr
    assert stopped_collector.received() == []

    stopped_collector.stop()
    stopped_collector.start()
    assert ship(evidence, stopped_collector).returncode == 0
    assert set(stopped_collector.received()) == everything


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"%s"}]}]}]}' % (b"x" * 21 * 2**20), "too large"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', "400"),
        (b'{"resourceSpans":[{"scope', "not a JSON object"),
    ],
    ids=["oversize", "not OTLP", "damaged"],
)
def test_one_bad_line_is_kept_and_named_and_holds_up_nothing(
    evidence: Path, collector: Collector, bad: bytes, why: str
) -> None:
    fill(evidence, 300)
    file = evidence / "decisions-box-0-1.jsonl"
    with file.open("ab") as lines:
        lines.write(bad + b"\n")
    write(file, *(decision() for _ in range(300)))
    before = file.read_bytes()

    for accepted in ("601 now, 0 before", "0 now, 601 before"):
        result = ship(evidence, collector)
        assert result.returncode == 1
        assert f"601 of 602 lines in 1 file accepted by {collector.http}/v1/traces: {accepted}" in result.stdout
        assert "Refused, and kept in the evidence: 1\n" in result.stderr
        assert why in result.stderr
    assert file.read_bytes() == before
    assert set(collector.received()) == decided(evidence)
    assert len(decided(evidence)) == 600


def ship_and_kill(
    pid: int | None, evidence: Path, collector: Collector, *options: str
) -> subprocess.CompletedProcess[str]:
    """Ship; after the third answer, before it is noted, the process `pid` (or ship itself) gets SIGKILL."""
    program = f"""
import os, signal
from plane_guard_dashboard.shipping import http; from plane_guard_dashboard import cli
post, sent = http.Client.post, []
def post_and_kill(self, body):
    answer = post(self, body)
    sent.append(body)
    if len(sent) == 3:
        os.kill({pid} or os.getpid(), signal.SIGKILL)
    return answer
http.Client.post = post_and_kill
cli.main()
"""
    arguments = ["ship", "--traces", str(evidence), "--endpoint", collector.http, *options]
    command = [sys.executable, "-c", program, *arguments]
    environ = os.environ | cache_beside(evidence)
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def append(file: Path, done: threading.Event) -> None:
    while not done.is_set():
        write(file, decision())
        time.sleep(0.001)


def lines_received(collector: Collector) -> list[str]:
    """Decisions and sessions: what one line of evidence is."""
    try:
        found = traces.read(collector.folder)
    except traces.NoTracesError:
        return []
    return [*(row.span_id for row in found.decisions), *(row.span_id for row in found.sessions)]


@contextmanager
def full_disk(folder: Path, disk: str) -> Iterator[Callable[[], object]]:
    """A folder without room, or with as much as `disk` says; yields what makes room."""
    folder.mkdir()
    if disk == "/dev/full":
        full = folder / "traces.jsonl"
        full.symlink_to(disk)
        yield full.unlink
        return
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder), "-o"]
    if subprocess.run([*mount, f"size={disk}"], check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk here; /dev/full stands in for it")
    try:
        yield lambda: subprocess.run([*mount, "remount,size=64m"], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

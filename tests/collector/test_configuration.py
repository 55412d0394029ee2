"""The real collector takes the shipped configurations, and keeps what they promise."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.collector.collector import free_port
from tests.collector.configuration import CLICKHOUSE, CONFIG, CONTAINER
from tests.collector.test_ship_to_a_collector import fill, ship

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.collector.collector import Collector


def validate(otelcol: Path, *configs: Path) -> subprocess.CompletedProcess[str]:
    command = [str(otelcol), "validate", *(f"--config={config}" for config in configs)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "configs",
    [(CONFIG,), (CONFIG, CLICKHOUSE), (CONFIG, CONTAINER)],
    ids=["as shipped", "with ClickHouse", "in a container"],
)
def test_the_shipped_configuration_is_valid(otelcol: Path, configs: tuple[Path, ...]) -> None:
    result = validate(otelcol, *configs)
    assert (result.returncode, result.stderr) == (0, "")


def test_an_unknown_key_would_not_be(otelcol: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(CONFIG.read_text().replace("rotation:", "rotations:"))
    assert validate(otelcol, broken).returncode != 0


def test_a_restart_keeps_what_was_received(collector: Collector, tmp_path: Path) -> None:
    first = fill(tmp_path / "first", 50)
    assert ship(tmp_path / "first", collector).returncode == 0
    collector.stop()
    collector.start()
    second = fill(tmp_path / "second", 50)
    assert ship(tmp_path / "second", collector).returncode == 0
    assert set(collector.received()) == first | second


def listening(pid: int) -> set[str]:
    """The local addresses of the TCP sockets on which a process listens, as /proc writes them."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile: the request for its health
            sockets.add(os.readlink(entry))
    tables = "".join(Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6"))
    lines = [line.split() for line in tables.splitlines()]
    return {words[1].split(":")[0] for words in lines if words[3] == "0A" and f"socket:[{words[9]}]" in sockets}


LOOPBACK = {"0100007F"}
ODD = ("", " ", "0.0.0.0", "::", "[::]", "*", "localhost")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the sockets of a process are read from /proc")
@pytest.mark.parametrize("host", [None, *ODD])
def test_it_listens_on_loopback_only_whatever_the_environment_holds(
    stopped_collector: Collector, monkeypatch: pytest.MonkeyPatch, host: str | None
) -> None:
    monkeypatch.delenv("PLANE_GUARD_OTLP_HOST", raising=False)
    if host is not None:
        monkeypatch.setenv("PLANE_GUARD_OTLP_HOST", host)
    stopped_collector.start()
    assert listening(stopped_collector.pid) == LOOPBACK


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the sockets of a process are read from /proc")
def test_only_the_overlay_for_containers_opens_it(stopped_collector: Collector) -> None:
    stopped_collector.start(CONTAINER)
    assert listening(stopped_collector.pid) > LOOPBACK, "the metrics stay on loopback"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the sockets of a process are read from /proc")
def test_an_empty_port_is_a_free_port_of_loopback(otelcol: Path, tmp_path: Path) -> None:
    empty = {f"PLANE_GUARD_OTLP_{name}_PORT": "" for name in ("GRPC", "HTTP", "HEALTH")}
    with running(otelcol, tmp_path, **empty) as (process, log):
        wait_for("Everything is ready", log)
        assert listening(process.pid) == LOOPBACK


@pytest.mark.parametrize("folder", [None, "", "named", "abs"])
def test_without_a_folder_it_writes_to_the_trace_folder_of_where_it_was_started(
    otelcol: Path, tmp_path: Path, folder: str | None
) -> None:
    named = str(tmp_path / "abs") if folder == "abs" else folder
    ports = {f"PLANE_GUARD_OTLP_{name}_PORT": "" for name in ("GRPC", "HTTP", "HEALTH")}
    with running(otelcol, tmp_path, **ports, **({} if named is None else {"PLANE_GUARD_TRACE_DIR": named})) as (_, log):
        port = wait_for(r"Starting HTTP server.*?127\.0\.0\.1:([0-9]+)", log)
        span = {"traceId": "1" * 32, "spanId": "1" * 16, "name": "x", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/traces", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()
    written = [file.relative_to(tmp_path) for file in tmp_path.rglob("traces.jsonl")]
    assert written == [Path(folder or ".plane-guard") / "traces.jsonl"]
    assert not Path("/traces.jsonl").exists()


@contextmanager
def running(otelcol: Path, folder: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A collector that was started in a folder, with these variables only, and its log."""
    log = folder / "otelcol.log"
    environ |= {"PLANE_GUARD_OTLP_METRICS_PORT": str(free_port())}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [otelcol, f"--config={CONFIG}"], cwd=folder, env=environ, stdout=output, stderr=output
        )
    try:
        yield process, log
    finally:
        process.terminate()
        process.wait(20)


def wait_for(pattern: str, log: Path) -> str:
    """Return the last group of a pattern as soon as the log has it."""
    end = time.monotonic() + 20
    while not (found := re.search(pattern, log.read_text())):
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)
    return found[found.lastindex or 0]


def test_without_clickhouse_the_collector_starts_and_the_file_has_everything(
    stopped_collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = tmp_path / "queue"
    monkeypatch.setenv("PLANE_GUARD_QUEUE_DIR", str(queue))
    monkeypatch.setenv("PLANE_GUARD_CLICKHOUSE_ENDPOINT", "tcp://127.0.0.1:1")
    sent = fill(tmp_path / "evidence", 500)
    stopped_collector.start(CLICKHOUSE)
    result = ship(tmp_path / "evidence", stopped_collector)

    assert result.returncode == 0, result.stderr
    assert set(stopped_collector.received()) == sent
    waiting = b"".join(file.read_bytes() for file in queue.iterdir())
    assert all(decision.encode() in waiting for decision in sent)

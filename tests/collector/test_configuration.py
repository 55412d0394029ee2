"""The real collector takes the shipped configurations, and keeps what they promise."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.collector.collector import CONFIG, ROOT
from tests.collector.test_ship_to_a_collector import fill, ship

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector.collector import Collector

OVERLAY = ROOT / "deploy" / "otel-collector.clickhouse.yaml"


def validate(otelcol: Path, *configs: Path) -> subprocess.CompletedProcess[str]:
    command = [str(otelcol), "validate", *(f"--config={config}" for config in configs)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("configs", [(CONFIG,), (CONFIG, OVERLAY)], ids=["as shipped", "with ClickHouse"])
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


def test_without_clickhouse_the_collector_starts_and_the_file_has_everything(
    stopped_collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = tmp_path / "queue"
    monkeypatch.setenv("PLANE_GUARD_QUEUE_DIR", str(queue))
    monkeypatch.setenv("PLANE_GUARD_CLICKHOUSE_ENDPOINT", "tcp://127.0.0.1:1")
    sent = fill(tmp_path / "evidence", 500)
    stopped_collector.start(OVERLAY)
    result = ship(tmp_path / "evidence", stopped_collector)

    assert result.returncode == 0, result.stderr
    assert set(stopped_collector.received()) == sent
    waiting = b"".join(file.read_bytes() for file in queue.iterdir())
    assert all(decision.encode() in waiting for decision in sent)

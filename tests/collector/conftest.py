"""The real collector, built by `.ci/collector/build`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.collector.collector import Collector
from tests.collector.configuration import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """The binary: of PLANE_GUARD_OTELCOL, or the one that was built here. CI has one, or fails."""
    named = os.environ.get("PLANE_GUARD_OTELCOL")
    if named:
        return Path(named)
    found = subprocess.run([ROOT / ".ci/collector/build", "--cached"], capture_output=True, text=True, check=False)
    if found.returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(found.stderr.strip())
    return Path(found.stdout.strip())


@pytest.fixture
def stopped_collector(otelcol: Path, tmp_path: Path) -> Iterator[Collector]:
    """A collector that does not run yet."""
    collector = Collector(otelcol, tmp_path / "collected")
    yield collector
    collector.stop()


@pytest.fixture
def collector(stopped_collector: Collector) -> Collector:
    """A collector that runs with the shipped configuration."""
    stopped_collector.start()
    return stopped_collector

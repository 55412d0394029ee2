"""The memory that a process keeps after many decisions."""

from __future__ import annotations

import gc
import os

import psutil  # type: ignore[import-untyped]  # its types are apart

from benchmarks import decision
from benchmarks.registry import Effort, Figure, measure

_MEGABYTE = 1e6
_WARM_UP = 2_000


@measure("memory after 100,000 decisions", against="after the first 2,000", goal=5.0, slip=5.0, unit="MB more")
def growth(effort: Effort) -> Figure:
    """Resident memory of a process that writes to the sandbox, evidence included. The short form makes 10,000."""
    judge, process = decision.judging(), psutil.Process(os.getpid())

    def after(number: int) -> float:
        for _ in range(number):
            judge()
        gc.collect()
        return int(process.memory_info().rss) / _MEGABYTE

    before, now = after(_WARM_UP), after(effort.of(100_000, 10_000))
    return Figure(now - before, f"{now:.1f} MB", f"{before:.1f} MB")

"""The wait for a collector: a few seconds per run, however many processes and tests it has.

The first process of a run that waits in vain, or for long, leaves a mark beside the evidence. From then on no process
of this run waits, and none begins to send. What was not delivered is on disk.
"""

from __future__ import annotations

import os
from concurrent import futures
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from concurrent.futures import Future

SECONDS = 2.5
_SHORT = 1.0


def wait(flushes: list[Future[bool]]) -> bool:
    """Wait until everything was accepted; return if it was. Returns at once if the run has waited enough."""
    if not is_over() and not _accepted(flushes, _SHORT):
        _mark()
        _accepted(flushes, SECONDS - _SHORT)
    return _accepted(flushes, 0)


def _accepted(flushes: list[Future[bool]], seconds: float) -> bool:
    found = futures.wait(flushes, seconds)
    return not found.not_done and all(flush.result() for flush in found.done)


def is_over() -> bool:
    """Return if a process of this run has waited enough."""
    return SYSTEM.exists(_path())


def forget() -> None:
    """Remove the mark. For the process that began the run, when it ends."""
    with suppress(OSError):
        SYSTEM.unlink(_path())


def _mark() -> None:
    with suppress(OSError):
        SYSTEM.close(SYSTEM.open(_path(), SYSTEM.append_flags | os.O_CREAT, 0o600))


def _path() -> str:
    current = run.current()
    return f"{current.trace_dir}{SYSTEM.sep}live-export-{current.run_id}.account"

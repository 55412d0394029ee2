"""Sends decisions and session records to a collector while the tests run.

It is on if ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or the one for traces or logs) was set when a test process started, and
telemetry is not switched off. It always comes after the evidence file. ``plane-guard ship`` sends later what could not
be delivered, and readers count it once. Left to that command are also the session record of a child without decisions,
because importing an exporter would take longer than many children do, and a child that was forked after its parent had
loaded gRPC, which may crash there.
"""

from __future__ import annotations

import atexit
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard_instrumentation.evidence import listeners
from plane_guard_instrumentation.evidence.session import ENDPOINT_VARIABLE
from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.export import target as targets
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.otlp_json import Span
    from plane_guard_instrumentation.export.sender import Sender
    from plane_guard_instrumentation.export.target import Target


class _State:
    def __init__(self) -> None:
        self.targets: list[Target] | None = None
        self.found_by = 0
        # By process id, so a fork starts with empty queues and threads of its own.
        self.records: dict[int, Span] = {}
        self.senders: dict[int, list[Sender]] = {}
        self.has_told = False


_state = _State()


def announce(record: Span) -> None:
    """Keep this process's session record. It is sent before the first decision. Imports and starts nothing."""
    listeners.on_decision(offer)
    if _state.targets is None:
        _state.targets = targets.find(SYSTEM.environ, process.fixed().hosts)
        _state.found_by = SYSTEM.getpid()
        if _state.targets:
            _register_end()
    if not _state.targets:
        return
    is_new = SYSTEM.getpid() not in _state.records
    _state.records[SYSTEM.getpid()] = record
    if not is_new:
        offer(record)
    for problem in {target.problem for target in _state.targets if target.problem}:
        _tell(f"{ENDPOINT_VARIABLE} is set, but nothing is sent live: {problem}")


def offer(span: Span) -> None:
    """Hand over a span that is on disk. Never waits for the collector, never raises."""
    with suppress(Exception):
        for sender in _senders():
            sender.put(span)


def start() -> None:
    """Begin to send. For pytest's start, outside of any test."""
    with suppress(Exception):
        _senders()


def flush() -> str:
    """Wait a little until everything was accepted; return what the user has to know if it was not."""
    senders = [sender for sender in _state.senders.get(SYSTEM.getpid(), ()) if sender.unsent()]
    if not senders:
        return ""
    from plane_guard_instrumentation.export import patience

    # gRPC is imported here, which is no fault of the collector's.
    flushes = [sender.flush() for sender in senders]
    if patience.wait(flushes):
        return ""
    unsent = max(sender.unsent() for sender in senders)
    return f"{unsent} span(s) were not delivered to {_endpoints()}. Run `plane-guard ship` to send them"


def _endpoints() -> str:
    from plane_guard_instrumentation.evidence import redaction

    shown = (redaction.clean(target.endpoint, redaction.of_environment()) for target in _state.targets or ())
    return ", ".join(dict.fromkeys(shown))


def _senders() -> list[Sender]:
    pid = SYSTEM.getpid()
    found = _state.senders.get(pid)
    return found if found is not None else _begin(pid)


def _begin(pid: int) -> list[Sender]:
    usable = [target for target in _state.targets or () if not target.problem]
    is_fork = _state.found_by != pid
    if is_fork and "grpc" in sys.modules:
        usable = [target for target in usable if target.protocol != targets.GRPC]
    if not usable or pid not in _state.records:
        return []
    from plane_guard_instrumentation.export import patience
    from plane_guard_instrumentation.export.sender import Sender

    if patience.is_over():
        return []
    made = [Sender(target) for target in usable]
    kept = _state.senders.setdefault(pid, made)
    if kept is made:
        for sender in kept:
            sender.put(_state.records[pid])
        _register_end_of_worker()
    return kept


def _is_root() -> bool:
    return run.current().is_root and SYSTEM.getpid() == _state.found_by


def _register_end() -> None:
    # Before `atexit`, while threads can be started and executors still work. The import registers the end of executors,
    # and what is registered later is called earlier.
    import concurrent.futures.thread  # noqa: F401

    with suppress(AttributeError, RuntimeError):
        threading._register_atexit(_deliver)  # type: ignore[attr-defined]  # noqa: SLF001  for concurrent.futures
    atexit.register(_end)


def _register_end_of_worker() -> None:
    # A worker of multiprocessing ends without `atexit`.
    util = sys.modules.get("multiprocessing.util")
    if util is not None and sys.modules["multiprocessing.process"].parent_process() is not None:
        util.Finalize(None, _end, exitpriority=0)


def _deliver() -> None:
    with suppress(Exception):
        if SYSTEM.getpid() in _state.records:
            if _is_root():
                # Without decisions, only the session record tells a quiet run from an unguarded one.
                start()
            _tell(flush())


def _end() -> None:
    _deliver()
    with suppress(Exception):
        for sender in _state.senders.get(SYSTEM.getpid(), ()):
            sender.close()
        if _is_root() and _state.targets:
            from plane_guard_instrumentation.export import patience

            patience.forget()


def _tell(problem: str) -> None:
    """Print a problem once, and only in the process that began the run: tests read what their children print."""
    if problem and _is_root() and not _state.has_told:
        _state.has_told = True
        with suppress(Exception):
            sys.stderr.write(f"plane-guard: {problem}\n")

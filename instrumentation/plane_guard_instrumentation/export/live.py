"""Decisions and sessions on their way to a collector while the tests still run.

On where ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or the traces one) was set when a test process started and telemetry is not
switched off. Always behind the evidence file: what does not get through live is sent later by ``plane-guard ship``,
and readers count it once. Left to that command are also the session span of a guarded child without decisions, since
loading an exporter would cost more than many children take, and all of a child that was forked after its parent's own
code had loaded gRPC, which may crash there.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard_instrumentation.evidence import listeners
from plane_guard_instrumentation.evidence.session import ENDPOINT_VARIABLE
from plane_guard_instrumentation.export import process_end
from plane_guard_instrumentation.export import target as _live_target
from plane_guard_instrumentation.runtime import environment

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.otlp_json import Span
    from plane_guard_instrumentation.export.sender import Sender
    from plane_guard_instrumentation.export.target import Target


class _State:
    target: Target | None = None
    known_by = 0
    mark: Span | None = None
    announced = 0
    begins_run = False
    told = False
    registered = False


_senders: dict[int, Sender] = {}  # by process, so a fork starts with an empty queue and a thread of its own


def announce(mark: Span) -> None:
    """Note this process's session span, to be sent before its first decision. Starts and imports nothing."""
    listeners.on_decision(offer)
    if not _State.known_by:
        _State.target, _State.known_by = _live_target.find(os.environ, process.fixed().hosts), os.getpid()
        if _State.target is not None:
            process_end.at_exit(_at_exit)
    _State.mark, _State.announced = mark, os.getpid()
    if _State.target is not None:
        _State.begins_run = environment.guarded_parent() is None
        if _State.begins_run:
            process_end.before_threads_end(_start_and_wait)
        if _State.target.problem:
            _tell(f"{ENDPOINT_VARIABLE} is set, but nothing is sent live: {_State.target.problem}")


def offer(span: Span) -> None:
    """Hand over a finished span that is on disk. Never waits, never raises."""
    with suppress(Exception):
        sender = _sender()
        if sender is not None:
            sender.put(span)


def start() -> None:
    """Send the session span now, if it is not on its way: when pytest starts, or where no decision was made."""
    with suppress(Exception):
        _sender()


def flush() -> str:
    """Wait a little until everything has been accepted; what to tell the user if it was not, or the empty string."""
    sender = _senders.get(os.getpid())
    if sender is None:
        return ""
    from plane_guard_instrumentation.export import budget

    answer = sender.flush()
    if sender.holds_back:
        sender.wait_for_imports()  # they begin only now, and are no fault of the collector's
    if budget.wait(answer):
        return ""
    return (
        f"{sender.unsent()} span(s) did not reach the collector that {ENDPOINT_VARIABLE} names. "
        "They are in the evidence: plane-guard ship sends them"
    )


def _sender() -> Sender | None:
    if _State.target is None or _State.target.problem or _State.mark is None or _State.announced != os.getpid():
        return None
    if _State.known_by != os.getpid() and _State.target.protocol == _live_target.GRPC and "grpc" in sys.modules:
        return None
    return _senders.get(os.getpid()) or _new_sender(_State.target, _State.mark)


def _new_sender(target: Target, mark: Span) -> Sender | None:
    from plane_guard_instrumentation.export import budget
    from plane_guard_instrumentation.export import sender as _live_sender

    if budget.spent() >= budget.SECONDS:
        return None
    new = _live_sender.Sender(target)
    sender = _senders.setdefault(os.getpid(), new)
    if sender is new:
        sender.put(mark)
        sender.start()
        _keep_imports_apart_from_forks_and_the_end()
        process_end.when_a_worker_of_multiprocessing_ends(_at_exit)
    return sender


def _keep_imports_apart_from_forks_and_the_end() -> None:
    if not _State.registered:
        _State.registered = True
        process_end.around_forks(_before_fork, _after_fork)
        process_end.before_threads_end(_wait_for_imports)


def _wait_for_imports() -> None:
    sender = _senders.get(os.getpid())
    if sender is not None and sender.holds_back:
        flush()
    elif sender is not None:
        sender.wait_for_imports()


def _before_fork() -> None:
    with suppress(Exception):
        sender = _senders.get(os.getpid())
        if sender is not None:
            sender.before_fork()


def _after_fork() -> None:
    sender = _senders.get(os.getpid())
    if sender is not None:
        sender.after_fork()


def _start_and_wait() -> None:
    start()
    _wait_for_imports()


def _at_exit() -> None:
    if _State.announced != os.getpid():
        return
    with suppress(Exception):
        problem = flush()
        if problem:
            _tell(problem)
        sender = _senders.get(os.getpid())
        if sender is not None:
            sender.close()
        if _State.begins_run:
            from plane_guard_instrumentation.export import budget

            budget.close()


def _tell(problem: str) -> None:
    """Say it once, and only in the process that the run began with: others read what children write."""
    if _State.begins_run and not _State.told:
        _State.told = True
        with suppress(Exception):
            sys.stderr.write(f"plane-guard: {problem}\n")

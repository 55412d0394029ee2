"""The session record: one span per guarded process. Without it, quiet and unguarded would look the same.

The root test process writes it at its start, every other process before its first decision. It is the first line of
each evidence file, so a file that replaces a deleted one begins with it too.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import (
    coverage,
    diagnostics,
    evidence_file,
    executed_tests,
    listeners,
    otlp_json,
    redaction,
    resource,
    sanitize,
    trace_context,
)
from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.sanitize import Attributes

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
LOGS_ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
_ENDPOINTS = (ENDPOINT_VARIABLE, TRACES_ENDPOINT_VARIABLE, LOGS_ENDPOINT_VARIABLE)
_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8


class _State:
    def __init__(self) -> None:
        # By process id, so a forked child makes its own.
        self.records: dict[int, otlp_json.Span] = {}
        self.announced = 0


_state = _State()


def announce() -> None:
    """Write this process's session record, once it is a test process."""
    if _state.announced == SYSTEM.getpid() or not process.test_evidence():
        return
    _state.announced = SYSTEM.getpid()
    problem = evidence_file.create()
    if problem:
        diagnostics.evidence_not_written(problem)
    listeners.session_written(record())
    atexit.register(end)


def refresh() -> None:
    """Write the session record again, because what it says changed. Readers keep the last one of a process."""
    pid = SYSTEM.getpid()
    if not process.test_evidence():
        return
    written = _state.records.pop(pid, None)
    if written is None:
        announce()
        return
    _state.records[pid] = _described_again(written)
    problem = evidence_file.append(otlp_json.line(record()))
    if problem:
        diagnostics.evidence_not_written(problem)
    listeners.session_written(record())


def end() -> None:
    """Write the session record with the end of the run, if this process is the run's root. It is the last line."""
    pid = SYSTEM.getpid()
    written = _state.records.get(pid)
    if written is None or _state.announced != pid or not run.current().is_root:
        return
    # A trace folder that was deleted on purpose does not come back for this.
    if not SYSTEM.exists(evidence_file.path()):
        return
    ended = _described_again(written)
    ended.attributes |= {names.SESSION_ENDED: True}
    _state.records[pid] = ended
    problem = evidence_file.append(otlp_json.line(ended))
    if problem:
        diagnostics.evidence_not_written(problem)


def is_live() -> bool:
    """Return if a collector was named in the environment when this process started."""
    return any(SYSTEM.environ.get(name) for name in _ENDPOINTS)


def record() -> otlp_json.Span:
    """Return the session record of this process."""
    pid = SYSTEM.getpid()
    found = _state.records.get(pid)
    return found if found is not None else _state.records.setdefault(pid, _new())


def _new() -> otlp_json.Span:
    parent = trace_context.inherited()
    return otlp_json.Span(
        names.SESSION,
        trace_id=parent.trace_id if parent else SYSTEM.random_hex(_TRACE_ID_BYTES),
        span_id=SYSTEM.random_hex(_SPAN_ID_BYTES),
        parent=parent,
        start_ns=SYSTEM.now_ns(),
        resource=resource.of_this_process(),
        attributes=described(),
    )


def _described_again(written: otlp_json.Span) -> otlp_json.Span:
    return otlp_json.Span(
        written.name,
        trace_id=written.trace_id,
        span_id=written.span_id,
        parent=written.parent,
        start_ns=written.start_ns,
        end_ns=SYSTEM.now_ns(),
        resource=written.resource,
        attributes=described(),
    )


def described() -> Attributes:
    """Return the attributes of the session record."""
    found = {
        names.SESSION_EVIDENCE: process.test_evidence(),
        names.SESSION_SHELLS: coverage.patched_clients(),
        names.SESSION_UNCOVERED: coverage.uncovered() or None,
        names.SESSION_TESTS: executed_tests.number(),
        names.SESSION_TEST_KEYS: executed_tests.keys(),
        names.SESSION_CONTAINMENT: coverage.containment() or None,
    }
    return sanitize.sanitize(found, redaction.of_environment())


def _header() -> bytes:
    return otlp_json.line(record())


evidence_file.begin_with(_header)

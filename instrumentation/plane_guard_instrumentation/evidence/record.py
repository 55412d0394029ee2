"""Records a decision: first on disk, then on the span around the request and as a log record, then in the log."""

from __future__ import annotations

import itertools
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from plane_guard import process
from plane_guard.audit import audit_allow, audit_block
from plane_guard.decision import LIVE, target_of
from plane_guard.keys import is_work_item_key
from plane_guard.vocabulary import Outcome
from plane_guard_instrumentation.evidence import (
    attributes as names,
)
from plane_guard_instrumentation.evidence import (
    caller,
    diagnostics,
    redaction,
    running_test,
    sanitize,
    span_events,
    spans,
)
from plane_guard_instrumentation.evidence.running_test import Running
from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard import Decision, PlaneWrite, PlaneWriteBlocked
    from plane_guard.vocabulary import Target
    from plane_guard_instrumentation.evidence.outgoing import OutgoingRequest
    from plane_guard_instrumentation.evidence.sanitize import Attributes

_T = TypeVar("_T")
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_DECISION_ID_BYTES = 16
_sequence = itertools.count(1)
_is_logging: ContextVar[bool] = ContextVar("plane_guard_is_logging", default=False)
sanitize.prepare()


def decision(
    write: PlaneWrite, sent: OutgoingRequest, made: Decision, target: Target, project: str | None = None
) -> str:
    """Record a decision of a test process, unless the process that sends the request has. Never raises.

    Return why the evidence is not on disk and what to do, or an empty string.
    """
    attributes: Attributes = {}
    try:
        attributes = _describe(write, sent, made, target, project)
        if made.allowed and sent.client is not None and sent.client.has_recorded(attributes):
            return ""
        problem = spans.write(attributes, blocked=not made.allowed)
    except Exception as error:  # noqa: BLE001  no evidence: the caller turns an allow into a block
        problem = f"{type(error).__name__}: {error}. A test may have replaced a function that plane-guard uses"
    if problem:
        diagnostics.evidence_not_written(problem)
    with suppress(Exception):
        span_events.add(attributes)
    with suppress(Exception):
        _log(write, made, attributes or {names.PROJECT: project or write.project_id or ""})
    return problem


def _log(write: PlaneWrite, made: Decision, attributes: Attributes) -> None:
    # The decision about a request of a log handler is not logged: that would be sent, and decided, without end.
    if _is_logging.get():
        return
    token = _is_logging.set(True)
    try:
        audit = audit_allow if made.allowed else audit_block
        project, item, key = (attributes.get(name) for name in (names.PROJECT, names.WORK_ITEM, names.WORK_ITEM_KEY))
        audit(project, write.op, made.reason, item, key)
        span_events.emit_log_record(attributes, is_error=not made.allowed)
    finally:
        _is_logging.reset(token)


def live(write: PlaneWrite, sent: OutgoingRequest) -> None:
    """Add a live process's write to the span that is recording it, if there is one. Never raises."""
    # Telemetry must not disturb a live process.
    with suppress(Exception):
        if span_events.is_recording():
            target = target_of(write.project_id, process.fixed())
            attributes = _describe(write, sent, LIVE, target, write.project_id)
            span_events.add(attributes)
            span_events.emit_log_record(attributes, is_error=False)


def remember(refusal: PlaneWriteBlocked) -> None:
    """Tell the running test of a refusal, whatever the code under test does with the exception."""
    for listener in diagnostics.listeners:
        # An error in a listener must not take the place of the refusal.
        with suppress(Exception):
            listener(refusal)


def without_credentials(write: PlaneWrite, sent: OutgoingRequest) -> PlaneWrite:
    """Return a write as a refusal may quote it: without a credential that stands where a name belongs. Never raises."""
    return _if_possible(lambda: _quotable(write, sent)) or write


def _quotable(write: PlaneWrite, sent: OutgoingRequest) -> PlaneWrite:
    secrets = _secrets(sent)
    kept = sanitize.sanitize({names.WORKSPACE: write.workspace, names.PROJECT: write.project_id}, secrets)
    return write._replace(
        workspace=write.workspace if kept.get(names.WORKSPACE) else None,
        project_id=write.project_id if kept.get(names.PROJECT) else None,
        projects=tuple(key for key in write.projects if sanitize.sanitize({names.PROJECT: key}, secrets)),
        server_address=redaction.clean(write.server_address, secrets),
    )


def _secrets(sent: OutgoingRequest) -> tuple[str, ...]:
    return (*redaction.credentials(sent.headers, sent.url), *redaction.of_environment())


def _describe(
    write: PlaneWrite, sent: OutgoingRequest, made: Decision, target: Target, project: str | None
) -> Attributes:
    running = _if_possible(running_test.running) or Running()
    frame = _if_possible(caller.find) if sent.client is None else None
    found: dict[str, object] = {
        names.DECISION_ID: SYSTEM.random_hex(_DECISION_ID_BYTES),
        names.SEQ: next(_sequence),
        names.OUTCOME: str(Outcome.ALLOW if made.allowed else Outcome.BLOCK),
        names.REASON: str(made.reason),
        names.EXPECTED: (running.expected and not made.allowed) or None,
        names.LAYER: sent.layer,
        names.TARGET: str(target),
        names.OP: str(write.op),
        names.WORKSPACE: write.workspace,
        names.PROJECT: project,
        names.PROJECT_NAME: _project_name(project),
        names.WORK_ITEM: write.work_item,
        names.WORK_ITEM_KEY: _work_item_key(write),
        names.METHOD: write.method if write.method in _KNOWN_METHODS else "_OTHER" if write.method else None,
        names.URL_TEMPLATE: write.url_template,
        names.SERVER_ADDRESS: write.server_address,
        names.SERVER_PORT: write.server_port,
        names.TEST: running.test,
        names.PHASE: running.phase,
        names.FILE: frame.file if frame else None,
        names.LINE: frame.line if frame else None,
        names.FUNCTION: frame.function if frame else None,
        names.CLIENT_NAME: sent.client.name if sent.client else None,
        names.CLIENT_PID: sent.client.pid if sent.client else None,
    }
    return sanitize.sanitize(found, _secrets(sent))


def _if_possible(find: Callable[[], _T]) -> _T | None:
    """Return what a function finds, or ``None`` if a mock breaks it: a decision without its test is still evidence."""
    try:
        return find()
    except Exception:  # noqa: BLE001  see above
        return None


def _project_name(project: str | None) -> object:
    """Return the project's name for people, from ``project_names`` in pyproject."""
    table = run.current().table.get("project_names")
    return table.get(project) if type(table) is dict else None


def _work_item_key(write: PlaneWrite) -> str | None:
    keys = (running_test.current_work_item(), write.work_item)
    return next((key for key in keys if isinstance(key, str) and is_work_item_key(key)), None)

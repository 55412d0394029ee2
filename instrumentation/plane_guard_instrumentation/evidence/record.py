"""Recording a decision: on disk first, then on the span of the request, then in the log."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from plane_guard.keys import is_work_item_key
from plane_guard.vocabulary import Outcome
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import diagnostics, redaction, running_test, sanitize

if TYPE_CHECKING:
    from plane_guard import Decision, PlaneWrite, PlaneWriteBlocked
    from plane_guard.vocabulary import Target
    from plane_guard_instrumentation.evidence.outgoing import OutgoingRequest
    from plane_guard_instrumentation.evidence.sanitize import Attributes


_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_sequence = itertools.count(1)
sanitize.prepare()
_is_logging: ContextVar[bool] = ContextVar("plane_guard_is_logging", default=False)


def decision(
    write: PlaneWrite, sent: OutgoingRequest, made: Decision, target: Target, project: str | None = None
) -> bool:
    """Record a decision of a test process; whether its evidence is on disk. Never raises."""
    try:
        from plane_guard_instrumentation.evidence import spans

        attributes = _describe(write, sent, made, target, project)
        problem = spans.write(attributes, blocked=not made.allowed)
    except Exception as error:  # noqa: BLE001  no evidence: the caller turns an allow into a block
        attributes, problem = {}, f"{type(error).__name__} while writing evidence"
    if problem:
        diagnostics.unwritten(problem)
    with suppress(Exception):
        from plane_guard_instrumentation.evidence import span_events

        span_events.add(attributes)
    with suppress(Exception):
        _log(write, made, project or write.project_id, attributes.get(names.WORK_ITEM_KEY))
    return not problem


def _log(write: PlaneWrite, made: Decision, project: str | None, key: object) -> None:
    """Log a decision, but not one about what a log handler sends: that would be logged, and sent, without end."""
    if _is_logging.get():
        return
    from plane_guard import audit_allow, audit_block

    token = _is_logging.set(True)
    try:
        audit = audit_allow if made.allowed else audit_block
        audit(project, write.op, made.reason, write.work_item, key)
    finally:
        _is_logging.reset(token)


def live(write: PlaneWrite, sent: OutgoingRequest) -> None:
    """Note a live process's write on the span that is recording it, if any; never in the way of the write."""
    from plane_guard.decision import LIVE, target_of
    from plane_guard_instrumentation.evidence import span_events

    try:
        if span_events.is_recording():
            from plane_guard import process

            target = target_of(write.project_id, process.fixed())
            span_events.add(_describe(write, sent, LIVE, target, write.project_id))
    except Exception:  # noqa: BLE001, S110  telemetry may not disturb a live process
        pass


def remember(refusal: PlaneWriteBlocked) -> None:
    """Tell the test that is running of a refusal, whatever the code under test does with the exception."""
    for listener in diagnostics.listeners:
        listener(refusal)


def _describe(
    write: PlaneWrite, sent: OutgoingRequest, made: Decision, target: Target, project: str | None
) -> Attributes:
    from plane_guard_instrumentation.evidence import caller as _caller

    running, caller = running_test.running(), _caller.find()
    found: dict[str, object] = {
        names.DECISION_ID: os.urandom(16).hex(),
        names.SEQ: next(_sequence),
        names.OUTCOME: str(Outcome.ALLOW if made.allowed else Outcome.BLOCK),
        names.REASON: str(made.reason),
        names.EXPECTED: (running.expected and not made.allowed) or None,
        names.LAYER: sent.layer,
        names.TARGET: str(target),
        names.OP: str(write.op),
        names.WORKSPACE: write.workspace,
        names.PROJECT: project,
        names.WORK_ITEM: write.work_item,
        names.WORK_ITEM_KEY: _work_item_key(write),
        names.METHOD: write.method if write.method in _KNOWN_METHODS else "_OTHER" if write.method else None,
        names.URL_TEMPLATE: write.url_template,
        names.SERVER_ADDRESS: write.server_address,
        names.SERVER_PORT: write.server_port,
        names.TEST: running.test,
        names.PHASE: running.phase,
        names.FILE: caller.file if caller else None,
        names.LINE: caller.line if caller else None,
        names.FUNCTION: caller.function if caller else None,
    }
    secrets = (*redaction.credentials(sent.headers, sent.url), *redaction.of_environment())
    return sanitize.permitted(found, secrets)


def _work_item_key(write: PlaneWrite) -> str | None:
    keys = (running_test.current_work_item(), write.work_item)
    return next((key for key in keys if isinstance(key, str) and is_work_item_key(key)), None)

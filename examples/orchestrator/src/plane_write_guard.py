"""The adapter: the orchestrator's settings go in, plane-guard's decision comes out. It has no logic of its own."""

from __future__ import annotations

import logging

import plane_guard
from plane_guard import Decision, Op, Reason
from src.config import settings

OP_STATE = Op.STATE
OP_COMMENT = Op.COMMENT

R_LIVE_RUNTIME = Reason.LIVE_RUNTIME
R_OPT_IN_DISABLED = Reason.OPT_IN_DISABLED
R_AMBIGUOUS = Reason.AMBIGUOUS_TARGET
R_PROD_IN_TEST = Reason.PROD_PROJECT_IN_TEST
R_SANDBOX = Reason.SANDBOX_ALLOWED

_log = logging.getLogger("orchestrator.plane_write_guard")


def decide(project_id: str | None, op: str, work_item: str | None = None) -> Decision:
    """Decide on one write, with the settings and the process as they are now."""
    allowed = plane_guard.Settings(
        write_enabled=settings.plane_test_write_enabled,
        sandbox_projects=settings.plane_test_sandbox_projects,
    )
    return plane_guard.decide(project_id, op, work_item, settings=allowed, in_test=_in_test_process())


def audit_block(project_id: str | None, op: str, reason: str, work_item: str | None = None) -> None:
    """Log a refused write."""
    _log.error("BLOCKED Plane write: project=%r work_item=%r op=%s reason=%s", project_id, work_item, op, reason)


def audit_allow(project_id: str | None, op: str, reason: str, work_item: str | None = None) -> None:
    """Log a write to the sandbox."""
    _log.info("ALLOWED Plane write: project=%r work_item=%r op=%s reason=%s", project_id, work_item, op, reason)


def _in_test_process() -> bool:
    """Whether plane-guard sees evidence of running tests; only then does it decide anything but live-runtime."""
    return plane_guard.decide(None, OP_STATE).reason != R_LIVE_RUNTIME

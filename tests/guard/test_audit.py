"""The log line of a decision: one line, at its level, with all that matters in its own text."""

from __future__ import annotations

import logging

import pytest

from plane_guard import Op, Reason, audit_allow, audit_block
from tests.guard.plane import ITEM, PROD, SANDBOX

BLOCKED = "BLOCKED Plane write in a test process: "
ALLOWED = "ALLOWED Plane write to the sandbox: "
LINES = {
    "a block": (
        audit_block, (PROD, Op.STATE, Reason.PROD_PROJECT_IN_TEST, ITEM, "ORCH-114"), "ERROR",
        f"{BLOCKED}project={PROD} work_item={ITEM} (ORCH-114) op=state reason=prod-project-in-test"),
    "a block of a write to nowhere known": (
        audit_block, (None, Op.WORKSPACE, Reason.AMBIGUOUS_TARGET), "ERROR",
        f"{BLOCKED}project=unresolved work_item=none op=workspace reason=ambiguous-target"),
    "a block of an item known by its key alone": (
        audit_block, (PROD, "state", "opt-in-disabled", None, "ORCH-114"), "ERROR",
        f"{BLOCKED}project={PROD} work_item=(ORCH-114) op=state reason=opt-in-disabled"),
    "a block with a line break in what it names": (
        audit_block, (f"{PROD}\nINFO", "state", "opt-in-disabled", "a\r\x1bb", "c\u2028d"), "ERROR",
        f"{BLOCKED}project={PROD}?INFO work_item=a??b (c?d) op=state reason=opt-in-disabled"),
    "a block with very long names": (
        audit_block, ("p" * 1_000, "state", "opt-in-disabled", "i" * 1_000), "ERROR",
        f"{BLOCKED}project={'p' * 200} work_item={'i' * 200} op=state reason=opt-in-disabled"),
    "an allow": (
        audit_allow, (SANDBOX, Op.COMMENT, Reason.SANDBOX_ALLOWED, ITEM), "INFO",
        f"{ALLOWED}project={SANDBOX} work_item={ITEM} op=comment reason=sandbox-allowed"),
    "an allow with a key": (
        audit_allow, (SANDBOX, "comment", "sandbox-allowed", ITEM, "ORCH-7"), "INFO",
        f"{ALLOWED}project={SANDBOX} work_item={ITEM} (ORCH-7) op=comment reason=sandbox-allowed"),
    "an allow without a project": (
        audit_allow, ("", "comment", "sandbox-allowed"), "INFO",
        f"{ALLOWED}project=unresolved work_item=none op=comment reason=sandbox-allowed"),
}  # fmt: skip


@pytest.mark.parametrize(("audit", "arguments", "level", "line"), LINES.values(), ids=LINES.keys())
def test_a_decision_is_one_line(
    caplog: pytest.LogCaptureFixture, audit: object, arguments: tuple[object, ...], level: str, line: str
) -> None:
    with caplog.at_level(logging.DEBUG, "plane_guard"):
        audit(*arguments)  # type: ignore[operator]
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        ("plane_guard", level, line)
    ]

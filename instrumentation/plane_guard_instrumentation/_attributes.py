"""The names of everything that plane-guard emits: one table for writer, reader, tests and docs."""

from __future__ import annotations

from typing import Final

EVENT: Final = "plane_guard.decision"
SESSION: Final = "plane_guard.session"
SCOPE: Final = "plane_guard"

DECISION_ID: Final = "plane_guard.decision.id"
SEQ: Final = "plane_guard.decision.seq"
OUTCOME: Final = "plane_guard.decision.outcome"
REASON: Final = "plane_guard.decision.reason"
EXPECTED: Final = "plane_guard.decision.expected"
LAYER: Final = "plane_guard.decision.layer"
TARGET: Final = "plane_guard.target"
OP: Final = "plane_guard.op"
WORKSPACE: Final = "plane_guard.workspace.slug"
PROJECT: Final = "plane_guard.project.id"
WORK_ITEM: Final = "plane_guard.work_item.id"
WORK_ITEM_KEY: Final = "plane_guard.work_item.key"
METHOD: Final = "http.request.method"
URL_TEMPLATE: Final = "url.template"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
TEST: Final = "test.case.name"
PHASE: Final = "plane_guard.test.phase"
FILE: Final = "code.file.path"
LINE: Final = "code.line.number"
FUNCTION: Final = "code.function.name"

SESSION_EVIDENCE: Final = "plane_guard.session.evidence"
SESSION_SHELLS: Final = "plane_guard.session.shells"

VERSION: Final = "plane_guard.version"
RUN_ID: Final = "plane_guard.run.id"
WORKER: Final = "plane_guard.pytest.worker"

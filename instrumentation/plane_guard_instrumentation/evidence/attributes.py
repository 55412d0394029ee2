"""The names of everything that plane-guard emits: one table for writer, reader, tests and docs.

What is neither in `EMITTED` nor under a prefix of `EMITTED_UNDER` is not emitted. `sanitize` enforces that.
"""

from __future__ import annotations

from typing import Final

EVENT: Final = "plane_guard.decision"
SESSION: Final = "plane_guard.session"
VERIFICATION: Final = "plane_guard.verification"
SCOPE: Final = "plane_guard"
# The version of OpenTelemetry's semantic conventions whose names are used below.
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

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
PROJECT_NAME: Final = "plane_guard.project.name"
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
CLIENT_NAME: Final = "plane_guard.client.name"
CLIENT_PID: Final = "plane_guard.client.pid"

SESSION_EVIDENCE: Final = "plane_guard.session.evidence"
SESSION_SHELLS: Final = "plane_guard.session.shells"
SESSION_UNCOVERED: Final = "plane_guard.session.uncovered"
SESSION_TESTS: Final = "plane_guard.session.tests"
SESSION_TEST_KEYS: Final = "plane_guard.session.test_keys"
SESSION_CONTAINMENT: Final = "plane_guard.session.containment"
SESSION_ENDED: Final = "plane_guard.session.ended"

EXPLAINED: Final = "plane_guard.verification.explained"
UNEXPLAINED: Final = "plane_guard.verification.unexplained"
BY_OTHERS: Final = "plane_guard.verification.by_others"
NOT_VISIBLE: Final = "plane_guard.verification.not_visible"
FINDING_ID: Final = "plane_guard.verification.finding.id"
FINDING_KIND: Final = "plane_guard.verification.finding.kind"
FINDING_VERB: Final = "plane_guard.verification.finding.verb"
FINDING_FIELD: Final = "plane_guard.verification.finding.field"
FINDING_OBJECT: Final = "plane_guard.verification.finding.object.id"
FINDING_UNDONE: Final = "plane_guard.verification.finding.undone"

VERSION: Final = "plane_guard.version"
RUN_ID: Final = "plane_guard.run.id"
WORKER: Final = "plane_guard.pytest.worker"
SERVICE: Final = "service.name"
PID: Final = "process.pid"
PARENT_PID: Final = "process.parent_pid"
HOST: Final = "host.name"
AGENT: Final = "gen_ai.agent.name"


class Kind:
    """The form that a value must have to be emitted; `sanitize` has the check for each."""

    # Not an enum: creating one takes as long as all the tables here, and every child of a test waits for it.

    HEX: Final = "32 hexadecimal digits"
    WORD: Final = "one word of a short list"
    NUMBER: Final = "number"
    FLAG: Final = "flag"
    PROJECT: Final = "a well-formed project key"
    UUID: Final = "uuid"
    KEY: Final = "the human name of a work item"
    SLUG: Final = "a well-formed workspace slug that is no credential"
    TEMPLATE: Final = "a path without any id in it"
    TEXT: Final = "free text: credentials are masked, its length is limited"
    TEXTS: Final = "free texts"
    DIGESTS: Final = "texts of hexadecimal digests with spaces between them"
    URL: Final = "an http(s) address without user info, query and fragment; otherwise as free text"


EVENT_KINDS: Final = {
    DECISION_ID: Kind.HEX,
    SEQ: Kind.NUMBER,
    OUTCOME: Kind.WORD,
    REASON: Kind.WORD,
    EXPECTED: Kind.FLAG,
    LAYER: Kind.WORD,
    TARGET: Kind.WORD,
    OP: Kind.WORD,
    WORKSPACE: Kind.SLUG,
    PROJECT: Kind.PROJECT,
    PROJECT_NAME: Kind.TEXT,
    WORK_ITEM: Kind.UUID,
    WORK_ITEM_KEY: Kind.KEY,
    METHOD: Kind.WORD,
    URL_TEMPLATE: Kind.TEMPLATE,
    SERVER_ADDRESS: Kind.TEXT,
    SERVER_PORT: Kind.NUMBER,
    TEST: Kind.TEXT,
    PHASE: Kind.WORD,
    FILE: Kind.TEXT,
    LINE: Kind.NUMBER,
    FUNCTION: Kind.TEXT,
    CLIENT_NAME: Kind.TEXT,
    CLIENT_PID: Kind.NUMBER,
}
SESSION_KINDS: Final = {
    SESSION_EVIDENCE: Kind.TEXT,
    SESSION_SHELLS: Kind.TEXTS,
    SESSION_UNCOVERED: Kind.TEXTS,
    SESSION_TESTS: Kind.NUMBER,
    SESSION_TEST_KEYS: Kind.DIGESTS,
    SESSION_CONTAINMENT: Kind.TEXT,
    SESSION_ENDED: Kind.FLAG,
}
# Of the span for the verified run, and of the event for each finding.
VERIFICATION_KINDS: Final = {
    SERVER_ADDRESS: Kind.TEXT,
    EXPLAINED: Kind.NUMBER,
    UNEXPLAINED: Kind.NUMBER,
    BY_OTHERS: Kind.NUMBER,
    NOT_VISIBLE: Kind.NUMBER,
    FINDING_ID: Kind.HEX,
    FINDING_KIND: Kind.WORD,
    FINDING_VERB: Kind.WORD,
    FINDING_FIELD: Kind.WORD,
    FINDING_OBJECT: Kind.UUID,
    FINDING_UNDONE: Kind.FLAG,
    OP: Kind.WORD,
    WORKSPACE: Kind.SLUG,
    PROJECT: Kind.PROJECT,
    WORK_ITEM: Kind.UUID,
    WORK_ITEM_KEY: Kind.KEY,
}
RESOURCE_KINDS: Final = {
    SERVICE: Kind.TEXT,
    VERSION: Kind.TEXT,
    RUN_ID: Kind.HEX,
    WORKER: Kind.TEXT,
    PID: Kind.NUMBER,
    PARENT_PID: Kind.NUMBER,
    HOST: Kind.TEXT,
    AGENT: Kind.TEXT,
    "cicd.pipeline.name": Kind.TEXT,
    "cicd.pipeline.run.id": Kind.TEXT,
    "cicd.pipeline.run.url.full": Kind.URL,
    "cicd.pipeline.task.name": Kind.TEXT,
    "cicd.pipeline.task.run.id": Kind.TEXT,
    "cicd.pipeline.task.run.url.full": Kind.URL,
    "cicd.worker.id": Kind.TEXT,
    "cicd.worker.name": Kind.TEXT,
    "user.name": Kind.TEXT,
    "vcs.change.id": Kind.TEXT,
    "vcs.owner.name": Kind.TEXT,
    "vcs.provider.name": Kind.WORD,
    "vcs.ref.base.name": Kind.TEXT,
    "vcs.ref.head.name": Kind.TEXT,
    "vcs.ref.head.revision": Kind.TEXT,
    "vcs.ref.head.type": Kind.WORD,
    "vcs.repository.name": Kind.TEXT,
    "vcs.repository.url.full": Kind.URL,
}
EMITTED: Final = EVENT_KINDS | SESSION_KINDS | VERIFICATION_KINDS | RESOURCE_KINDS
# Prefixes that a user may add to through OTEL_RESOURCE_ATTRIBUTES, as free text.
EMITTED_UNDER: Final = ("service.", "deployment.", "cicd.", "vcs.", "host.", "os.", "container.", "k8s.", "cloud.")

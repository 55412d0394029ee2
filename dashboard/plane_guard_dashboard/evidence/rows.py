"""The rows that evidence is read into: one per decision, one per guarded process."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from plane_guard import verdicts
from plane_guard.vocabulary import Outcome, Reason, Target
from plane_guard_instrumentation.evidence import attributes as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard.verdicts import Rule

__all__ = ["DecisionRow", "Origin", "Outcome", "SessionRow", "Target", "job_of", "moment"]

DECISION = names.EVENT
SESSION = names.SESSION
DEMO_SERVICE = "plane-guard-demo"
LIVE_RUNTIME = str(Reason.LIVE_RUNTIME)
PROD = str(Target.PROD)
UNKNOWN = "unknown"
UNKNOWN_TESTS = -1
CONTEXT_PREFIXES = ("vcs.", "cicd.", "user.")

RESOURCE_ATTRIBUTES: Mapping[str, str] = {
    "run_id": names.RUN_ID,
    "service": "service.name",
    "pid": "process.pid",
    "host": "host.name",
    "worker": names.WORKER,
    "guard_version": names.VERSION,
}
EVENT_ATTRIBUTES: Mapping[str, str] = {
    "decision_id": names.DECISION_ID,
    "seq": names.SEQ,
    "outcome": names.OUTCOME,
    "reason": names.REASON,
    "expected": names.EXPECTED,
    "layer": names.LAYER,
    "target": names.TARGET,
    "op": names.OP,
    "workspace": names.WORKSPACE,
    "project_id": names.PROJECT,
    "project_name": names.PROJECT_NAME,
    "work_item_id": names.WORK_ITEM,
    "work_item_key": names.WORK_ITEM_KEY,
    "method": names.METHOD,
    "url_template": names.URL_TEMPLATE,
    "server_address": names.SERVER_ADDRESS,
    "server_port": names.SERVER_PORT,
    "test": names.TEST,
    "phase": names.PHASE,
    "file": names.FILE,
    "line": names.LINE,
    "function": names.FUNCTION,
}
SESSION_ATTRIBUTES: Mapping[str, str] = {
    "evidence": names.SESSION_EVIDENCE,
    "shells": names.SESSION_SHELLS,
    "uncovered": names.SESSION_UNCOVERED,
    "tests": names.SESSION_TESTS,
    "test_keys": names.SESSION_TEST_KEYS,
    "ended": names.SESSION_ENDED,
}


def moment(time_ns: int) -> datetime:
    """Return nanoseconds since 1970 as a UTC datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)


def job_of(context: Mapping[str, str]) -> str:
    """Return the identity of the CI job, or an empty string if the resource does not tell it."""
    run = context.get("cicd.pipeline.run.id") or context.get("cicd.pipeline.run.url.full", "")
    task = context.get("cicd.pipeline.task.run.id") or context.get("cicd.pipeline.task.name", "")
    return f"{run} / {task}" if run and task else run


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The process, the run and the place in a trace that a row comes from."""

    time_ns: int
    trace_id: str
    span_id: str
    parent_span_id: str
    run_id: str | None = None
    service: str | None = None
    pid: int | None = None
    host: str | None = None
    worker: str | None = None
    guard_version: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def time(self) -> datetime:
        """The time, in UTC."""
        return moment(self.time_ns)

    @property
    def demo(self) -> bool:
        """True if `plane-guard demo` made it."""
        return self.service == DEMO_SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow(Origin):
    """One Plane write that the guard allowed or blocked."""

    decision_id: str
    outcome: Outcome
    span_name: str
    reason: str = UNKNOWN
    target: str = "unresolved"
    op: str = UNKNOWN
    expected: bool = False
    seq: int | None = None
    layer: str | None = None
    workspace: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    work_item_id: str | None = None
    work_item_key: str | None = None
    method: str | None = None
    url_template: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    test: str | None = None
    phase: str | None = None
    file: str | None = None
    line: int | None = None
    function: str | None = None

    def counts_as(self, rule: Rule) -> bool:
        """Return True if a rule of `plane_guard.verdicts` holds."""
        return rule.holds(outcome=self.outcome, target=self.target, reason=self.reason, expected=self.expected)

    @property
    def blocked(self) -> bool:
        """A block that no test asked for."""
        return self.counts_as(verdicts.BLOCKED)

    @property
    def expected_block(self) -> bool:
        """A block that the test asserted on."""
        return self.counts_as(verdicts.EXPECTED_BLOCK)

    @property
    def prod_attempt(self) -> bool:
        """A test process tried to write to production and was stopped."""
        return self.counts_as(verdicts.PROD_ATTEMPT)

    @property
    def possible_prod_attempt(self) -> bool:
        """The object is not in the sandbox, so the write may have been meant for production."""
        return self.counts_as(verdicts.POSSIBLE_PROD_ATTEMPT)

    @property
    def prod_allowed(self) -> bool:
        """A write to production that left a test process. There must be none."""
        return self.counts_as(verdicts.PROD_ALLOWED)

    @property
    def attempt(self) -> bool:
        """A block that no test asked for, or a write to production that left."""
        return self.blocked or self.prod_allowed

    @property
    def live(self) -> bool:
        """A write of a process that runs no tests."""
        return self.reason == LIVE_RUNTIME

    @property
    def work_item(self) -> str | None:
        """The name that people use, else the id."""
        return self.work_item_key or self.work_item_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow(Origin):
    """One guarded process. `uncovered` names the clients and children that the guard cannot inspect.

    `tests` is the number of tests that it executed, or None if that is not known: its session has not ended, or it runs
    no pytest. `test_keys` are texts of many keys each.
    `ended` is true if the process recorded its end, which is `end_ns`.
    """

    evidence: str | None = None
    shells: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    tests: int | None = None
    test_keys: tuple[str, ...] = ()
    ended: bool = False
    end_ns: int = 0

    @property
    def process(self) -> tuple[str, ...] | None:
        """The identity of the process, if the resource tells it. Its later records replace earlier ones."""
        if not self.run_id or not self.pid:
            return None
        return self.run_id, str(self.pid), self.host or ""

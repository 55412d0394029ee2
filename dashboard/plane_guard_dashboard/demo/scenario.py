"""The demo's script: the writes that the tests try, the expected decisions, and the tests' results."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TEST_FILE = "test_orch_114.py"
PASSED, FAILED = "passed", "failed"
ALLOW, BLOCK = "allow", "block"


class Attempt(NamedTuple):
    """One write that a test tries, with its decision."""

    test: str
    op: str
    outcome: str
    reason: str


ATTEMPTS = (
    Attempt("test_done_written_back", "state", BLOCK, "opt-in-disabled"),
    Attempt("test_done_async", "state", BLOCK, "opt-in-disabled"),
    Attempt("test_comment_is_posted", "comment", BLOCK, "opt-in-disabled"),
    Attempt("test_comment_async", "comment", BLOCK, "opt-in-disabled"),
    Attempt("test_stage_change", "state", BLOCK, "opt-in-disabled"),
    Attempt("test_stage_change", "comment", BLOCK, "opt-in-disabled"),
    Attempt("test_sandbox", "state", ALLOW, "sandbox-allowed"),
    Attempt("test_sandbox", "comment", ALLOW, "sandbox-allowed"),
    Attempt("test_sandbox_unasked", "state", BLOCK, "opt-in-disabled"),
    Attempt("test_project_forgotten", "state", BLOCK, "prod-project-in-test"),
    Attempt("test_sandbox_comment", "comment", BLOCK, "foreign-reference"),
)
OUTCOMES: Mapping[str, str] = {
    "test_done_written_back": FAILED,
    "test_done_async": FAILED,
    "test_comment_is_posted": FAILED,
    "test_comment_async": FAILED,
    "test_stage_change": PASSED,
    "test_sandbox": PASSED,
    "test_sandbox_unasked": FAILED,
    "test_project_forgotten": FAILED,
    "test_sandbox_comment": FAILED,
}
TESTS_FAILED = 1
BLOCKS = sum(attempt.outcome == BLOCK for attempt in ATTEMPTS)

REASONS: Mapping[str, str] = {
    "opt-in-disabled": "the test did not ask to write; an inherited opt-in does not count",
    "prod-project-in-test": "the test may write to the sandbox, and this is another project",
    "foreign-reference": "the path names the sandbox, but the item is in another project; Plane does not check this",
    "sandbox-allowed": "the test asked, and the write stays in the sandbox",
}

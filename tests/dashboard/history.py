"""Evidence of some days: several runs, branches and tests, as a dashboard finds it after a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.dashboard.evidence import SECOND, decision, resource, sandbox_write, session, write

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

HOUR = 3600 * SECOND
DAY = 24 * HOUR
BRANCHES = ("main", "feature/rename-stages")
_WRITES = (
    ("tests/test_stage.py::test_moves_to_done", "state", "prod-project-in-test"),
    ("tests/test_stage.py::test_moves_to_done[prod]", "state", "prod-project-in-test"),
    ("tests/test_comments.py::test_says_thanks", "comment", "opt-in-disabled"),
    ("tests/test_links.py::test_links_the_pull_request", "link", "foreign-reference"),
    ("tests/test_cleanup.py::test_removes_the_project", "project", "protected-operation"),
)


def history(folder: Path, now: int | None = None, days: int = 6) -> Path:
    """One run every twelve hours until now; the last one does what none before it did."""
    now = time.time_ns() if now is None else now
    for number in range(2 * days):
        at = now - (2 * days - 1 - number) * 12 * HOUR - 60 * SECOND
        write(folder / f"decisions-box-{number}.jsonl", *_run(number, at, last=number == 2 * days - 1))
    return folder


def _run(number: int, at: int, *, last: bool) -> list[ReadableSpan]:
    of = resource(
        f"run-{number:02}",
        service=("orchestrator", "notifier")[number % 2],
        **{"vcs.ref.head.name": BRANCHES[number % 2], "vcs.ref.head.revision": f"{number:040x}"},
    )
    attempts = [_attempt(index, at, of) for index in range(number % 4 + 1)]
    writes = [sandbox_write(at=at + 20 * SECOND, of=of) for _ in range(number % 3)]
    expected = decision({"plane_guard.decision.expected": True}, at=at + 25 * SECOND, of=of)
    return [session(at=at, of=of), *attempts, *writes, expected, *([_attempt(4, at, of)] if last else [])]


def _attempt(index: int, at: int, of: Resource) -> ReadableSpan:
    test, op, reason = _WRITES[index]
    changes = {"test.case.name": test, "plane_guard.op": op, "plane_guard.decision.reason": reason}
    return decision(changes, at=at + (index + 1) * SECOND, of=of)

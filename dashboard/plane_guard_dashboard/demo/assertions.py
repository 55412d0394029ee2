"""The claims of the demo, and a check of each against the observations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard_dashboard.demo.scenario import ALLOW, ATTEMPTS, BLOCK, BLOCKS, OUTCOMES, TESTS_FAILED, Attempt
from plane_guard_dashboard.evidence.rows import PROD, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plane_guard_dashboard.demo.child import ChildRun
    from plane_guard_dashboard.evidence.rows import DecisionRow
    from plane_guard_instrumentation.testing import ReceivedRequest


@dataclass(frozen=True, slots=True)
class Observed:
    """Observations from the child process, the server and the evidence on disk."""

    child: ChildRun
    decisions: tuple[DecisionRow, ...]
    sessions: int
    prod_id: str
    prod_writes: tuple[ReceivedRequest, ...]
    prod_changes: tuple[str, ...]
    prod_unchanged: bool
    sandbox_changes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim and its problem, which is empty if the claim holds."""

    claim: str
    problem: str

    @property
    def holds(self) -> bool:
        """Say whether the claim is true."""
        return not self.problem


def check(observed: Observed) -> list[Checked]:
    """Check every claim."""
    return [Checked(claim, problem(observed)) for claim, problem in CLAIMS.items()]


def attempt(row: DecisionRow) -> Attempt:
    """Return a decision in the form of the script."""
    name = (row.test or "").rpartition("::")[2]
    return Attempt(name, row.op, BLOCK if row.outcome is Outcome.BLOCK else ALLOW, row.reason)


def _received(observed: Observed) -> str:
    writes = [f"{write.method} {write.target}" for write in observed.prod_writes]
    return _some("received", [*writes, *observed.prod_changes])


def _unchanged(observed: Observed) -> str:
    return "" if observed.prod_unchanged else "production rows differ from those at the start"


def _decided(observed: Observed) -> str:
    expected, found = Counter(ATTEMPTS), Counter(map(attempt, observed.decisions))
    missing = _some("missing", [" ".join(one) for one in (expected - found).elements()])
    extra = _some("unexpected", [" ".join(one) for one in (found - expected).elements()])
    return "; ".join(filter(None, (missing, extra)))


def _evidence(observed: Observed) -> str:
    blocked = [row for row in observed.decisions if row.outcome is Outcome.BLOCK]
    if len(blocked) == BLOCKS and observed.sessions:
        return ""
    return f"{len(blocked)} of {BLOCKS} blocks and {observed.sessions} guarded sessions are on disk"


def _aimed(observed: Observed) -> str:
    aimed = [row for row in observed.decisions if row.project_id == observed.prod_id]
    wrong = [row.decision_id for row in aimed if row.target != PROD or row.outcome is not Outcome.BLOCK]
    return "no attempt on production was recorded" if not aimed else _some("not a blocked prod attempt:", wrong)


def _arrived(observed: Observed) -> str:
    missing = SANDBOX_CHANGES - observed.sandbox_changes
    return _some("missing", sorted(missing))


def _ended(observed: Observed) -> str:
    expected, found = OUTCOMES, observed.child.outcomes
    wrong = [f"{name} {found.get(name, 'absent')}" for name, how in expected.items() if found.get(name) != how]
    code = observed.child.exit_code
    exit_code = f"exit code {code} instead of {TESTS_FAILED}" if code != TESTS_FAILED else ""
    return "; ".join(filter(None, (exit_code, _some("unexpected:", wrong))))


def _some(word: str, things: list[str]) -> str:
    more = f" and {len(things) - MOST_NAMED} more" if len(things) > MOST_NAMED else ""
    return f"{word} {', '.join(things[:MOST_NAMED])}{more}" if things else ""


MOST_NAMED = 4
SANDBOX_CHANGES = frozenset({"work_items: changed state", "comments: created"})
CLAIMS: Mapping[str, Callable[[Observed], str]] = {
    "production received no write": _received,
    "production is unchanged": _unchanged,
    "every attempt was decided for the expected reason": _decided,
    "every attempt on production is blocked and recorded as a prod attempt": _aimed,
    "every block is in the evidence": _evidence,
    "the writes of the sandbox test arrived": _arrived,
    "the tests passed and failed as expected": _ended,
}

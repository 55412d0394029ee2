"""Which decisions are alike: by project, op, reason and test; and which of them an earlier report knew. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.rows import PROD, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plane_guard_dashboard.evidence.rows import DecisionRow

NOBODY = "(none)"
MOST_TESTS = 10
_PARAMETERS = re.compile(r"\[.*\]$", re.DOTALL)


class KnownReportError(ValueError):
    """The earlier report cannot be used; the text says what it should be."""


@dataclass(frozen=True, slots=True)
class Group:
    """Unexpected blocks, or writes that got through to production, that are alike.

    The fingerprint stays the same from run to run; a parametrised test is one test. `known` is None when there was no
    earlier report to compare with.
    """

    fingerprint: str
    test: str
    project: str
    op: str
    reason: str
    outcome: str
    target: str
    count: int
    known: bool | None

    @property
    def prod_attempt(self) -> bool:
        """Whether these were writes to production that were stopped."""
        return self.outcome == Outcome.BLOCK and self.target == PROD


@dataclass(frozen=True, slots=True)
class Figures:
    """The decisions about one project, with one op and one reason."""

    project: str
    op: str
    reason: str
    allowed: int
    blocked: int
    expected: int


@dataclass(frozen=True, slots=True)
class BusyTest:
    """A test, and how many of its writes were blocked; `prod_attempts` of them were meant for production."""

    test: str
    blocked: int
    prod_attempts: int


def fingerprint(test: str, project: str, op: str, reason: str) -> str:
    """What a group is recognised by in another run."""
    return hashlib.sha256("\n".join((without_parameters(test), project, op, reason)).encode()).hexdigest()[:12]


def known_fingerprints(report: str) -> frozenset[str]:
    """The fingerprints in the text of an earlier report."""
    try:
        return frozenset(str(group["fingerprint"]) for group in json.loads(report)["groups"])
    except (ValueError, KeyError, TypeError, RecursionError):
        message = (
            "is not what `plane-guard report --format json` writes: name such a file with --known, or leave it out"
        )
        raise KnownReportError(message) from None


def groups(decisions: Iterable[DecisionRow], known: frozenset[str] | None) -> tuple[Group, ...]:
    """The groups, new ones first, then by number."""
    counts = Counter(_key(row) for row in decisions if row.blocked or row.prod_allowed)
    found = [_group(key, count, known) for key, count in counts.items()]
    return tuple(sorted(found, key=lambda group: (bool(group.known), -group.count)))


def figures(decisions: Sequence[DecisionRow]) -> tuple[Figures, ...]:
    """Every combination of project, op and reason, the most frequent first."""
    counts = Counter((row.project_id or NOBODY, str(row.op), str(row.reason)) for row in decisions)
    outcomes = Counter((row.project_id or NOBODY, str(row.op), str(row.reason), _outcome(row)) for row in decisions)
    return tuple(
        Figures(*key, *(outcomes[(*key, outcome)] for outcome in ("allowed", "blocked", "expected")))
        for key, _ in counts.most_common()
    )


def top_tests(decisions: Iterable[DecisionRow]) -> tuple[BusyTest, ...]:
    """The tests with most unexpected blocks."""
    blocked = [row for row in decisions if row.blocked]
    attempts = Counter(row.test or NOBODY for row in blocked if row.prod_attempt)
    counts = Counter(row.test or NOBODY for row in blocked)
    return tuple(BusyTest(test, count, attempts[test]) for test, count in counts.most_common(MOST_TESTS))


def _key(row: DecisionRow) -> tuple[str, str, str, str, str, str]:
    test = without_parameters(row.test or NOBODY)
    return test, row.project_id or NOBODY, str(row.op), str(row.reason), str(row.outcome), str(row.target)


def _group(key: tuple[str, str, str, str, str, str], count: int, known: frozenset[str] | None) -> Group:
    mark = fingerprint(*key[:4])
    return Group(mark, *key, count=count, known=None if known is None else mark in known)


def without_parameters(test: str) -> str:
    """The test without the parameters of this case of it."""
    return _PARAMETERS.sub("", test)


def _outcome(row: DecisionRow) -> str:
    if row.expected_block:
        return "expected"
    return "blocked" if row.blocked else "allowed"

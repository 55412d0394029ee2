"""The decisions that count as an attempt on production. Each rule is a table that Python and SQL both read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard.vocabulary import Outcome, Reason, Target

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Rule:
    """The values that a decision has, and those that it does not have.

    `expected` is the flag that a decision must have, or None where either counts.
    """

    outcome: Outcome
    target: Target | None = None
    reason: Reason | None = None
    not_target: Target | None = None
    not_reason: Reason | None = None
    expected: bool | None = None

    def holds(self, *, outcome: str, target: str, reason: str, expected: bool) -> bool:
        """Return True if a decision with these values counts."""
        return (
            outcome == self.outcome
            and self.target in (None, target)
            and self.reason in (None, reason)
            and target != self.not_target
            and reason != self.not_reason
            and self.expected in (None, expected)
        )

    def sql(self, columns: Mapping[str, str] | None = None) -> str:
        """Return the rule as a SQL condition.

        `columns` maps `outcome`, `target`, `reason` and `expected` to SQL expressions. A name that is missing stands
        for the column of that name. Values are constants of this package, so none needs escaping.
        """
        column = {name: name for name in ("outcome", "target", "reason", "expected")} | dict(columns or {})
        terms = [f"{column['outcome']} = '{self.outcome}'"]
        for key, sign, value in (
            ("target", "=", self.target),
            ("reason", "=", self.reason),
            ("target", "<>", self.not_target),
            ("reason", "<>", self.not_reason),
        ):
            if value is not None:
                terms.append(f"{column[key]} {sign} '{value}'")
        if self.expected is not None:
            terms.append(f"{'' if self.expected else 'NOT '}{column['expected']}")
        return f"({' AND '.join(terms)})"


ALLOWED = Rule(Outcome.ALLOW)
# A block that the test asserted on is no incident: it is shown apart and never counts.
BLOCKED = Rule(Outcome.BLOCK, expected=False)
EXPECTED_BLOCK = Rule(Outcome.BLOCK, expected=True)
PROD_ATTEMPT = Rule(Outcome.BLOCK, target=Target.PROD, expected=False)
# The object is not in the sandbox. The lookup did not say where it is, so it may be in production.
POSSIBLE_PROD_ATTEMPT = Rule(Outcome.BLOCK, reason=Reason.FOREIGN_REFERENCE, not_target=Target.PROD, expected=False)
# `expected` is left out on purpose: a write that left is no less serious because the test expected a block.
PROD_ALLOWED = Rule(Outcome.ALLOW, target=Target.PROD, not_reason=Reason.LIVE_RUNTIME)

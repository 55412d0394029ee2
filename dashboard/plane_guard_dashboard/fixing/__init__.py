"""The smallest change that makes a blocked test safe, from the evidence of its blocks.

`fix([Attempt.of_columns(row), ...])` returns the proposal for one test; `Fix` says what it consists of.
"""

from plane_guard_dashboard.fixing.attempts import Attempt
from plane_guard_dashboard.fixing.fix import Fix, combined, fix

__all__ = ["Attempt", "Fix", "combined", "fix"]

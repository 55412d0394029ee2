"""Functions that run before each decision.

Higher layers register here, so the check imports none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_before_decision: list[Callable[[], object]] = []


def before_decision(call: Callable[[], object]) -> None:
    """Call this before each decision of a test process. An exception that it raises blocks the write."""
    if call not in _before_decision:
        _before_decision.append(call)


def prepare_decision() -> None:
    """Run what was registered, in order."""
    for call in _before_decision:
        call()

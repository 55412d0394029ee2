"""What the pytest plugin wants to know: of refusals as they happen, and of trouble when it sums up."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard import PlaneWriteBlocked

_MAKE_ROOM = "Make room in the trace folder, or point PLANE_GUARD_TRACE_DIR to one that can be written"
_REMEMBERED = 1_000
trouble: deque[str] = deque(maxlen=_REMEMBERED)
listeners: list[Callable[[PlaneWriteBlocked], None]] = []


def unwritten(problem: str) -> None:
    """Say at once on stderr, and later in the pytest summary, that evidence could not be written."""
    text = f"evidence could not be written: {problem}. {_MAKE_ROOM}"
    if keep(text):
        with suppress(Exception):
            sys.stderr.write(f"plane-guard: {text}\n")


def repaired(shells: list[str]) -> None:
    """Keep for the pytest summary which shells another tool had removed."""
    for shell in shells:
        keep(f"another tool had removed the guard from {shell}; it is back in place")


def keep(text: str) -> bool:
    """Keep something for the pytest summary; whether it is news."""
    if text in trouble:
        return False
    trouble.append(text)
    return True

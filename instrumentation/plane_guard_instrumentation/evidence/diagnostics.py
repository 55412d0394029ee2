"""Problems that the user has to know of: each is printed once, and repeated in the pytest summary."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard import PlaneWriteBlocked

_MOST_WARNINGS = 1_000
warnings: deque[str] = deque(maxlen=_MOST_WARNINGS)
listeners: list[Callable[[PlaneWriteBlocked], None]] = []


def warn_once(text: str, *, on_stderr: bool = False) -> bool:
    """Keep a warning for the pytest summary; return if it is new."""
    if text in warnings:
        return False
    warnings.append(text)
    if on_stderr:
        # The test may have replaced stderr, and the refusal of a write must not depend on it.
        with suppress(Exception):
            sys.stderr.write(f"plane-guard: {text}\n")
    return True


def evidence_not_written(problem: str) -> None:
    """Warn that evidence could not be written, on stderr too: without pytest there is no summary."""
    warn_once(f"evidence could not be written: {problem}", on_stderr=True)


def patches_restored(clients: list[str]) -> None:
    """Warn that another tool had removed patches."""
    for client in clients:
        warn_once(f"another tool had removed the guard from {client}. The guard was restored")

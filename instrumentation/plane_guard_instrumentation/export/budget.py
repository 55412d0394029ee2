"""How long a test run waits for its collector: a few seconds in all, however many processes and tests it has.

The processes of a run share an account, a small file beside the evidence. A wait is booked there when it begins, and
cut to what it took when it ends; a short wait that the collector made good costs nothing. What counts is the time
in which at least one process waited, so workers that wait side by side pay once.
"""

from __future__ import annotations

import itertools
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.runtime import environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Event

SECONDS = 2.5
_AT_ONCE = 0.2
_SHORT = 1.0
_LEAST = 0.05
_LARGEST_ACCOUNT = 1_048_576
_numbers = itertools.count(1)


class Answer:
    """What somebody waits for: ``done`` is set when there is an answer, ``good`` says whether it is the wished one."""

    def __init__(self) -> None:
        from threading import Event

        self.done: Event = Event()
        self.good = False


def wait(answer: Answer) -> bool:
    """Wait for an answer within what is left of the run's account; whether it came and was good."""
    left = SECONDS - spent()
    if left < _LEAST:
        return answer.done.is_set() and answer.good
    entry, begin = f"{os.getpid()}-{next(_numbers)}", time.monotonic()
    if not answer.done.wait(min(_AT_ONCE, left)):
        _book(entry, begin, begin + left)
        answer.done.wait(max(0.0, left - _AT_ONCE))
    good, now = answer.done.is_set() and answer.good, time.monotonic()
    _book(entry, begin, begin if good and now - begin < _SHORT else now)
    return good


def spent() -> float:
    """The seconds in which a process of this run has waited for the collector in vain."""
    now = time.monotonic()
    total, reached = 0.0, float("-inf")
    for begin, end in sorted((begin, min(end, now)) for begin, end in _entries().values()):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def close() -> None:
    """Remove the account. For the process that the run began with, when it ends."""
    with suppress(OSError):
        os.unlink(_path())


def _path() -> str:
    start = environment.start()
    return os.path.join(start.trace_dir, f"live-export-{start.run_id}.account")


class _State:
    own: dict[str, tuple[float, float]] = {}  # noqa: RUF012  of this process


def _book(entry: str, begin: float, end: float) -> None:
    if end == begin and entry not in _State.own:
        return
    _State.own[entry] = (begin, end)
    line = f"{entry} {begin!r} {end!r}\n".encode()
    with suppress(OSError):
        descriptor = os.open(_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def _entries() -> dict[str, tuple[float, float]]:
    """The last word on each wait, of every process and, where the file cannot be had, of this one."""
    text = ""
    with suppress(OSError), open(_path(), encoding="utf-8", errors="replace") as file:
        text = file.read(_LARGEST_ACCOUNT)
    return dict(_parsed(text.splitlines())) | _State.own


def _parsed(lines: Iterable[str]) -> Iterable[tuple[str, tuple[float, float]]]:
    for line in lines:
        entry, _, interval = line.partition(" ")
        with suppress(ValueError):
            begin, end = map(float, interval.split())
            yield entry, (begin, end)

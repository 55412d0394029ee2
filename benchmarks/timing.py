"""Two things timed by turns, so that whatever else the machine does happens to both.

What is timed is the processor's work, of this thread or of a process that it starts: on a shared machine the clock on
the wall tells more about the neighbours. Only where there is a network does that clock count.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from statistics import median
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.registry import Figure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Clock = Callable[[], float]

_MICRO = 1e6
_MILLI = 1e3
_PACES = 15


class Rounds(NamedTuple):
    """Seconds per call of peer and ours, round by round."""

    peer: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        """The median of the ratios of ours to the peer's time."""
        return median(ours / peer for peer, ours in zip(self.peer, self.ours, strict=True))

    @property
    def added(self) -> float:
        """The difference of the least times of both, in seconds: nothing disturbed these rounds."""
        return min(self.ours) - min(self.peer)


def pace() -> float:
    """Seconds of processor's time that a fixed piece of Python takes here now, undisturbed: the unit of this machine.

    Two runs whose pace differs differ in everything that is no ratio.
    """
    return min(_loop(_fixed_piece, 1, thread_time)() for _ in range(_PACES))


def _fixed_piece() -> None:
    kept: dict[int, str] = {}
    for number in range(20_000):
        kept[number % 97] = str(number).lower()


def calls(
    peer: Callable[[], object],
    ours: Callable[[], object],
    *,
    rounds: int,
    number: int,
    clock: Clock = thread_time,
) -> Rounds:
    """Time calls of two functions, ``number`` of them in each turn."""
    return by_turns(_loop(peer, number, clock), _loop(ours, number, clock), rounds=rounds)


def processes(peer: Callable[[], object], ours: Callable[[], object], *, rounds: int) -> Rounds:
    """Time calls that start a process each and wait for its end."""
    return calls(peer, ours, rounds=rounds, number=1, clock=_time_of_children)


def awaits(peer: Callable[[], Awaitable[object]], ours: Callable[[], Awaitable[object]], **how: int) -> Rounds:
    """Time awaited calls, as `calls` does."""
    with asyncio.Runner() as runner:

        def loop(call: Callable[[], Awaitable[object]]) -> Clock:
            return lambda: runner.run(_awaited(call, how["number"]))

        return by_turns(loop(peer), loop(ours), rounds=how["rounds"])


def by_turns(peer: Clock, ours: Clock, *, rounds: int) -> Rounds:
    """Let two clocks run by turns, after one turn each that does not count."""
    found = Rounds([], [])
    peer()
    ours()
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            for side in (found.peer, found.ours) if turn % 2 else (found.ours, found.peer):
                side.append(peer() if side is found.peer else ours())
    finally:
        gc.enable()
    return found


def added_us(rounds: Rounds) -> Figure:
    """Microseconds that ours adds."""
    return Figure(rounds.added * _MICRO, _shown(rounds.ours, _MICRO, "us"), _shown(rounds.peer, _MICRO, "us"))


def added_ms(rounds: Rounds) -> Figure:
    """Milliseconds that ours adds."""
    return Figure(rounds.added * _MILLI, _shown(rounds.ours, _MILLI, "ms"), _shown(rounds.peer, _MILLI, "ms"))


def ratio(rounds: Rounds) -> Figure:
    """Ours as a multiple of the peer."""
    return Figure(rounds.ratio, _shown(rounds.ours, _MICRO, "us"), _shown(rounds.peer, _MICRO, "us"))


def _shown(seconds: list[float], factor: float, unit: str) -> str:
    return f"{median(seconds) * factor:.4g} {unit} (min {min(seconds) * factor:.4g})"


def _loop(call: Callable[[], object], number: int, clock: Clock) -> Clock:
    turns = range(number)

    def turn() -> float:
        begin = clock()
        for _ in turns:
            call()
        return (clock() - begin) / number

    return turn


async def _awaited(call: Callable[[], Awaitable[object]], number: int) -> float:
    begin = thread_time()
    for _ in range(number):
        await call()
    return (thread_time() - begin) / number


def _time_of_children() -> float:
    if sys.platform == "win32":
        return perf_counter()
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

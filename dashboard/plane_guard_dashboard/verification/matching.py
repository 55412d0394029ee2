"""Match writes on the server with allowed decisions, one decision for each write."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard.vocabulary import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plane_guard_dashboard.verification.changes import Write


@dataclass(frozen=True, slots=True)
class Allowed:
    """An allowed decision. `work_item` is empty if the request named none. `time_ns` is this machine's clock."""

    decision_id: str
    time_ns: int
    project: str
    op: str
    work_item: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """The server's clock: how far it is ahead of this machine's, and how far apart two times may still be."""

    ahead_ns: int
    tolerance_ns: int


@dataclass(frozen=True, slots=True)
class Matched:
    """Explained writes with their decisions, and the writes that no decision explains."""

    explained: tuple[tuple[Write, Allowed], ...]
    unexplained: tuple[Write, ...]


def match(writes: Sequence[Write], decisions: Iterable[Allowed], clock: Clock) -> Matched:
    """Explain as many writes as possible."""
    known = sorted(decisions, key=lambda one: one.time_ns)
    candidates = _candidates(writes, known, clock)
    taken = _assign(candidates)
    by_write = {write: known[decision] for decision, write in taken.items()}
    by_write |= _of_lists(writes, by_write)
    return Matched(
        tuple((writes[number], by_write[number]) for number in sorted(by_write)),
        tuple(write for number, write in enumerate(writes) if number not in by_write),
    )


def _candidates(writes: Sequence[Write], known: Sequence[Allowed], clock: Clock) -> list[list[int]]:
    """Return for each write the decisions that can explain it: those about its object first, then the nearest."""
    by_project: dict[str, list[int]] = defaultdict(list)
    for number, decision in enumerate(known):
        by_project[decision.project].append(number)
    times = {project: [known[number].time_ns for number in numbers] for project, numbers in by_project.items()}
    everything, every_time = list(range(len(known))), [decision.time_ns for decision in known]
    found = []
    for write in writes:
        local = write.time_ns - clock.ahead_ns
        numbers = by_project.get(write.project, []) if write.project else everything
        near = times.get(write.project, []) if write.project else every_time
        start, end = bisect_left(near, local - clock.tolerance_ns), bisect_right(near, local + clock.tolerance_ns)
        numbers = numbers[start:end]
        fitting = [number for number in numbers if _fits(write, known[number])]
        found.append(sorted(fitting, key=lambda one: (not known[one].work_item, abs(known[one].time_ns - local))))
    return found


def _fits(write: Write, decision: Allowed) -> bool:
    if decision.work_item and decision.work_item not in write.objects:
        return False
    # A webhook about a comment names no project. Then the decision must name the work item.
    if not write.project and not decision.work_item:
        return False
    return decision.op in write.ops or decision.op == Op.UNKNOWN


def _assign(candidates: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return decision -> write, for as many writes as possible.

    Each write takes a free decision. If there is none, the writes on an augmenting path pass theirs on.
    """
    taken: dict[int, int] = {}
    for write, possible in enumerate(candidates):
        free = next((decision for decision in possible if decision not in taken), None)
        if free is not None:
            taken[free] = write
        else:
            _pass_on(write, candidates, taken)
    return taken


def _pass_on(write: int, candidates: Sequence[Sequence[int]], taken: dict[int, int]) -> None:
    came_from: dict[int, int] = {}
    waiting = deque([write])
    while waiting:
        current = waiting.popleft()
        for decision in candidates[current]:
            if decision in came_from:
                continue
            came_from[decision] = current
            if decision not in taken:
                _shift(decision, write, came_from, taken)
                return
            waiting.append(taken[decision])


def _shift(decision: int, start: int, came_from: Mapping[int, int], taken: dict[int, int]) -> None:
    """Give each write on the path the decision that the path leads to, back to the write that had none."""
    while True:
        write = came_from[decision]
        before = next((one for one, owner in taken.items() if owner == write), None) if write != start else None
        taken[decision] = write
        if before is None:
            return
        decision = before


def _of_lists(writes: Sequence[Write], by_write: Mapping[int, Allowed]) -> dict[int, Allowed]:
    """Return the writes that are further rows of one request that listed several work items."""
    lists = {
        (writes[number].project, writes[number].time_ns, writes[number].first.kind, writes[number].first.field): one
        for number, one in by_write.items()
        if not one.work_item and one.op != Op.CREATE
    }
    return {
        number: lists[key]
        for number, write in enumerate(writes)
        if number not in by_write
        and (key := (write.project, write.time_ns, write.first.kind, write.first.field)) in lists
    }

"""Attempts that are alike, as lines of a grid: what they share, how they stand, how they went over time. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.views.labels import DEMO, maker
from plane_guard_dashboard.views.trend_status import Status, shown, status
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Row = Mapping[str, Any]

MOST_SLOTS = 24
LEAK = "‼ GOT THROUGH"
_SHARED: Mapping[str, tuple[str, str]] = {
    "test": ("test_groups", "test"),
    "project": ("projects", "project"),
    "op": ("ops", "op"),
    "reason": ("reasons", "reason"),
    "caller": ("callers", "caller"),
}


@dataclass(frozen=True, slots=True)
class Slots:
    """The same span of time in equal parts for every line."""

    step: int
    first: int

    @classmethod
    def over(cls, rows: Iterable[Row]) -> Slots:
        """As many parts as fit a small chart, from the first of these attempts to the last."""
        times = [row[end] for row in rows for end in ("first_ns", "last_ns")]
        first, last = min(times, default=0), max(times, default=0)
        step = max(1, -(-(last - first) // (MOST_SLOTS - 1)))
        return cls(step, first // step)

    def counts(self, slots: Iterable[Row]) -> dict[str, list[int]]:
        """The number of attempts in every part, by group."""
        found: dict[str, list[int]] = defaultdict(lambda: [0] * MOST_SLOTS)
        for slot in slots:
            number = slot["slot"] - self.first
            if 0 <= number < MOST_SLOTS:
                found[slot["key"]][number] += slot["attempts"]
        return found


def lines(groups: Sequence[Row], history: Sequence[Row], trends: Mapping[str, list[int]]) -> list[dict[str, Any]]:
    """A line per group. `history` tells of the same groups, whatever the filters leave out."""
    known = {row["key"]: row for row in history}
    return [_line(group, known.get(group["key"], group), trends) for group in groups]


def standing(lines: Sequence[Row]) -> str:
    """How many groups there are, and how they stand."""
    counts = {state: sum(line["standing"] is state for line in lines) for state in Status}
    return ", ".join(f"{number} {state}" for state, number in counts.items())


def _line(group: Row, history: Row, trends: Mapping[str, list[int]]) -> dict[str, Any]:
    state = status(history)
    made_by = maker(group["demo"], group["attempts"])
    return {
        **{name: _common(group, name) for name in _SHARED},
        "key": group["key"],
        "standing": state,
        "status": (LEAK if group["prod_allowed"] else shown(state)) + (" · demo" if made_by == DEMO else ""),
        "attempts": group["attempts"],
        "prod_attempts": group["prod_attempts"],
        "prod_allowed": group["prod_allowed"],
        "trend": trends.get(group["key"], [0] * MOST_SLOTS),
        "tests": group["tests"],
        "runs": group["runs"],
        "issues": group["issues"],
        "first": moment(history["first_ns"]),
        "last": moment(group["last_ns"]),
        "maker": made_by,
    }


def _common(group: Row, name: str) -> str:
    """The value that all attempts of the group share, else how many values there are."""
    number, noun = _SHARED[name]
    return str(group[name]) if group[number] == 1 else plural(group[number], noun)

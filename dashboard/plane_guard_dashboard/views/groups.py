"""Groups of attempts as lines of a grid: common values, status, trend. Pure functions."""

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
    """A time span in equal parts, the same for every line."""

    step: int
    first: int

    @classmethod
    def over(cls, rows: Iterable[Row]) -> Slots:
        """Split the time from the first to the last of these attempts into parts that fit a small chart."""
        times = [row[end] for row in rows for end in ("first_ns", "last_ns")]
        first, last = min(times, default=0), max(times, default=0)
        step = max(1, -(-(last - first) // (MOST_SLOTS - 1)))
        return cls(step, first // step)

    def counts(self, slots: Iterable[Row]) -> dict[str, list[int]]:
        """Return the number of attempts in each part, by group."""
        found: dict[str, list[int]] = defaultdict(lambda: [0] * MOST_SLOTS)
        for slot in slots:
            number = slot["slot"] - self.first
            if 0 <= number < MOST_SLOTS:
                found[slot["key"]][number] += slot["attempts"]
        return found


def lines(groups: Sequence[Row], trends: Mapping[str, list[int]]) -> list[dict[str, Any]]:
    """Return a line per row of `attempts_by_…`."""
    return [_line(group, trends) for group in groups]


def standing(counts: Row) -> str:
    """Return the number of groups of each status, from the row of `attempt_standing_by_…`."""
    return ", ".join(f"{counts[state]:,} {state}" for state in Status)


def _line(group: Row, trends: Mapping[str, list[int]]) -> dict[str, Any]:
    state = status(group)
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
        "branch": group["branch"] if group["branches"] == 1 else plural(group["branches"], "branch", "branches"),
        "host": group["host"],
        "first": moment(group["first_ns"]),
        "last": moment(group["last_ns"]),
        "maker": made_by,
    }


def _common(group: Row, name: str) -> str:
    """Return the value that all attempts of the group share, or the number of values."""
    number, noun = _SHARED[name]
    return str(group[name]) if group[number] == 1 else plural(group[number], noun)

"""Groups of attempts as rows of a table: common values, status, trend, next step. Pure functions but `known_groups`."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard import triage
from plane_guard_dashboard.store.queries import OF_THE_NEWEST
from plane_guard_dashboard.triage import KnownFile, KnownFileError, Triage
from plane_guard_dashboard.views.labels import DEMO, fix_command, job, maker, owner_of, place
from plane_guard_dashboard.views.trend_status import Status, shown, status
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    Row = Mapping[str, Any]

MOST_SLOTS = 24
LEAK = "‼ GOT THROUGH"
_SHARED: Mapping[str, tuple[str, str]] = {
    "test": ("test_groups", "test"),
    "project": ("projects", "project"),
    "project_name": ("project_names", "project"),
    "op": ("ops", "op"),
    "reason": ("reasons", "reason"),
    "caller": ("callers", "caller"),
}
_TRIAGED: Mapping[Triage, str] = {
    Triage.ACKNOWLEDGED: "☑ known",
    Triage.EXPIRED: "⌛ no longer known",
    Triage.CHANGED: "✱ CHANGED",
}


@dataclass(frozen=True, slots=True)
class Slots:
    """A time span in equal parts, the same for every row."""

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


@dataclass(frozen=True, slots=True)
class Known:
    """The known-file, the day on which it counts, the callers of each group, and why the file cannot be used."""

    file: KnownFile
    today: date
    callers: Mapping[str, tuple[str, ...]]
    problem: str = ""

    def state(self, group: str) -> Triage:
        """Return the state of a group."""
        return self.file.state(group, self.callers.get(group, ()), self.today)


def known_groups(rows: Iterable[Row], now: datetime) -> Known:
    """Return the known groups. `rows` are those of `callers_of_issues`."""
    callers: dict[str, tuple[str, ...]] = {}
    for row in rows:
        callers[row["issue"]] = (*callers.get(row["issue"], ()), row["caller"])
    path = triage.default_path(os.environ, Path.cwd())
    today = now.astimezone().date()
    try:
        return Known(triage.load(path), today, callers)
    except KnownFileError as error:
        return Known(KnownFile(path, {}), today, callers, str(error))


def lines(
    groups: Sequence[Row],
    trends: Mapping[str, list[int]],
    known: Known,
) -> list[dict[str, Any]]:
    """Return a row per row of `attempts_by_…`."""
    return [_line(group, trends, known) for group in groups]


def standing(found: Sequence[Row]) -> str:
    """Return the number of groups of each status over everything, from the rows of `attempts_by_…`."""
    return ", ".join(f"{found[0][state.name.lower()]:,} {state}" for state in Status)


def _line(group: Row, trends: Mapping[str, list[int]], known: Known) -> dict[str, Any]:
    state, newest = status(group), dict(zip(OF_THE_NEWEST, group["newest"], strict=True))
    made_by = maker(group["demo"], group["attempts"])
    shared = {name: _common(group, name) for name in _SHARED}
    return {
        **shared,
        "key": group["key"],
        "standing": state,
        "status": _status(group, state, known) + (" · demo" if made_by == DEMO else ""),
        "attempts": group["attempts"],
        "prod_attempts": group["prod_attempts"],
        "prod_allowed": group["prod_allowed"],
        "trend": trends.get(group["key"], [0] * MOST_SLOTS),
        "tests": group["tests"],
        "runs": group["runs"],
        "issues": group["issues"],
        "place": place(newest),
        "job_link": job(newest),
        "work_item": newest["work_item"],
        "first_ns": group["first_ns"],
        "first_commit": group["first_commit"],
        "owner": owner_of(group["test"]) if group["test_groups"] == 1 else "",
        "last_ns": group["last_ns"],
        "fix": fix_command(shared["test"]) if group["test_groups"] == 1 else "",
        "maker": made_by,
    }


def _status(group: Row, state: Status, known: Known) -> str:
    if group["prod_allowed"]:
        return LEAK
    return _TRIAGED.get(known.state(group["key"]), shown(state))


def _common(group: Row, name: str) -> str:
    """Return the value that all attempts of the group share, or the number of values."""
    number, noun = _SHARED[name]
    return str(group[name]) if group[number] == 1 else plural(group[number], noun)

"""The status of a group of attempts: new, regressed, ongoing, gone, or not run since.

The status is computed from the runs. A group is gone only if a later run says that it executed the test.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

MOST_RUNS = 500


class Status(StrEnum):
    """The status of a group, compared with the newest run of its service."""

    NEW = "new"
    REGRESSED = "regressed"
    ONGOING = "ongoing"
    ABSENT = "not run since"
    GONE = "gone"


EXPLAINED: Mapping[Status, str] = {
    Status.NEW: "only in the newest run",
    Status.REGRESSED: "in the newest run again, after its test ran without it",
    Status.ONGOING: "in the newest run and before it",
    Status.ABSENT: "no run says that it executed the test since",
    Status.GONE: "its test ran again, without the attempt",
}
_SHOWN: Mapping[Status, str] = {
    Status.NEW: "✱ NEW",
    Status.REGRESSED: "↺ regressed",
    Status.ONGOING: "● ongoing",
    Status.ABSENT: "○ not run since",
    Status.GONE: "✔ gone",
}


def newest_runs(view: View) -> list[str]:
    """Return the last run of each service."""
    runs: dict[str, str] = {}
    for row in view.rows("newest_runs", limit=MOST_RUNS):
        runs.setdefault(row["service"], row["run"])
    return sorted(runs.values())


def status(row: Mapping[str, Any]) -> Status:
    """Return the status of a row of `attempts_by_…`."""
    if not row["in_newest"]:
        return Status.GONE if row["reran_ns"] > row["seen_ns"] else Status.ABSENT
    if row["in_newest"] == row["known"]:
        return Status.NEW
    return Status.REGRESSED if row["reran_earlier_ns"] > row["seen_earlier_ns"] else Status.ONGOING


def shown(state: Status) -> str:
    """Return a sign and a word, so that the status is readable without colour."""
    return _SHOWN[state]

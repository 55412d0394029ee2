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
    Status.REGRESSED: "in the newest run, not in the run before, but seen earlier",
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


def compared_runs(view: View) -> dict[str, list[str]]:
    """Return the parameters `newest` and `previous`: the last run of each service, and the one before it."""
    runs: dict[str, list[str]] = {}
    for row in view.rows("newest_runs", limit=MOST_RUNS):
        runs.setdefault(row["service"], []).append(row["run"])
    return {
        "newest": sorted(found[0] for found in runs.values()),
        "previous": sorted(found[1] for found in runs.values() if len(found) > 1),
    }


def status(row: Mapping[str, Any]) -> Status:
    """Return the status of a row of `attempts_by_…`."""
    if not row["in_newest"]:
        return Status.GONE if row["reran_ns"] > row["seen_ns"] else Status.ABSENT
    if row["in_newest"] == row["known"]:
        return Status.NEW
    return Status.ONGOING if row["in_previous"] else Status.REGRESSED


def shown(state: Status) -> str:
    """Return a sign and a word, so that the status is readable without colour."""
    return _SHOWN[state]

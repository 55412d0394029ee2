"""Whether attempts that are alike are new, go on, or are gone: computed from the runs, nothing is kept."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

MOST_RUNS = 500


class Status(StrEnum):
    """How attempts that are alike stand in the newest run of their service."""

    NEW = "new"
    ONGOING = "ongoing"
    GONE = "gone"


EXPLAINED: Mapping[Status, str] = {
    Status.NEW: "only in the newest run",
    Status.ONGOING: "in the newest run and before it",
    Status.GONE: "not in the newest run any more",
}
_SHOWN: Mapping[Status, str] = {Status.NEW: "✱ NEW", Status.ONGOING: "● ongoing", Status.GONE: "○ gone"}


def newest(view: View) -> list[str]:
    """The newest run of each service, the demo's among them: the parameter `newest` of the queries of attempts."""
    found: dict[str, str] = {}
    for row in view.rows("newest_runs", limit=MOST_RUNS):
        found.setdefault(row["service"], row["run"])
    return sorted(found.values())


def status(row: Mapping[str, Any]) -> Status:
    """Of a row of `attempts_by_…`."""
    if not row["in_newest"]:
        return Status.GONE
    return Status.NEW if row["in_newest"] == row["attempts"] else Status.ONGOING


def shown(state: Status) -> str:
    """A sign and a word, so that it holds without colour."""
    return _SHOWN[state]

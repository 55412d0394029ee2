"""Compare a run with the previous one: new, repeated and absent groups. Pure functions."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Row = Mapping[str, Any]


class Change(StrEnum):
    """The change of a group from the previous run to this one."""

    NEW = "new"
    REPEATED = "repeated"
    ABSENT = "absent"


SIGNS: Mapping[str, str] = {Change.NEW: "▲ new", Change.REPEATED: "● repeated", Change.ABSENT: "▽ not in this run"}


def change(issue: Row) -> Change:
    """Return the change, from the counts of the two runs."""
    if not issue["here"]:
        return Change.ABSENT
    return Change.REPEATED if issue["before"] else Change.NEW


def verdict(run: Row) -> str:
    """Return a sign and a word, so that the verdict is readable without colour."""
    if run["prod_allowed"]:
        return "‼ got through"
    if run["prod_attempts"]:
        return "✖ tried production"
    if run["blocked"]:
        return "◌ other blocks"
    if not run["processes"]:
        return "? unguarded"
    return "? executed no test" if run["executed"] == 0 else "✔ clean"


def sentence(run: Row) -> str:
    """Return the run in one sentence."""
    if run["prod_allowed"]:
        return f"{plural(run['prod_allowed'], 'write')} to production got through"
    if run["prod_attempts"]:
        return f"{plural(run['prod_attempts'], 'attempt')} to write to production, all blocked"
    if run["blocked"]:
        return f"No attempt to write to production seen; {plural(run['blocked'], 'other write')} blocked"
    if run["executed"] == 0:
        return "This run executed no test, so it says nothing"
    if run["decisions"]:
        return "No attempt to write to production seen"
    return "Guarded; no attempt to write to Plane seen"


def compared(issues: Sequence[Row], before: str) -> str:
    """Return the comparison in one sentence. `before` names the previous run; it is empty if there is none."""
    if not before:
        return "There is no earlier run to compare with."
    counts = {kind: sum(change(issue) is kind for issue in issues) for kind in Change}
    if not any(counts.values()):
        return f"Nothing was blocked in this run, nor in {before}."
    found = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return f"Compared with {before}: {found}."


def earlier(run: Row) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    """Yield relations to search for, the nearest first: a name, and the values that the previous run must share."""
    service, branch = (run["service"],), (run["branch"],)
    yield "the previous run of the same service and branch", {"service": service, "branch": branch}
    yield "the previous run of the same service", {"service": service}
    yield f"the previous {'demo' if run['demo'] else 'test'} run", {}

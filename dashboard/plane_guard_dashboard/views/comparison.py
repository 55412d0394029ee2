"""One run beside the one before it: what is new, what came again, what is gone. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Row = Mapping[str, Any]


class Change(StrEnum):
    """What became of an issue from the run before to this one."""

    NEW = "new"
    REPEATED = "repeated"
    GONE = "gone"


SIGNS: Mapping[str, str] = {Change.NEW: "▲ new", Change.REPEATED: "● repeated", Change.GONE: "▽ gone"}


def change(issue: Row) -> Change:
    """Told from the numbers of the two runs."""
    if not issue["here"]:
        return Change.GONE
    return Change.REPEATED if issue["before"] else Change.NEW


def verdict(run: Row) -> str:
    """A sign and a word, so that it holds without colour."""
    if run["prod_allowed"]:
        return "‼ got through"
    if run["prod_attempts"]:
        return "✖ tried production"
    if run["blocked"]:
        return "◌ other blocks"
    return "✔ clean" if run["processes"] else "? unguarded"


def sentence(run: Row) -> str:
    """The run in one sentence."""
    if run["prod_allowed"]:
        return f"{plural(run['prod_allowed'], 'write')} to production got through"
    if run["prod_attempts"]:
        return f"{plural(run['prod_attempts'], 'attempt')} to write to production, all blocked"
    if run["blocked"]:
        return f"Nothing tried to write to production; {plural(run['blocked'], 'other write')} blocked"
    if run["decisions"]:
        return "Nothing tried to write to production"
    return "Guarded, and nothing tried to write to Plane at all"


def compared(issues: Sequence[Row], before: str) -> str:
    """This run against the one before, in one sentence. `before` says which one that is; empty if there is none."""
    if not before:
        return "There is no earlier run to compare with: everything below is as it was found."
    counts = {kind: sum(change(issue) is kind for issue in issues) for kind in Change}
    if not any(counts.values()):
        return f"Nothing was stopped in this run, nor in {before}."
    found = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return f"Against {before}: {found}."


def earlier(run: Row) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    """What to look for, the nearest relation first: its name, and the values that the run before has to share."""
    service, branch = (run["service"],), (run["branch"],)
    yield "the run before of the same service and branch", {"service": service, "branch": branch}
    yield "the run before of the same service", {"service": service}
    yield f"the {'demo' if run['demo'] else 'test'} run before", {}

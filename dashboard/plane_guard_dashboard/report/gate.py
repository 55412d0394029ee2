"""The gate of a CI job: the exit code, and the reasons why the evidence may not be complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.files import of_one_process
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from plane_guard_dashboard.evidence.traces import Accounting, FileAccount
    from plane_guard_dashboard.report.scope import OtherRun, Scope
    from plane_guard_dashboard.report.summary import Summary

HOLDS, UNDECIDED, PASSED = 1, 2, 0
_MOST_NAMED = 3
_NO_SESSION = "no guarded process reported itself. Run the tests with plane-guard installed."
_NO_TESTS = "no test was executed. Check which tests the command selects."

FAIL_ON: Mapping[str, Callable[[Summary], int]] = {
    "prod-attempt": lambda summary: summary.prod_attempts + summary.possible_prod_attempts + summary.prod_allowed,
    "new-prod-attempt": lambda summary: summary.new_prod_attempts + summary.prod_allowed,
    "blocked": lambda summary: summary.blocked + summary.prod_allowed,
}
_OF_OTHERS: Mapping[str, Callable[[OtherRun], int]] = {
    "prod-attempt": lambda run: run.incidents,
    "new-prod-attempt": lambda run: run.incidents,
    "blocked": lambda run: run.incidents + run.blocked,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """An exit code, and the sentence that explains it if the code is 2. `finding` is what the headline has to say."""

    code: int
    reason: str = ""
    finding: str = ""


def worse(*codes: int) -> int:
    """Return the exit code of several conditions: one that holds comes before one that is undecided."""
    return next((code for code in (HOLDS, UNDECIDED) if code in codes), PASSED)


def judge(summary: Summary, fail_on: str | None, *, allow_unreadable: bool, chosen: bool) -> Gate:
    """Return the result of a condition. `chosen` is True if the runs were named on the command line."""
    if fail_on is None:
        return Gate(PASSED)
    if FAIL_ON[fail_on](summary):
        return Gate(HOLDS)
    if summary.undecided and not allow_unreadable:
        return Gate(UNDECIDED, f"{listed(summary.undecided)}. Repair the evidence, or accept it: --allow-unreadable.")
    if not summary.sessions or summary.tests == 0:
        return Gate(UNDECIDED, _NO_TESTS if summary.sessions else _NO_SESSION)
    others = [one.run for one in summary.other_runs if _OF_OTHERS[fail_on](one)]
    if others and not chosen:
        meet = "meets" if len(others) == 1 else "meet"
        found = f"{plural(len(others), 'other run')} in the same place {meet} the condition ({listed(others)})"
        leaked = any(one.prod_allowed for one in summary.other_runs)  # the headline says so already
        reason = f"{found}. Say which runs count: --run ID, latest or all, or --since-file."
        return Gate(UNDECIDED, reason, "" if leaked else found)
    return Gate(PASSED)


def undecided(files: Iterable[FileAccount], scope: Scope, account: Accounting) -> Iterator[str]:
    """Yield what was not read of the evidence that may belong to the scope."""
    damaged = [file for file in files if file.damaged and _may_belong(file, scope)]
    for names, number, what in (
        ([one.name for one in damaged if one.unreadable], sum(one.unreadable for one in damaged), "damaged line"),
        ([one.name for one in damaged if one.pending], sum(one.pending for one in damaged), "unfinished line"),
    ):
        if number:
            yield f"{plural(number, what)} in {listed(names)}"
    for file in [one for one in damaged if one.error][:_MOST_NAMED]:
        yield f"{file.name} cannot be read ({file.error})"
    if account.cut:
        yield account.cut


def _may_belong(file: FileAccount, scope: Scope) -> bool:
    """Return False for damage that is certainly of another run: in the file of one process, whose rows say so."""
    if file.error or not file.runs or not of_one_process(file.path):
        return True
    return any(map(scope.includes, file.runs))


def listed(names: Iterable[str]) -> str:
    """Return the first names, and the number of the others."""
    found = list(names)
    more = f" and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more

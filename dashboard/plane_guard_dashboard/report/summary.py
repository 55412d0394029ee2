"""Rows in, the figures of one run out. Pure: the same rows give the same summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.groups import (
    NOBODY,
    BusyTest,
    Figures,
    Group,
    figures,
    fingerprint,
    groups,
    top_tests,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plane_guard_dashboard.evidence.rows import DecisionRow, SessionRow
    from plane_guard_dashboard.evidence.traces import Traces

LATEST = "latest"
ALL = "all"


class UnknownRunError(LookupError):
    """No such run among the traces; the text names those that there are."""


class NothingSinceError(LookupError):
    """Nothing among the traces is as new as was asked for; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Blocked writes to production that are alike, and how many they were."""

    test: str
    project: str
    work_item: str
    op: str
    reason: str
    count: int

    @property
    def fingerprint(self) -> str:
        """The group that it belongs to."""
        return fingerprint(self.test, self.project, self.op, self.reason)


@dataclass(frozen=True, slots=True)
class Summary:
    """One run (or all) in figures. `blocked` leaves expected blocks out; the `by_…` count every decision."""

    run: str
    first_ns: int | None
    last_ns: int | None
    sessions: int
    decisions: int
    allowed: int
    blocked: int
    expected: int
    prod_attempts: int
    prod_allowed: int
    demo: int
    by_reason: dict[str, int]
    by_op: dict[str, int]
    by_project: dict[str, int]
    by_test: dict[str, int]
    attempts: tuple[Attempt, ...]
    groups: tuple[Group, ...]
    by_project_op_reason: tuple[Figures, ...]
    top_tests: tuple[BusyTest, ...]
    compared: bool
    new_prod_attempts: int
    lines: int
    files: int
    unreadable_lines: int
    unreadable_files: int
    pending_lines: int
    duplicates: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `report --format json` prints them."""
        return asdict(self)


def unknown_run(run: str, source: str, known: Sequence[str]) -> UnknownRunError:
    """There is no such run, but those that are known; the newest come first."""
    hint = ", ".join(known[:5])
    return UnknownRunError(f"There is no run {run!r} in {source}: use `latest`, `all` or one of {hint}.")


def nothing_since(source: str) -> NothingSinceError:
    """What is there is older."""
    return NothingSinceError(
        f"Nothing in {source} is that new: was plane-guard installed? Name a longer time with --since."
    )


def run_ids(traces: Traces) -> tuple[str, ...]:
    """Every run, newest activity first; what carries no run id counts as the run `(none)`."""
    newest: dict[str, int] = {}
    for row in (*traces.sessions, *traces.decisions):
        run = row.run_id or NOBODY
        newest[run] = max(newest.get(run, 0), row.time_ns)
    named = sorted((run for run in newest if run != NOBODY), key=lambda run: newest[run], reverse=True)
    return (*named, NOBODY) if NOBODY in newest else tuple(named)


def since(traces: Traces, earliest_ns: int) -> Traces:
    """The traces without what is older."""
    decisions = tuple(row for row in traces.decisions if row.time_ns >= earliest_ns)
    sessions = tuple(row for row in traces.sessions if row.time_ns >= earliest_ns)
    if not decisions and not sessions:
        raise nothing_since(traces.source)
    return replace(traces, decisions=decisions, sessions=sessions)


def summarize(traces: Traces, run: str = LATEST, known: frozenset[str] | None = None) -> Summary:
    """The figures of the newest run, of a run by its id, or of all of them.

    `known` are the fingerprints of an earlier report; with None nothing is compared.
    """
    chosen = _chosen(traces, run)
    decisions = [row for row in traces.decisions if chosen is None or (row.run_id or NOBODY) == chosen]
    sessions = [row for row in traces.sessions if chosen is None or (row.run_id or NOBODY) == chosen]
    return _figures(ALL if chosen is None else chosen, decisions, sessions, traces, known)


def _chosen(traces: Traces, run: str) -> str | None:
    known = run_ids(traces)
    if run == ALL:
        return None
    if run == LATEST:
        return known[0]
    if run not in known:
        raise unknown_run(run, traces.source, known)
    return run


def _figures(
    run: str,
    decisions: Sequence[DecisionRow],
    sessions: Sequence[SessionRow],
    traces: Traces,
    known: frozenset[str] | None,
) -> Summary:
    times = [row.time_ns for row in (*decisions, *sessions) if row.time_ns]
    account = traces.accounting
    alike = groups(decisions, known)
    return Summary(
        run=run,
        first_ns=min(times, default=None),
        last_ns=max(times, default=None),
        sessions=len(sessions),
        decisions=len(decisions),
        allowed=sum(row.outcome == "allow" for row in decisions),
        blocked=sum(row.blocked for row in decisions),
        expected=sum(row.expected_block for row in decisions),
        prod_attempts=sum(row.prod_attempt for row in decisions),
        prod_allowed=sum(row.prod_allowed for row in decisions),
        demo=sum(row.demo for row in decisions),
        by_reason=_counts(row.reason for row in decisions),
        by_op=_counts(row.op for row in decisions),
        by_project=_counts(row.project_id for row in decisions),
        by_test=_counts(row.test for row in decisions),
        attempts=_attempts(row for row in decisions if row.prod_attempt),
        groups=alike,
        by_project_op_reason=figures(decisions),
        top_tests=top_tests(decisions),
        compared=known is not None,
        new_prod_attempts=sum(group.count for group in alike if group.prod_attempt and not group.known),
        lines=account.lines,
        files=account.files,
        unreadable_lines=account.unreadable_lines,
        unreadable_files=account.unreadable_files,
        pending_lines=account.pending_lines,
        duplicates=account.duplicates,
    )


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(value or NOBODY for value in values).most_common())


def _attempts(decisions: Iterable[DecisionRow]) -> tuple[Attempt, ...]:
    groups = Counter(
        (row.test or NOBODY, row.project_id or NOBODY, row.work_item or NOBODY, str(row.op), str(row.reason))
        for row in decisions
    )
    return tuple(Attempt(*group, count=count) for group, count in groups.most_common())

"""The runs in the evidence: their time, their hosts and tests, and the decisions that allowed a write."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.rows import Outcome
from plane_guard_dashboard.evidence.runs import ALL, LATEST, UnknownRunError, by_prefix, run_ids
from plane_guard_dashboard.verification.matching import Allowed
from plane_guard_instrumentation.evidence import attributes as names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plane_guard_dashboard.evidence.rows import DecisionRow
    from plane_guard_dashboard.evidence.traces import Traces
    from plane_guard_dashboard.evidence.verifications import Verified

_MOST_TESTS = 5


@dataclass(slots=True)
class Run:
    """A guarded run. `last_ns` is 0 until it is known."""

    id: str
    first_ns: int
    last_ns: int
    hosts: set[str] = field(default_factory=set)


def find(traces: Traces, wanted: str, until_ns: int) -> list[Run]:
    """Return the latest run, one by its id, or all of them. A run whose end is not recorded lasts until `until_ns`.

    Raises:
        UnknownRunError: The evidence has no such run, or does not tell its time.
    """
    known = run_ids(traces)
    ids = set(known) if wanted == ALL else {known[0] if wanted == LATEST else by_prefix(wanted, known, traces.source)}
    found: dict[str, Run] = {}
    for row in (*traces.sessions, *traces.decisions):
        run_id = row.run_id or NOBODY
        if run_id in ids and row.time_ns:
            run = found.setdefault(run_id, Run(run_id, row.time_ns, 0))
            run.first_ns = min(run.first_ns, row.time_ns)
            run.hosts |= {row.host} if row.host else set()
    if not found:
        raise UnknownRunError("The evidence of this run tells no time: name another run with --run.")
    for session in traces.sessions:
        run_of = found.get(session.run_id or NOBODY)
        if run_of is not None and session.ended:
            run_of.last_ns = max(run_of.last_ns, session.end_ns)
    for run in found.values():
        run.last_ns = min(run.last_ns or until_ns, until_ns)
    return sorted(found.values(), key=lambda run: run.first_ns)


def allowed(traces: Traces, projects: Mapping[str, str], items: Mapping[str, str]) -> list[Allowed]:
    """Return the decisions that allowed a write. The mappings translate names such as `acme/ORCH` and `ORCH-114`."""
    return [
        Allowed(
            row.decision_id,
            row.time_ns,
            projects.get(row.project_id or "", row.project_id or ""),
            row.op,
            items.get(row.work_item_id or "", row.work_item_id or ""),
        )
        for row in traces.decisions
        if row.outcome is Outcome.ALLOW
    ]


def undone(verified: Verified, projects: Mapping[str, str]) -> list[Allowed]:
    """Return the requests of `plane-guard undo` as decisions: they are writes that a person confirmed."""
    return [
        Allowed(
            finding,
            time_ns,
            projects.get(str(values.get(names.PROJECT)), str(values.get(names.PROJECT))),
            str(values.get(names.OP)),
            str(values.get(names.FINDING_OBJECT, "")),
        )
        for finding, time_ns in verified.undone
        for values in [verified.findings[finding]]
    ]


class Surroundings:
    """The runs and tests that were active at a time. `edge_ns` is the uncertainty of the time."""

    def __init__(self, runs: Sequence[Run], decisions: Sequence[DecisionRow], edge_ns: int) -> None:
        """Prepare the search by time. The decisions are in order."""
        self._runs = sorted(runs, key=lambda run: run.first_ns)
        self._edge_ns = edge_ns
        self._starts = [run.first_ns for run in self._runs]
        self._ends = list(accumulate((run.last_ns for run in self._runs), max))  # the latest end up to here
        self._decisions = decisions
        self._times = [row.time_ns for row in decisions]

    def at(self, time_ns: int) -> list[Run]:
        """Return the runs that were active."""
        number = bisect_right(self._starts, time_ns + self._edge_ns)
        found = []
        while number and self._ends[number - 1] + self._edge_ns >= time_ns:
            number -= 1
            if self._runs[number].last_ns + self._edge_ns >= time_ns:
                found.append(self._runs[number])
        return found

    def tests(self, time_ns: int, tolerance_ns: int) -> list[str]:
        """Return the tests that decided something around that time, the nearest first."""
        start, end = bisect_left(self._times, time_ns - tolerance_ns), bisect_right(self._times, time_ns + tolerance_ns)
        near = sorted(self._decisions[start:end], key=lambda row: abs(row.time_ns - time_ns))
        return list(dict.fromkeys(row.test for row in near if row.test))[:_MOST_TESTS]


def workspaces(rows: Iterable[DecisionRow]) -> set[str]:
    """Return the workspaces that decisions name."""
    return {row.workspace for row in rows if row.workspace}

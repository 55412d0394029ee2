"""The scope of a report: one run, the runs of one CI job, or all runs; and the runs outside of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.rows import SessionRow, job_of
from plane_guard_dashboard.evidence.runs import ALL, LATEST, by_prefix, run_ids

if TYPE_CHECKING:
    from plane_guard_dashboard.evidence.rows import DecisionRow
    from plane_guard_dashboard.evidence.traces import Traces

_MOST_OTHERS = 1_000


@dataclass(slots=True)
class OtherRun:
    """A run outside of the scope. The counts include copies, so they are upper bounds.

    `incidents` are attempts on production, possible ones and writes that got through, which `prod_allowed` counts.
    """

    run: str
    job: str
    incidents: int = 0
    blocked: int = 0
    prod_allowed: int = 0


@dataclass(slots=True)
class Scope:
    """Decides which rows a report counts, and keeps account of the runs that it leaves out.

    `run` is an id, or None for all runs. `job` is its CI job; with `whole_job` the other runs of the job count, too.
    """

    run: str | None
    job: str = ""
    whole_job: bool = False
    earliest_ns: int = 0
    older: bool = False
    _others: dict[str, OtherRun] = field(default_factory=dict)
    _runs: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The scope, for people."""
        return ALL if self.run is None else self.run

    def takes(self, row: DecisionRow | SessionRow) -> bool:
        """Return True if the row counts."""
        if row.time_ns < self.earliest_ns:
            self.older = True
            return False
        run = row.run_id or NOBODY
        if self.run is None or run == self.run or (self.whole_job and job_of(row.context) == self.job):
            self._runs.add(run)
            return True
        self._leave_out(run, row)
        return False

    def includes(self, run: str) -> bool:
        """Return True if a row of this run was taken."""
        return run in self._runs

    def empty(self) -> bool:
        """Return True if no row was taken."""
        return not self._runs

    def others(self) -> tuple[OtherRun, ...]:
        """Return the runs that were left out, those with incidents first."""
        return tuple(
            sorted(self._others.values(), key=lambda one: (-one.prod_allowed, -one.incidents, -one.blocked, one.run))
        )

    def _leave_out(self, run: str, row: DecisionRow | SessionRow) -> None:
        known = self._others.get(run)
        if known is None:
            if len(self._others) >= _MOST_OTHERS:
                run = "(others)"
            known = self._others.setdefault(run, OtherRun(run, job_of(row.context)))
        if not isinstance(row, SessionRow):
            known.incidents += row.prod_attempt or row.possible_prod_attempt or row.prod_allowed
            known.blocked += row.blocked
            known.prod_allowed += row.prod_allowed


def of_traces(traces: Traces, run: str) -> Scope:
    """Return the scope of a run of traces in memory.

    Raises:
        UnknownRunError: There is no such run.
    """
    if run == ALL:
        return Scope(None)
    known = run_ids(traces)
    return Scope(known[0] if run == LATEST else by_prefix(run, known, traces.source))

"""From a source to the figures of a report: choose the scope, stream the evidence, keep what is in the scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.rows import DecisionRow
from plane_guard_dashboard.evidence.runs import ALL, LATEST, by_prefix, nothing_since
from plane_guard_dashboard.report import gate
from plane_guard_dashboard.report.collection import Collection
from plane_guard_dashboard.report.scope import Scope, of_traces
from plane_guard_dashboard.report.summary import figures, rows_of
from plane_guard_dashboard.store.clickhouse_address import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from plane_guard_dashboard.report.summary import Asked, Summary

    Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The evidence that a report was asked for.

    `run` is an id or the beginning of one, `latest`, `all`, or None for the CI job of the latest run. `earliest_ns` is
    a time in the evidence, `written_ns` one of the file system.
    """

    source: str
    run: str | None = None
    earliest_ns: int = 0
    written_ns: int = 0

    @property
    def is_limited(self) -> bool:
        """True if older evidence was left out."""
        return bool(self.earliest_ns or self.written_ns)


def summarize(wanted: Wanted, asked: Asked, progress: Progress | None = None) -> Summary:
    """Read the evidence once, or twice if it is not known yet which run is the latest.

    Raises:
        NoTracesError: There is nothing to read.
        UnknownRunError: There is no such run.
        NothingSinceError: There is nothing that is as new as was asked for.
        CollectionError: There is no room for the temporary database.
    """
    collection = Collection()
    try:
        if is_address(wanted.source):
            return _of_clickhouse(wanted, collection, asked)
        return _of_files(wanted, collection, asked, progress)
    finally:
        collection.close()


def decisions(wanted: Wanted) -> Iterator[DecisionRow]:
    """Yield the decisions of the scope, with copies if the source has some. The errors are those of `summarize`."""
    if is_address(wanted.source):
        from plane_guard_dashboard.store import clickhouse_report

        run = wanted.run or LATEST
        found = clickhouse_report.read(wanted.source, run, wanted.earliest_ns)
        scope, rows = of_traces(found, run), iter(found.decisions)
    else:
        reading = traces.Reading(wanted.source)
        scope, rows = _scope(wanted, reading), (row for row, _, _ in reading.rows() if isinstance(row, DecisionRow))
    yield from (row for row in rows if scope.takes(row))


def _of_files(wanted: Wanted, collection: Collection, asked: Asked, progress: Progress | None) -> Summary:
    reading = traces.Reading(wanted.source, since_ns=wanted.written_ns)
    scope = _scope(wanted, reading)
    for row, file, offset in reading.rows(progress):
        if scope.takes(row):
            collection.add(row, (file, offset))
        else:
            collection.leave_out(row)
    [(kept,)] = collection.ask("SELECT count(*) FROM decision")
    account = reading.accounting(collection.received - kept)
    if scope.empty():
        if wanted.is_limited and (scope.others() or scope.older or not reading.files):
            raise nothing_since(wanted.source)
        raise traces.nothing(wanted.source, account)
    return figures(collection, scope, account, tuple(gate.undecided(reading.files, scope, account)), asked)


def _scope(wanted: Wanted, reading: traces.Reading) -> Scope:
    if wanted.run == ALL or (wanted.run is None and wanted.is_limited):
        return Scope(None, earliest_ns=wanted.earliest_ns)
    if wanted.run in (None, LATEST):
        run, job = next(iter(reading.runs(newest=True).items()), (None, ""))
        return Scope(run, job, whole_job=wanted.run is None and bool(job), earliest_ns=wanted.earliest_ns)
    runs = reading.runs()
    if not runs:
        return Scope(None)  # the account of the reading says why
    run = by_prefix(wanted.run or "", runs, wanted.source)
    return Scope(run, runs[run], earliest_ns=wanted.earliest_ns)


def _of_clickhouse(wanted: Wanted, collection: Collection, asked: Asked) -> Summary:
    from plane_guard_dashboard.store import clickhouse_report

    run = wanted.run or (ALL if wanted.is_limited else LATEST)
    found = clickhouse_report.read(wanted.source, run, wanted.earliest_ns)
    scope, account = of_traces(found, run), found.accounting
    if run != ALL and any(row.blocked or row.prod_allowed for row in found.decisions):
        collection.firsts = clickhouse_report.firsts(wanted.source)
    for number, row in enumerate(rows_of(found)):
        if scope.takes(row):
            collection.add(row, (0, number))
    damage = (f"{account.unreadable_lines} unreadable decisions in {found.source}",) if account.unreadable_lines else ()
    return figures(collection, scope, account, damage, asked)

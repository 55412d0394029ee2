"""Read exported traces: OTLP-JSON in, typed rows and an exact account of what could not be read out.

Content of a file never raises. A source that gives nothing is a `NoTracesError` that says what to do.
Source files are only ever opened for reading.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from plane_guard_dashboard.evidence import decoding, otlp
from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.rows import DECISION, UNKNOWN_TESTS, DecisionRow, SessionRow
from plane_guard_dashboard.evidence.sources import (
    NoTracesError,
    SourceState,
    contents,
    default_source,
    evidence_files,
    fingerprint,
    label,
    lines,
    no_files,
    open_regular,
)
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from plane_guard_dashboard.evidence.sources import Line

__all__ = [
    "Accounting",
    "BadLine",
    "Found",
    "NoTracesError",
    "Reading",
    "SourceState",
    "Traces",
    "default_source",
    "evidence_files",
    "fingerprint",
    "nothing",
    "read",
]

MOST_SAMPLES = 100
SECONDS_A_WRITER_MAY_TAKE = 60
_LINES_A_TICK = 1_000

Row: TypeAlias = DecisionRow | SessionRow


@dataclass(frozen=True, slots=True)
class BadLine:
    """A place that could not be read, and the reason. `offset` is None if the file did not open."""

    file: str
    offset: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """The numbers of lines and files that were read, and that were not.

    `ignored_files` hold no OTLP-JSON. `cut` says why files of the source were not looked at, if so.
    """

    files: int
    lines: int
    unreadable_lines: int
    unreadable_files: int
    pending_lines: int
    duplicates: int
    samples: tuple[BadLine, ...]
    ignored_files: int = 0
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything that a source holds, oldest first. `runs` are the ids of its runs, the newest on disk first."""

    source: str
    decisions: tuple[DecisionRow, ...]
    sessions: tuple[SessionRow, ...]
    accounting: Accounting
    runs: tuple[str, ...] = ()


class Found(NamedTuple):
    """A row, the number of its file and the offset of its line."""

    row: Row
    file: int
    offset: int


@dataclass(slots=True)
class FileAccount:
    """A file of the source, and the number of its lines that could not be read. `error` says why it did not open."""

    path: Path
    name: str
    mtime_ns: int
    size: int
    lines: int = 0
    unreadable: int = 0
    pending: int = 0
    error: str = ""
    runs: set[str] = field(default_factory=set)

    @property
    def damaged(self) -> bool:
        """True if anything in it was not read."""
        return bool(self.unreadable or self.pending or self.error)


class Reading:
    """One pass over the evidence files of a source. `since_ns` leaves out files that were last written before."""

    def __init__(self, source: str, *, now: float | None = None, since_ns: int = 0) -> None:
        self.source = source
        self._now = time.time() if now is None else now
        listing = contents(source)
        if not listing.files:
            raise no_files(source, listing)
        self._listing = listing
        found = [self._account(path) for path in listing.files]
        self.files = [one for one in found if one.mtime_ns >= since_ns or one.error]
        self.samples: list[BadLine] = []
        self._origins = decoding.Origins()

    def _account(self, path: Path) -> FileAccount:
        name = otlp.text(label(path, self.source))
        try:
            found = path.stat()
        except OSError as error:
            return FileAccount(path, name, 0, 0, error=error.strerror or str(error))
        return FileAccount(path, name, found.st_mtime_ns, found.st_size)

    def rows(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Found]:
        """Yield every row. `progress` receives the number of bytes that were read, and the number of all bytes."""
        read, size = 0, sum(file.size for file in self.files)
        for number, file in enumerate(self.files):
            before = read

            def told(offset: int, before: int = before, file: FileAccount = file) -> None:
                if progress:
                    progress(before + min(offset, file.size), size)

            yield from self._rows(number, file, told)
            read += file.size

    def _rows(self, number: int, file: FileAccount, progress: Callable[[int], None]) -> Iterator[Found]:
        try:
            with open_regular(file.path) as stream:
                for count, line in enumerate(lines(stream)):
                    if count % _LINES_A_TICK == 0:
                        progress(line.offset)
                    for row in self._decoded(file, line):
                        file.runs.add(row.run_id or NOBODY)
                        yield Found(row, number, line.offset)
        except OSError as error:
            file.error = error.strerror or str(error)
            self._note(BadLine(file.name, None, file.error))

    def _decoded(self, file: FileAccount, line: Line) -> Iterable[Row]:
        problems: list[str] = []
        document = otlp.document(line.data, problems)
        if problems and not line.whole and not document and self._may_grow(file.path):
            file.pending += 1
            return ()
        found = list(decoding.decode(document, problems, self._origins))
        file.lines += 1
        if problems:
            file.unreadable += 1
            self._note(BadLine(file.name, line.offset, problems[0]))
        return found

    def _may_grow(self, path: Path) -> bool:
        return self._now - path.stat().st_mtime < SECONDS_A_WRITER_MAY_TAKE

    def _note(self, sample: BadLine) -> None:
        if len(self.samples) < MOST_SAMPLES:
            self.samples.append(sample)

    def runs(self, *, newest: bool = False) -> dict[str, str]:
        """Return the runs with the CI job of each, the newest on disk first.

        With `newest` only the files that were written last are read, until there is a run. This is a pass of its own,
        which does not read the decisions.
        """
        order, jobs = RunOrder(), dict[str, str]()
        for group in _by_age(self.files):
            for number, file in group:
                for run, job, time_ns, offset in _runs(file.path, self._origins):
                    order.add(run, number, file.mtime_ns, time_ns, offset)
                    jobs.setdefault(run, job)
            if newest and jobs.keys() - {NOBODY}:
                break
        return {run: jobs[run] for run in order.runs()}

    def accounting(self, duplicates: int = 0) -> Accounting:
        """Return the account of the rows that were read."""
        return Accounting(
            files=len(self.files),
            lines=sum(file.lines for file in self.files),
            unreadable_lines=sum(file.unreadable for file in self.files),
            unreadable_files=sum(bool(file.error) for file in self.files),
            pending_lines=sum(file.pending for file in self.files),
            duplicates=duplicates,
            samples=tuple(self.samples),
            ignored_files=self._listing.ignored,
            cut=self._listing.cut,
        )


class RunOrder:
    """The runs of a source by what is newest on disk: the file written last, then the line written last.

    The times in the evidence count only between files that were last written at the same moment.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}
        self._file: dict[int, tuple[int, int]] = {}

    def add(self, run: str, file: int, mtime_ns: int, time_ns: int, offset: int) -> None:
        """Take note of a row."""
        self._last[run, file] = offset
        known = self._file.get(file)
        if known is None or time_ns > known[1]:
            self._file[file] = mtime_ns, time_ns

    def runs(self) -> tuple[str, ...]:
        """Return the runs, newest first. Rows without a run id come last."""
        newest: dict[str, tuple[int, int, int]] = {}
        for (run, file), offset in self._last.items():
            newest[run] = max(newest.get(run, (-1, -1, -1)), (*self._file[file], offset))
        return tuple(sorted(newest, key=lambda run: (run != NOBODY, newest[run]), reverse=True))


def read(source: str | Path, *, now: float | None = None) -> Traces:
    """Read a folder of evidence, or one file, into memory. `now` (seconds) tells a torn line from a growing one."""
    reading, rows, order = Reading(str(source), now=now), _Rows(), RunOrder()
    for row, file, offset in reading.rows():
        rows.take(row, (file, offset))
        order.add(row.run_id or NOBODY, file, reading.files[file].mtime_ns, row.time_ns, offset)
    account = reading.accounting(rows.duplicates)
    if not rows.decisions and not rows.sessions:
        raise nothing(str(source), account)
    decisions = sorted(rows.decisions.values(), key=lambda row: (row.time_ns, row.seq or 0, row.decision_id))
    sessions = sorted(rows.sessions.values(), key=lambda row: row.time_ns)
    return Traces(str(source), tuple(decisions), tuple(sessions), account, order.runs())


def nothing(source: str, account: Accounting) -> NoTracesError:
    """Return the reason why a source that was read gave no row."""
    if account.files and account.files == account.unreadable_files:
        return NoTracesError(SourceState.DENIED, source, account.samples[0].reason)
    if not account.lines:
        return NoTracesError(SourceState.EMPTY, source)
    if account.unreadable_lines == account.lines:
        return NoTracesError(SourceState.BROKEN, source, f"{account.lines} damaged lines")
    ignored = f", {plural(account.ignored_files, 'file')} ignored" if account.ignored_files else ""
    return NoTracesError(SourceState.FOREIGN, source, f"{plural(account.lines, 'line')} of other telemetry{ignored}")


def session_key(row: SessionRow, place: tuple[int, int]) -> tuple[object, ...]:
    """Return the identity of a session. Without ids each record is a session of its own."""
    if not row.trace_id and not row.span_id:
        return place
    return row.process or (row.trace_id, row.span_id)


@dataclass(slots=True)
class _Rows:
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    sessions: dict[tuple[object, ...], SessionRow] = field(default_factory=dict)
    duplicates: int = 0

    def take(self, row: Row, place: tuple[int, int]) -> None:
        if isinstance(row, SessionRow):
            self._take_session(row, place)
            return
        known = self.decisions.get(row.decision_id)
        self.duplicates += known is not None
        if known is None or (row.span_name == DECISION and known.span_name != DECISION):
            self.decisions[row.decision_id] = row

    def _take_session(self, row: SessionRow, place: tuple[int, int]) -> None:
        key = session_key(row, place)
        known = self.sessions.get(key)
        if known is not None:
            # The later record tells more, and it may be read before the earlier one.
            row = replace(max(known, row, key=_told), time_ns=min(row.time_ns, known.time_ns))
        self.sessions[key] = row


def _told(row: SessionRow) -> tuple[int, int, bool]:
    return UNKNOWN_TESTS if row.tests is None else row.tests, len(row.uncovered), row.ended


def _by_age(found: Sequence[FileAccount]) -> Iterator[list[tuple[int, FileAccount]]]:
    """Yield the files that were last written at the same moment together, the newest first."""
    groups: dict[int, list[tuple[int, FileAccount]]] = {}
    for number, file in enumerate(found):
        if not file.error:
            groups.setdefault(file.mtime_ns, []).append((number, file))
    for moment in sorted(groups, reverse=True):
        yield groups[moment]


def _runs(path: Path, origins: decoding.Origins) -> Iterator[tuple[str, str, int, int]]:
    """Yield run, CI job, time and offset of each record of plane-guard in a file, without reading the decisions."""
    try:
        with open_regular(path) as stream:
            for line in lines(stream):
                if b"plane_guard." in line.data:
                    for run, job, time_ns in decoding.runs(otlp.document(line.data, []), origins):
                        yield run or NOBODY, job, time_ns, line.offset
    except OSError:
        return

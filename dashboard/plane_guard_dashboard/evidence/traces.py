"""Reads exported traces: OTLP-JSON lines in, typed rows and an exact account of what could not be read out.

Content of a file never raises. A source that gives nothing is a `NoTracesError` that says what to do.
Source files are only ever opened for reading.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import decoding, otlp
from plane_guard_dashboard.evidence.rows import DECISION, DecisionRow, SessionRow
from plane_guard_dashboard.evidence.sources import (
    Line,
    NoTracesError,
    SourceState,
    default_source,
    evidence_files,
    fingerprint,
    lines,
    open_regular,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Accounting",
    "BadLine",
    "NoTracesError",
    "SourceState",
    "Traces",
    "default_source",
    "fingerprint",
    "nothing",
    "read",
]

MOST_SAMPLES = 100
SECONDS_A_WRITER_MAY_TAKE = 60


@dataclass(frozen=True, slots=True)
class BadLine:
    """Where something could not be read, and why. `offset` is None when the file did not open."""

    file: str
    offset: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """How much was read, and how much was not."""

    files: int
    lines: int
    unreadable_lines: int
    unreadable_files: int
    pending_lines: int
    duplicates: int
    samples: tuple[BadLine, ...]


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything that a source holds, oldest first."""

    source: str
    decisions: tuple[DecisionRow, ...]
    sessions: tuple[SessionRow, ...]
    accounting: Accounting


def read(source: str | Path, *, now: float | None = None) -> Traces:
    """Read a folder of `*.jsonl` files, or one file. `now` (seconds) tells a torn line from a growing one."""
    reading = _Reading(time.time() if now is None else now)
    files = evidence_files(str(source))
    for path in files:
        reading.take_file(path)
    found = reading.result(str(source), len(files))
    if not found.decisions and not found.sessions:
        raise nothing(found.source, found.accounting)
    return found


def nothing(source: str, account: Accounting) -> NoTracesError:
    """Why a source that was read gave no row."""
    if account.files == account.unreadable_files:
        return NoTracesError(SourceState.DENIED, source, account.samples[0].reason)
    if not account.lines:
        return NoTracesError(SourceState.EMPTY, source)
    if account.unreadable_lines == account.lines:
        return NoTracesError(SourceState.BROKEN, source, f"{account.lines} damaged lines")
    return NoTracesError(SourceState.FOREIGN, source, f"{account.lines} lines of other spans")


@dataclass(slots=True)
class _Reading:
    now: float
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    sessions: dict[tuple[str, str], SessionRow] = field(default_factory=dict)
    samples: list[BadLine] = field(default_factory=list)
    lines: int = 0
    unreadable: int = 0
    unreadable_files: int = 0
    pending: int = 0
    duplicates: int = 0

    def take_file(self, path: Path) -> None:
        try:
            with open_regular(path) as file:
                for line in lines(file):
                    self.take_line(path, line)
        except OSError as error:
            self.unreadable_files += 1
            self.note(BadLine(path.name, None, error.strerror or str(error)))

    def take_line(self, path: Path, line: Line) -> None:
        problems: list[str] = []
        document = otlp.document(line.data, problems)
        if problems and not line.whole and not document and self.may_grow(path):
            self.pending += 1
            return
        for row in decoding.decode(document, problems):
            self.take_row(row)
        self.lines += 1
        if problems:
            self.unreadable += 1
            self.note(BadLine(path.name, line.offset, problems[0]))

    def take_row(self, row: DecisionRow | SessionRow) -> None:
        if isinstance(row, SessionRow):
            self.sessions.setdefault((row.trace_id, row.span_id), row)
            return
        known = self.decisions.get(row.decision_id)
        self.duplicates += known is not None
        if known is None or (row.span_name == DECISION and known.span_name != DECISION):
            self.decisions[row.decision_id] = row

    def may_grow(self, path: Path) -> bool:
        return self.now - path.stat().st_mtime < SECONDS_A_WRITER_MAY_TAKE

    def note(self, sample: BadLine) -> None:
        if len(self.samples) < MOST_SAMPLES:
            self.samples.append(replace(sample, file=otlp.text(sample.file)))

    def result(self, source: str, files: int) -> Traces:
        account = Accounting(
            files=files,
            lines=self.lines,
            unreadable_lines=self.unreadable,
            unreadable_files=self.unreadable_files,
            pending_lines=self.pending,
            duplicates=self.duplicates,
            samples=tuple(self.samples),
        )
        decisions = sorted(self.decisions.values(), key=lambda row: (row.time_ns, row.seq or 0, row.decision_id))
        sessions = sorted(self.sessions.values(), key=lambda row: row.time_ns)
        return Traces(source, tuple(decisions), tuple(sessions), account)

"""Read lines of source files into the database, batch by batch, and count them.

While much is read, a thread adds a batch to the database and this one reads the next: DuckDB runs without the
interpreter's lock. There is one such batch at a time, and the reader waits for it before it touches the state that both
share.
"""

from __future__ import annotations

import gc
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Protocol

from plane_guard_dashboard.evidence import otlp
from plane_guard_dashboard.evidence.sources import lines
from plane_guard_dashboard.evidence.traces import MOST_SAMPLES, SECONDS_A_WRITER_MAY_TAKE
from plane_guard_dashboard.store._batch import Batch
from plane_guard_dashboard.store._rows import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future

    from plane_guard_dashboard.evidence.sources import Line
    from plane_guard_dashboard.store._database import Database
    from plane_guard_dashboard.store._files import Seen
    from plane_guard_dashboard.store._follow import Tracked
    from plane_guard_dashboard.store.engine import Progress

ROWS_A_BATCH = 30_720
# DuckDB compresses rows by groups of 122,880. A transaction of a whole group is written once, a smaller one twice.
ROWS_A_COMMIT = 4 * ROWS_A_BATCH
_ROWS_TO_PACK = 2_048
_BYTES_TO_PACK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Torn:
    """A last line without its end. Until `due` its writer may go on; after that the line counts as damaged."""

    offset: int
    reason: str
    due: float
    pending: bool


class Destination(Protocol):
    """The state of a source that rows are read for."""

    database: Database
    tracked: dict[int, Tracked]

    def commit(self, read: Iterable[Tracked], torn: dict[int, Torn]) -> None:
        """Keep the rows that were read, and how far they reach."""


class Reading:
    """One run over the files that have grown. `flush` ends the run; `close` keeps what was read until then."""

    def __init__(self, ingest: Destination, progress: Progress | None, size: int) -> None:
        self._ingest = ingest
        self._progress = progress
        self._size = size
        self._seen = 0
        self._since_packed = 0
        self._reader = Reader()
        self._batch = Batch()
        self._read: dict[int, Tracked] = {}
        self._known: dict[int, Tracked] = {}  # progress that is not in the database yet
        self._torn: dict[int, Torn] = {}
        self._uncommitted: dict[int, Tracked] = {}
        self._uncommitted_torn: dict[int, Torn] = {}
        self._thread = ThreadPoolExecutor(1, "plane-guard-store")  # begins with its first batch
        self._beside: Future[None] | None = None
        self._samples = sum(len(one.samples) for one in ingest.tracked.values())

    def take(self, number: int, file: BinaryIO, seen: Seen) -> None:
        """Read a file from the end of the last reading to its size in the scan."""
        collects = gc.isenabled()
        gc.disable()  # a batch makes many objects and no cycle
        try:
            self._take(number, file, seen)
        finally:
            if collects:
                gc.enable()

    def _take(self, number: int, file: BinaryIO, seen: Seen) -> None:
        now = self._open(number)
        file.seek(now.offset)
        for line in lines(file, offset=now.offset):
            if line.offset >= seen.size or not self._line(now, line, seen):
                return
            if self._batch.loose >= _ROWS_TO_PACK or self._since_packed >= _BYTES_TO_PACK:
                self._pack()
                now = self._open(number)

    def _open(self, number: int) -> Tracked:
        if number not in self._read:
            known = self._known.get(number) or self._ingest.tracked[number]
            self._read[number] = replace(known, samples=[*known.samples])
        return self._read[number]

    def _line(self, now: Tracked, line: Line, seen: Seen) -> bool:
        """Take a line. Return False if it is the last one and not complete."""
        problems: list[str] = []
        document = otlp.document(line.data, problems)
        if problems and not line.whole and not document:
            due = seen.mtime_ns / 1e9 + SECONDS_A_WRITER_MAY_TAKE
            self._torn[now.number] = _torn(line, problems[0], due)
            return False
        self._reader.take(document, problems, (now.number, line.offset), self._batch)
        self._since_packed += line.end - now.offset
        now.offset = line.end
        now.lines += 1
        if problems:
            now.unreadable += 1
            if self._samples < MOST_SAMPLES:
                self._samples += 1
                now.samples.append((line.offset, problems[0]))
        return True

    def _pack(self) -> None:
        self._seen += self._since_packed
        self._since_packed = 0
        self._batch.pack()
        if len(self._batch) >= ROWS_A_BATCH:
            self._wait()
            self._beside = self._thread.submit(self._keep, *self._taken())
        if self._progress:
            self._progress(self._seen, self._size)

    def flush(self) -> None:
        """Put everything that was read into the database."""
        self._wait()
        self._keep(*self._taken())
        self._commit()

    def close(self) -> None:
        """Stop the thread and keep the batches that are whole. Of an interrupted run, too, nothing is read twice."""
        self._thread.shutdown()
        if self._uncommitted:
            self._commit()

    def _wait(self) -> None:
        if self._beside is not None:
            self._beside.result()
            self._beside = None

    def _taken(self) -> tuple[Batch, dict[int, Tracked], dict[int, Torn]]:
        """Return what was read since the last call."""
        taken = self._batch, self._read, self._torn
        self._known |= self._read
        self._batch, self._read, self._torn = Batch(), {}, {}
        return taken

    def _keep(self, batch: Batch, read: dict[int, Tracked], torn: dict[int, Torn]) -> None:
        database = self._ingest.database
        try:
            copies, holders = database.take(batch.tables())
        except BaseException:
            database.rollback()
            self._uncommitted, self._uncommitted_torn = {}, {}
            raise
        for number, one in read.items():
            self._uncommitted[number] = self._with_copies(one, copies, holders)
        self._uncommitted_torn |= torn
        if database.uncommitted >= ROWS_A_COMMIT:
            self._commit()

    def _commit(self) -> None:
        read, torn = self._uncommitted, self._uncommitted_torn
        self._uncommitted, self._uncommitted_torn = {}, {}
        self._ingest.commit(read.values(), torn)

    def _with_copies(self, one: Tracked, copies: dict[int, int], holders: dict[int, set[int]]) -> Tracked:
        known = self._uncommitted.get(one.number) or self._ingest.tracked[one.number]
        return replace(
            one,
            duplicates=known.duplicates + copies.get(one.number, 0),
            shadowed_by=sorted({*known.shadowed_by, *holders.get(one.number, ())}),
        )


def _torn(line: Line, reason: str, due: float) -> Torn:
    late = due <= time.time()
    return Torn(line.offset, reason, math.inf if late else due, pending=not late)

"""Reads lines of source files into the tail, batch by batch, and keeps the account of them.

While much is read, a batch is put into the tail and into files beside the reading of the next: the database and the
writing of files leave the interpreter to others. There is one such batch at a time, and nothing else is done meanwhile
to what the two share (`Ingest`): whoever wants to end or to go on with the next waits for it.
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
    from concurrent.futures import Future

    from plane_guard_dashboard.evidence.sources import Line
    from plane_guard_dashboard.store._database import Database
    from plane_guard_dashboard.store._files import Seen
    from plane_guard_dashboard.store._manifest import Tracked
    from plane_guard_dashboard.store.engine import Progress

ROWS_A_BATCH = 32_768
_ROWS_TO_PACK = 2_048
_BYTES_TO_PACK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Torn:
    """A last line that is not whole. Until `due` its writer may go on; after that it is damage."""

    offset: int
    reason: str
    due: float
    pending: bool


class Destination(Protocol):
    """The receiver of what is read."""

    database: Database
    tracked: dict[int, Tracked]

    def commit(self, read: dict[int, Tracked], torn: dict[int, Torn]) -> None:
        """Record how far the files were read, once their rows are in the tail."""

    def seal(self) -> None:
        """Move the tail into files if it has grown long."""


class Reading:
    """One run over the files that have grown. Nothing counts before it is in the tail; `flush` ends the run."""

    def __init__(self, ingest: Destination, progress: Progress | None, size: int) -> None:
        self._ingest = ingest
        self._progress = progress
        self._size = size
        self._seen = 0
        self._since_packed = 0
        self._reader = Reader()
        self._batch = Batch()
        self._read: dict[int, Tracked] = {}
        self._known: dict[int, Tracked] = {}  # how far reading is, where that is not in the tail yet
        self._torn: dict[int, Torn] = {}
        self._thread = ThreadPoolExecutor(1, "plane-guard-store")  # begins with its first batch
        self._beside: Future[None] | None = None
        self._samples = sum(len(one.samples) for one in ingest.tracked.values())

    def take(self, number: int, file: BinaryIO, seen: Seen) -> None:
        """Read a file from where it was left to where it ended when it was looked at."""
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
        """Take a line; False when it is the last and not whole."""
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
        """Put everything that was read into the tail, and the tail into files when it is long."""
        self._wait()
        self._keep(*self._taken())

    def close(self) -> None:
        """End what goes on beside, whatever comes of it."""
        self._thread.shutdown()

    def _wait(self) -> None:
        if self._beside is not None:
            self._beside.result()
            self._beside = None

    def _taken(self) -> tuple[Batch, dict[int, Tracked], dict[int, Torn]]:
        """What was read since it was last asked for."""
        taken = self._batch, self._read, self._torn
        self._known |= self._read
        self._batch, self._read, self._torn = Batch(), {}, {}
        return taken

    def _keep(self, batch: Batch, read: dict[int, Tracked], torn: dict[int, Torn]) -> None:
        copies, holders = self._ingest.database.take(batch.tables())
        kept = {number: self._with_copies(one, copies, holders) for number, one in read.items()}
        self._ingest.commit(kept, torn)
        self._ingest.seal()

    def _with_copies(self, one: Tracked, copies: dict[int, int], holders: dict[int, set[int]]) -> Tracked:
        known = self._ingest.tracked[one.number]
        return replace(
            one,
            duplicates=known.duplicates + copies.get(one.number, 0),
            shadowed_by=sorted({*known.shadowed_by, *holders.get(one.number, ())}),
        )


def _torn(line: Line, reason: str, due: float) -> Torn:
    late = due <= time.time()
    return Torn(line.offset, reason, math.inf if late else due, pending=not late)

"""Send the lines of evidence files in batches, isolate lines that are refused, and keep exact counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.shipping.answers import Answer
from plane_guard_dashboard.shipping.batches import batches, body, end_of, item_at, items
from plane_guard_dashboard.shipping.http import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from plane_guard_dashboard.shipping.batches import Files, Item
    from plane_guard_dashboard.shipping.checkpoint import Checkpoint, FileProgress

MOST_REFUSED_IN_A_ROW = 100


@dataclass(slots=True)
class Counts:
    """Lines by outcome. `rejected` counts spans, and `stopped` says why not everything was tried."""

    files: int = 0
    before: int = 0
    now: int = 0
    unsent: int = 0
    rejected: int = 0
    refused: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    stopped: str = ""

    @property
    def lines(self) -> int:
        """The number of all lines."""
        return self.before + self.now + self.unsent + len(self.refused) + len(self.waiting)

    @property
    def complete(self) -> bool:
        """True if all of it was accepted."""
        missing = self.unsent + self.rejected + len(self.refused) + len(self.waiting) + len(self.unreadable)
        return not missing and not self.stopped


@dataclass(slots=True)
class Uploader:
    """Sends the files of one call to one destination."""

    files: Files
    checkpoint: Checkpoint
    post: Callable[[bytes], Answer]
    advance: Callable[[int], object]  # gets each number of bytes that need not be sent again
    counts: Counts = field(default_factory=Counts)
    refused_in_a_row: int = 0

    def run(self) -> Counts:
        """Send each file up to its present end. Never raises for the content of files or for answers."""
        self.counts.files = len(self.files.sent)
        self.counts.unreadable += filter(None, [self.files.cut])
        for batch in batches(self._items()):
            self._send(batch)
        for path in self.files.sent:
            name = self.files.name(path)
            progress = self.checkpoint.files.get(name)
            refused = progress.refused.items() if progress else ()
            self.counts.refused += [f"{name}, byte {offset}: {reason}" for offset, reason in refused]
        self.counts.rejected = self.checkpoint.rejected
        return self.counts

    def _items(self) -> Iterator[Item]:
        for path in self.files.sent:
            try:
                yield from self._lines(path)
            except OSError as error:
                self.counts.unreadable.append(f"{self.files.name(path)}: {error.strerror or error}")

    def _lines(self, path: Path) -> Iterator[Item]:
        """Yield lines that were refused before, then new ones. An incomplete line at the end waits."""
        progress = self.checkpoint.of(path, self.files.name(path))
        self.counts.before += progress.accepted
        self.advance(progress.offset)
        for offset in list(progress.refused):
            item = item_at(path, int(offset))
            if item is not None and not item.problem:
                yield item
        for item in items(path, progress.offset, end_of(path)):
            if item.waits:
                self.counts.waiting.append(f"{self.files.name(path)}, byte {item.start}: {item.problem}")
            else:
                yield item

    def _send(self, batch: Sequence[Item]) -> None:
        """Send a batch. Halve one that is refused until the bad line is alone, so that the others are accepted."""
        try:
            answer = self._answer(batch)
        except StoppedError as stop:
            self.counts.stopped = str(stop)
            self.counts.unsent += sum(str(item.start) not in self._progress(item).refused for item in batch)
            return
        if answer.refused and len(batch) > 1:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
            return
        self._record(batch, answer)

    def _answer(self, batch: Sequence[Item]) -> Answer:
        if self.counts.stopped:
            raise StoppedError(self.counts.stopped)
        return self.post(body(batch)) if any(item.fragment for item in batch) else Answer()

    def _record(self, batch: Sequence[Item], answer: Answer) -> None:
        for item in batch:
            self._record_line(item, answer.refused or item.problem)
        self.checkpoint.rejected += answer.rejected
        self.checkpoint.message = answer.message or self.checkpoint.message
        self.checkpoint.save()
        self.refused_in_a_row = self.refused_in_a_row + 1 if answer.refused else 0
        if self.refused_in_a_row == MOST_REFUSED_IN_A_ROW:
            self.counts.stopped = (
                f"{MOST_REFUSED_IN_A_ROW} lines in a row were refused. Does --endpoint name a collector?"
            )

    def _record_line(self, item: Item, refusal: str) -> None:
        progress = self._progress(item)
        if item.end > progress.offset:
            progress.offset = item.end
            self.advance(item.end - item.start)
        if refusal:
            progress.refused[str(item.start)] = refusal
            return
        progress.refused.pop(str(item.start), None)
        progress.accepted += 1
        self.counts.now += 1

    def _progress(self, item: Item) -> FileProgress:
        return self.checkpoint.files[self.files.name(item.path)]

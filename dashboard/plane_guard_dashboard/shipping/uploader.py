"""Carries cargo to a collector: batches, what one bad line does to its batch, the ledger, exact counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.shipping import batches as _cargo
from plane_guard_dashboard.shipping.http import Answer, StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from plane_guard_dashboard.shipping.batches import Item
    from plane_guard_dashboard.shipping.checkpoint import Account, Ledger

MOST_REFUSED_IN_A_ROW = 100


@dataclass(slots=True)
class Counts:
    """Lines, by what became of them; `rejected` are spans, and `stopped` says why not everything was tried."""

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
        """Every line there was."""
        return self.before + self.now + self.unsent + len(self.refused) + len(self.waiting)

    @property
    def complete(self) -> bool:
        """Whether all of it was accepted."""
        missing = self.unsent + self.rejected + len(self.refused) + len(self.waiting) + len(self.unreadable)
        return not missing and not self.stopped


@dataclass(slots=True)
class Shipment:
    """The files of one call on their way to one endpoint."""

    ledger: Ledger
    post: Callable[[bytes], Answer]
    arrived: Callable[[int], object]  # hears of each number of bytes that need not be sent again
    counts: Counts = field(default_factory=Counts)
    refused_in_a_row: int = 0

    def carry(self, files: Sequence[tuple[Path, int]]) -> Counts:
        """Send each file up to its size; never raises for what is in them or for what the collector answers."""
        self.counts.files = len(files)
        for batch in _cargo.batches(self._cargo(files)):
            self._send(batch)
        for path, _ in files:
            account = self.ledger.accounts.get(path.name)
            refused = account.refused.items() if account else ()
            self.counts.refused += [f"{path.name}, byte {offset}: {reason}" for offset, reason in refused]
        self.counts.rejected = self.ledger.rejected
        return self.counts

    def _cargo(self, files: Sequence[tuple[Path, int]]) -> Iterator[Item]:
        for path, size in files:
            try:
                yield from self._lines(path, size)
            except OSError as error:
                self.counts.unreadable.append(f"{path.name}: {error.strerror or error}")

    def _lines(self, path: Path, size: int) -> Iterator[Item]:
        """What was refused before, then what is new. An incomplete line at the end waits."""
        account = self.ledger.of(path)
        self.counts.before += account.accepted
        self.arrived(account.offset)
        for offset in list(account.refused):
            item = _cargo.item_at(path, int(offset))
            if item is not None and not item.problem:
                yield item
        for item in _cargo.items(path, account.offset, size):
            if item.waits:
                self.counts.waiting.append(f"{path.name}, byte {item.start}: {item.problem}")
            else:
                yield item

    def _send(self, batch: Sequence[Item]) -> None:
        """A batch with a bad line in it is halved until that line is alone; the rest goes on."""
        try:
            answer = self._answer(batch)
        except StoppedError as stop:
            self.counts.stopped = str(stop)
            self.counts.unsent += sum(str(item.start) not in self._account(item).refused for item in batch)
            return
        if answer.refused and len(batch) > 1:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
            return
        self._note(batch, answer)

    def _answer(self, batch: Sequence[Item]) -> Answer:
        if self.counts.stopped:
            raise StoppedError(self.counts.stopped)
        return self.post(_cargo.body(batch)) if any(item.fragment for item in batch) else Answer()

    def _note(self, batch: Sequence[Item], answer: Answer) -> None:
        for item in batch:
            self._note_line(item, answer.refused or item.problem)
        self.ledger.rejected += answer.rejected
        self.ledger.message = answer.message or self.ledger.message
        self.ledger.save()
        self.refused_in_a_row = self.refused_in_a_row + 1 if answer.refused else 0
        if self.refused_in_a_row == MOST_REFUSED_IN_A_ROW:
            self.counts.stopped = (
                f"{MOST_REFUSED_IN_A_ROW} lines in a row were refused. Is it a collector that answers?"
            )

    def _note_line(self, item: Item, refusal: str) -> None:
        account = self._account(item)
        if item.end > account.offset:
            account.offset = item.end
            self.arrived(item.end - item.start)
        if refusal:
            account.refused[str(item.start)] = refusal
            return
        account.refused.pop(str(item.start), None)
        account.accepted += 1
        self.counts.now += 1

    def _account(self, item: Item) -> Account:
        return self.ledger.accounts[item.path.name]

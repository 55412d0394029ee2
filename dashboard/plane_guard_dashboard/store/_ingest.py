"""Keep the database in step with the source files."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from plane_guard_dashboard.evidence.sources import open_regular
from plane_guard_dashboard.store import _files
from plane_guard_dashboard.store._follow import follow
from plane_guard_dashboard.store._read import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plane_guard_dashboard.evidence.traces import BadLine
    from plane_guard_dashboard.store._database import Database
    from plane_guard_dashboard.store._files import Seen
    from plane_guard_dashboard.store._follow import Tracked
    from plane_guard_dashboard.store._read import Torn
    from plane_guard_dashboard.store.engine import Progress

# The caller's mistake, or too little memory: no sign of a damaged file.
_NO_DAMAGE = (duckdb.ProgrammingError, duckdb.OutOfMemoryException)
BYTES_THAT_ARE_MUCH = 32 * 1024 * 1024


class Ingest:
    """Reading state of a source in one process. One thread at a time may use it."""

    def __init__(self, source: str, database: Database) -> None:
        self.source = source
        self.database = database
        self.version = 0
        self.live: dict[int, Seen] = {}
        self.tracked: dict[int, Tracked] = {}
        self.torn: dict[int, Torn] = {}
        self.denied: tuple[BadLine, ...] = ()
        self.found: tuple[Seen, ...] = ()
        self.ignored = 0
        self._opened = 0
        self._done: object = None
        self._read_at: dict[int, Seen] = {}
        self._keys: dict[Seen, str] = {}

    def update(self, progress: Progress | None = None) -> None:
        """Read what is new.

        Raises:
            NoTracesError: There is no file.
        """
        try:
            self._update(progress)
        except duckdb.Error as error:
            if isinstance(error, _NO_DAMAGE) or not (self.heal(error) or self.database.move_to_memory(error)):
                raise
            self._update_in_memory(progress)

    def _update_in_memory(self, progress: Progress | None) -> None:
        """Read again after an error; after another one, without a file."""
        try:
            self._update(progress)
        except duckdb.Error as error:
            if isinstance(error, _NO_DAMAGE) or not self.database.move_to_memory(error):
                raise
            self._update(progress)

    def heal(self, error: duckdb.Error) -> bool:
        """After an error, return True if the file was damaged. Then the database is empty."""
        if isinstance(error, _NO_DAMAGE) or not self.database.damaged():
            return False
        self.database.start_again()
        return True

    def _update(self, progress: Progress | None) -> None:
        found, self.ignored = _files.scan(self.source)
        self.database.start()
        due = any(torn.due <= time.time() for torn in self.torn.values())
        if found == self._done and self.database.opened == self._opened and not due:
            return
        self._done = None
        self.version += 1
        if self.database.opened != self._opened:
            self._adopt()
        self.found = found
        self._follow()
        self._read([number for number, seen in self.live.items() if self._has_more(number, seen)], progress)
        self.version += 1
        self._done = found

    def _adopt(self) -> None:
        """Begin with what the database holds."""
        self.tracked = {one.number: one for one in self.database.tracked()}
        self.torn, self._read_at = {}, {}
        self._opened = self.database.opened

    def _follow(self) -> None:
        """Match files to those before, and delete the rows of files that are gone."""
        now = follow(self.found, self.tracked, self._keys)
        if now.gone:
            self.database.forget(now.gone)
        self.tracked, self.live, self._keys, self.denied = now.tracked, now.live, now.keys, now.denied
        self.torn = {number: torn for number, torn in self.torn.items() if number in now.live}

    def _has_more(self, number: int, seen: Seen) -> bool:
        if number in self.torn and self.torn[number].due <= time.time():
            return True
        return seen.size > self.tracked[number].offset and seen != self._read_at.get(number)

    def _read(self, new: list[int], progress: Progress | None) -> None:
        size = sum(self.live[one].size - self.tracked[one].offset for one in new)
        with self._little_room(size), contextlib.closing(Reading(self, progress, size)) as reading:
            for number in new:
                seen = self.live[number]
                # A file that is gone by now is missing in the next scan.
                with contextlib.suppress(OSError), open_regular(Path(seen.path)) as file:
                    if _files.identity(file) == self.tracked[number].key:
                        reading.take(number, file, seen)
            reading.flush()
        self._read_at |= {number: self.live[number] for number in new}

    @contextlib.contextmanager
    def _little_room(self, size: int) -> Iterator[None]:
        if size < BYTES_THAT_ARE_MUCH:
            yield
            return
        self.database.share(reading=True)
        try:
            yield
        finally:
            with contextlib.suppress(duckdb.Error):
                self.database.share(reading=False)

    def commit(self, read: Iterable[Tracked], torn: dict[int, Torn]) -> None:
        """Keep the rows that were read, and how far they reach."""
        now = {one.number: one for one in read}
        self.database.commit(now.values())
        self.tracked = {**self.tracked, **now}
        self.torn = {number: one for number, one in self.torn.items() if number not in now} | torn
        self.version += 1

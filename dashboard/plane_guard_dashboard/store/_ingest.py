"""Keeps the database in step with the source files, and the cache in step with both.

Each process reads for itself what no manifest has yet, into its tail. One of them, whoever gets the lock, moves its
tail into files and publishes how far that reaches; the others then drop their own tails and go on from there.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from plane_guard_dashboard.evidence.sources import open_regular
from plane_guard_dashboard.store import _files
from plane_guard_dashboard.store._compact import compacted
from plane_guard_dashboard.store._follow import follow
from plane_guard_dashboard.store._manifest import Manifest, Tracked
from plane_guard_dashboard.store._read import Reading

if TYPE_CHECKING:
    from plane_guard_dashboard.evidence.traces import BadLine
    from plane_guard_dashboard.store._cache import Cache
    from plane_guard_dashboard.store._database import Database
    from plane_guard_dashboard.store._files import Seen
    from plane_guard_dashboard.store._read import Torn
    from plane_guard_dashboard.store.engine import Progress

ROWS_TO_SEAL = 5_000
BYTES_TO_READ_ALONE = 32 * 1024 * 1024
_SECONDS_TO_WAIT = 60


class _OvertakenError(Exception):
    """Another process has published more: begin again from there."""


class Ingest:
    """Reading state of a source in one process. One thread at a time may use it."""

    def __init__(self, source: str, cache: Cache, database: Database) -> None:
        self.source = source
        self.cache = cache
        self.database = database
        self.version = 0
        self.live: dict[int, Seen] = {}
        self.tracked: dict[int, Tracked] = {}
        self.torn: dict[int, Torn] = {}
        self.denied: tuple[BadLine, ...] = ()
        self.found: tuple[Seen, ...] = ()
        self.ignored = 0
        self._manifest = Manifest()
        self._next = 1
        self._stamp: object = None
        self._checked = False
        self._done: object = None
        self._read_at: dict[int, Seen] = {}
        self._keys: dict[Seen, str] = {}

    def update(self, progress: Progress | None = None) -> None:
        """Read what is new.

        Raises:
            NoTracesError: There is no file.
        """
        while True:
            try:
                self._update(progress)
            except _OvertakenError:
                continue
            except duckdb.Error:
                if not self.heal():
                    raise
                continue
            return

    def heal(self) -> bool:
        """After an answer that failed: True when the files of the cache were the reason, and no longer are."""
        if self.cache.stamp() == self._stamp and self.cache.intact(self._manifest):
            return False
        self._adopt(checked=False)
        return True

    def _update(self, progress: Progress | None) -> None:
        (found, self.ignored), stamp = _files.scan(self.source), self.cache.stamp()
        due = any(torn.due <= time.time() for torn in self.torn.values())
        if (found, stamp) == self._done and not due:
            return
        self._done = None
        self.version += 1
        if stamp != self._stamp:
            self._adopt(checked=self._checked)
        self.found = found
        self._follow()
        new = [number for number, seen in self.live.items() if self._has_more(number, seen)]
        size = sum(self.live[number].size - self.tracked[number].offset for number in new)
        if size < BYTES_TO_READ_ALONE:
            self._read(new, progress)
        else:
            self._read_alone(new, size, progress)
        self.version += 1
        self._done = found, self._stamp

    def _adopt(self, *, checked: bool) -> None:
        """Begin with what is published; without anything when that is damaged."""
        self._stamp = self.cache.stamp()
        manifest = self.cache.load()
        if not checked and not self.cache.intact(manifest):
            manifest = Manifest()
        self._checked = True
        try:
            self.database.start(manifest.segments)
        except duckdb.Error:
            manifest = Manifest()
            self.database.start(())
        self._manifest, self._next = manifest, manifest.next_number
        self.tracked = {one.number: one for one in manifest.tracked}
        self.torn, self._read_at = {}, {}

    def _follow(self) -> None:
        """Find out which file is which, and let go of the rows of those that are gone."""
        now = follow(self.found, self.tracked, self._keys, self._next)
        if now.gone:
            self.database.show(self._manifest.segments, self._gone(now.live) | now.gone)
        self.tracked, self.live, self._keys, self._next = now.tracked, now.live, now.keys, now.next_number
        self.denied = now.denied
        self.torn = {number: torn for number, torn in self.torn.items() if number in now.live}

    def _gone(self, live: dict[int, Seen]) -> set[int]:
        return {number for one in self._manifest.segments for number in one.sources} - set(live)

    def _has_more(self, number: int, seen: Seen) -> bool:
        if number in self.torn and self.torn[number].due <= time.time():
            return True
        return seen.size > self.tracked[number].offset and seen != self._read_at.get(number)

    def _read_alone(self, new: list[int], size: int, progress: Progress | None) -> None:
        """Read much: it is enough that one process does, and the others wait for it."""
        seen, until = self._stamp, time.monotonic() + _SECONDS_TO_WAIT
        while time.monotonic() < until:
            with self.cache.writing() as mine:
                stamp = self.cache.stamp()
                if mine and stamp != self._stamp:
                    raise _OvertakenError
                if mine or self.cache.trouble:
                    self._read(new, progress)
                    return
            if stamp != seen:
                seen, until = stamp, time.monotonic() + _SECONDS_TO_WAIT
            if progress:
                progress(0, size)
            time.sleep(0.1)
        self._read(new, progress)

    def _read(self, new: list[int], progress: Progress | None) -> None:
        size = sum(self.live[one].size - self.tracked[one].offset for one in new)
        with contextlib.closing(Reading(self, progress, size)) as reading:
            for number in new:
                seen = self.live[number]
                try:
                    with open_regular(Path(seen.path)) as file:
                        if _files.identity(file) == self.tracked[number].key:
                            reading.take(number, file, seen)
                except OSError:
                    pass  # gone since: the next look will say so
            reading.flush()
        self._read_at |= {number: self.live[number] for number in new}

    def seal(self) -> None:
        """Move the tail into files if it has grown long, and out of files what is gone."""
        if self.database.waiting() < ROWS_TO_SEAL and not self._gone(self.live):
            return
        with self.cache.writing() as mine:
            if not mine:
                return
            if self.cache.stamp() != self._stamp:
                raise _OvertakenError
            try:
                self._publish()
            except OSError as error:
                self.cache.trouble = f"{self.cache.folder} cannot be written: {error.strerror or error}"

    def _publish(self) -> None:
        segments = compacted(self.cache, self.database, self._manifest.segments, self._gone(self.live))
        manifest = Manifest(tuple(self.tracked.values()), tuple(segments), self._next)
        self.cache.publish(manifest, self._manifest)
        self.database.sealed(manifest.segments)
        self._manifest, self._stamp = manifest, self.cache.stamp()

    def commit(self, read: dict[int, Tracked], torn: dict[int, Torn]) -> None:
        """Move the read rows to the tail."""
        self.tracked = {**self.tracked, **read}
        self.torn = {number: one for number, one in self.torn.items() if number not in read} | torn
        self.version += 1

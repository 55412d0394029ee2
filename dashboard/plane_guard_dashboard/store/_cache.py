"""The folder of a cache: one DuckDB file with the rows of a source.

A DuckDB file belongs to one process at a time. The first process to take the lock uses the kept file. Every other
process reads the source into a file of its own, which is deleted when the process ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING

from plane_guard_dashboard.store import _lock
from plane_guard_dashboard.store._layout import SCHEMA
from plane_guard_instrumentation.runtime import processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_logger = logging.getLogger("plane_guard")
DATABASE = "rows.duckdb"
ORIGIN = "origin"
OLD_MANIFEST = "manifest.json"
_OWN = "rows-"
_LOCK = "writer.lock"
_BUSY = (BlockingIOError, PermissionError)  # raised by flock and msvcrt while another process holds the lock


def folder_of(source: str, environ: Mapping[str, str]) -> Path:
    """Return the folder of a source's cache. Each layout has its own, so that two versions do not undo each other."""
    return all_caches(environ) / f"{mark_of(source)}-{SCHEMA[:8]}"


def mark_of(source: str) -> str:
    """Return the part of the folder's name that stands for the source."""
    return hashlib.sha256(os.path.realpath(source).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def all_caches(environ: Mapping[str, str]) -> Path:
    """Return the folder that holds the folders of all caches."""
    base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.path.abspath(base), "plane-guard")


def discard_old_format(source: str, environ: Mapping[str, str]) -> None:
    """Delete the caches of versions that kept Parquet files and a manifest."""
    for manifest in all_caches(environ).glob(f"{mark_of(source)}*/{OLD_MANIFEST}"):
        old = manifest.parent
        _logger.warning("The dashboard discards the cache of an older version in %s and reads the traces again.", old)
        shutil.rmtree(old, ignore_errors=True)


class Cache:
    """The folder of one source. `trouble` says why this process does not use the kept file, if so."""

    def __init__(self, folder: Path, origin: str = "") -> None:
        self.folder = folder
        self.origin = origin
        self.trouble = ""
        self._held: IO[bytes] | None = None

    def claim(self) -> Path | None:
        """Return the database file for this process, or None if there can be none."""
        if self._lock():
            self._remove_leftovers()
            return self.folder / DATABASE
        if self.trouble:
            return None
        self.trouble = (
            f"Another dashboard uses the cache in {self.folder}. This one keeps its rows until it ends. "
            "To use the cache here, stop the other one and start this one again."
        )
        return self.folder / f"{_OWN}{os.getpid()}-{uuid.uuid4().hex[:8]}.duckdb"

    def release(self, file: Path | None) -> None:
        """Let another process use the kept file, and delete a file of this process alone."""
        if file is not None and file.name != DATABASE:
            delete(file)
        if self._held is not None:
            self._held.close()
            self._held = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the lock. False while another process holds it, or if there can be no lock."""
        held = self._lock()
        try:
            yield held
        finally:
            self.release(None)

    def unusable(self, reason: object) -> None:
        """Record that no rows can be kept in the folder."""
        self.trouble = f"{self.folder} cannot be written: {reason}"

    def _lock(self) -> bool:
        file = None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.folder / _LOCK).open("ab")
            _lock.take(file)
            self._write_origin()
        except OSError as error:
            if file is not None:
                file.close()
            if file is None or not isinstance(error, _BUSY):
                self.unusable(error.strerror or error)
            return False
        self._held = file
        return True

    def _write_origin(self) -> None:
        if self.origin:
            (self.folder / ORIGIN).write_bytes(os.fsencode(self.origin))

    def _remove_leftovers(self) -> None:
        """Delete the files of processes that were killed."""
        for path in self.folder.glob(f"{_OWN}*-*"):
            pid = path.name.split("-")[1]
            if not (pid.isdecimal() and processes.is_running(int(pid))):
                _delete(path)


def delete(file: Path) -> None:
    """Delete a database with its log and the folder to which it moved what did not fit in memory."""
    for path in (file, file.with_name(f"{file.name}.wal"), spill_folder(file)):
        _delete(path)


def spill_folder(file: Path) -> Path:
    """Return the folder for what does not fit in memory. It is not in /tmp, which is memory on many machines."""
    return file.with_name(f"{file.name}.tmp")


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

"""The folder of a cache: a manifest, the Parquet files that it lists, and the lock of the one who writes.

A Parquet file is complete before the manifest names it, and the manifest is replaced in one step: whoever is killed in
between leaves a file that nobody names, which the next writer removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import uuid
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from plane_guard_dashboard.store import _lock
from plane_guard_dashboard.store._manifest import SCHEMA, Manifest, Segment
from plane_guard_instrumentation.runtime import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Stamp = tuple[int, int, int] | None

_logger = logging.getLogger("plane_guard")
MANIFEST = "manifest.json"
SPILL = "spill-"
_WRITER = "writer.lock"
_BUSY = (BlockingIOError, PermissionError)  # what flock and msvcrt say when another process holds the lock


def folder_of(source: str, environ: Mapping[str, str]) -> Path:
    """Return the folder of a source's cache. Each layout has its own, so that two versions do not undo each other."""
    return all_caches(environ) / f"{mark_of(source)}-{SCHEMA[:8]}"


def mark_of(source: str) -> str:
    """Return the part of the folder's name that stands for the source."""
    return hashlib.sha256(os.path.realpath(source).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def discard_old_format(source: str, environ: Mapping[str, str]) -> None:
    """Delete the cache of a version that did not have a folder for each layout."""
    old = all_caches(environ) / mark_of(source)
    if (old / MANIFEST).is_file():
        _logger.warning("The dashboard discards the cache of an older version in %s and reads the traces again.", old)
        shutil.rmtree(old, ignore_errors=True)


def all_caches(environ: Mapping[str, str]) -> Path:
    """The folder of the folders."""
    base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.path.abspath(base), "plane-guard")


def spill_folder(folder: Path) -> Path:
    """Return a new folder for what does not fit in the memory of this process, below one that is there."""
    with contextlib.suppress(OSError):  # then only queries that need it fail
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{SPILL}{os.getpid()}-{uuid.uuid4().hex[:8]}"


class Cache:
    """One folder. `trouble` says why nothing can be kept in it, if so."""

    def __init__(self, folder: Path, origin: str = "") -> None:
        self.folder = folder
        self.origin = origin
        self.trouble = ""
        self._held: IO[bytes] | None = None

    def stamp(self) -> Stamp:
        """Changes whenever another manifest is published; None where there is none."""
        try:
            found = os.stat(self.folder / MANIFEST)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def load(self) -> Manifest:
        """What is published; what is damaged, or of another version, counts as nothing."""
        while True:
            before = self.stamp()
            try:
                manifest = Manifest.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
                whole = all(os.stat(self.folder / one.name).st_size == one.size for one in manifest.segments)
            except (OSError, ValueError):
                whole = False
            if whole:
                return manifest
            if self.stamp() == before:
                if before is not None:
                    _logger.warning("The cache in %s is damaged. The dashboard reads the traces again.", self.folder)
                return Manifest()

    def intact(self, manifest: Manifest) -> bool:
        """Return true if every file of the manifest is as it was written."""
        try:
            return all(_checksum(self.folder / one.name) == one.checksum for one in manifest.segments)
        except OSError:
            return False

    @contextlib.contextmanager
    def writing(self) -> Iterator[bool]:
        """Try to become the one who writes; False where another process is, or nobody can."""
        if self._held is not None:
            yield True
            return
        self._held = self._take()
        try:
            yield self._held is not None
        finally:
            if self._held is not None:
                self._held.close()
                self._held = None

    def _take(self) -> IO[bytes] | None:
        file = None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.folder / _WRITER).open("ab")
            _lock.take(file)
        except OSError as error:
            if file is not None:
                file.close()
            if file is None or not isinstance(error, _BUSY):
                self.trouble = f"{self.folder} cannot be written: {error.strerror or error}"
            return None
        self.trouble = ""
        return file

    def write(self, kind: str, store: Callable[[str], tuple[int, tuple[int, ...]]]) -> Segment:
        """Make a Parquet file that no manifest names yet.

        `store` writes it to the path that it is given, and says how many rows of which sources are in it.
        """
        path = self.folder / f"{kind}-{uuid.uuid4().hex[:16]}.parquet"
        with _temporary(path.with_suffix(".tmp")) as unfinished:
            rows, sources = store(str(unfinished))
            checksum = _checksum(unfinished)
            os.replace(unfinished, path)
        return Segment(kind, path.name, rows, path.stat().st_size, checksum, sources)

    def publish(self, manifest: Manifest, before: Manifest) -> None:
        """Make a manifest the current one. Its predecessor's files stay for those who still read them."""
        with _temporary(self.folder / "manifest.tmp") as unfinished:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(manifest.dumps(self.origin))
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self.folder / MANIFEST)
        named = {one.name for one in (*manifest.segments, *before.segments)} | {MANIFEST, _WRITER}
        for path in self.folder.iterdir():
            if path.name.startswith(SPILL):
                if not processes.is_running(int(path.name.split("-")[1])):
                    shutil.rmtree(path, ignore_errors=True)
            elif path.name not in named:
                with contextlib.suppress(OSError):
                    path.unlink()


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Delete a file that was not finished. On a full disk it would keep the disk full."""
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _checksum(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            found = zlib.crc32(data, found)
    return found

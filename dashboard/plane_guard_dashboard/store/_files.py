"""The source files as they lie there: which there are, and which of them is which after a rotation."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from plane_guard_dashboard.evidence.otlp import text
from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState, evidence_files, open_regular
from plane_guard_dashboard.evidence.traces import BadLine

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENDING = ".jsonl"
_HEAD = 64 * 1024


class Seen(NamedTuple):
    """A file at one moment. `mtime_ns` is 0 when it could not be looked at."""

    path: str
    inode: int
    size: int
    mtime_ns: int

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return os.path.basename(self.path)


def scan(source: str) -> tuple[Seen, ...]:
    """Every file of a source, in the order in which they were last written.

    Raises:
        NoTracesError: There is none.
    """
    try:
        with os.scandir(source) as entries:
            paths = [entry.path for entry in entries if entry.name.endswith(_ENDING) and entry.name != _ENDING]
    except (OSError, ValueError):
        return _look(map(str, evidence_files(source)))
    if not paths:
        raise NoTracesError(SourceState.EMPTY, source)
    return _look(paths)


def _look(paths: Iterable[str]) -> tuple[Seen, ...]:
    return tuple(sorted(map(_seen, paths), key=lambda seen: (seen.mtime_ns, seen.path)))


def _seen(path: str) -> Seen:
    try:
        found = os.stat(path)
    except OSError:
        return Seen(path, 0, 0, 0)
    return Seen(path, found.st_ino, found.st_size, found.st_mtime_ns)


def identity(file: BinaryIO) -> str:
    """What stays the same while a file grows or is renamed, and changes when it is written anew: inode and first line.

    The line counts up to a length that takes in the ids of its first span: what stands before, the resource, is the
    same in many files.
    """
    file.seek(0)
    head = file.read(_HEAD).lstrip().partition(b"\n")[0].rstrip()
    return f"{os.fstat(file.fileno()).st_ino:x}-{hashlib.sha256(head).hexdigest()[:24]}"


def key_of(seen: Seen, denied: list[BadLine]) -> str | None:
    """The identity of a file; of one that cannot be opened, `denied` says why."""
    try:
        with open_regular(Path(seen.path)) as file:
            return identity(file)
    except OSError as error:
        denied.append(BadLine(text(seen.name), None, error.strerror or str(error)))
        return None

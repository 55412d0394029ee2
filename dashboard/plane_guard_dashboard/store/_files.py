"""The files of a source, and their identity across rotations."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from plane_guard_dashboard.evidence.otlp import text
from plane_guard_dashboard.evidence.packing import DamagedError, unpacked_size
from plane_guard_dashboard.evidence.sources import contents, label, no_files, open_regular
from plane_guard_dashboard.evidence.traces import BadLine

_HEAD = 64 * 1024


class Seen(NamedTuple):
    """The state of a file, and its name for people. `mtime_ns` is 0 if the file cannot be accessed.

    `size` counts bytes of unpacked UTF-8, like offsets.
    """

    path: str
    inode: int
    size: int
    mtime_ns: int
    name: str


class Scan(NamedTuple):
    """The files of a source in the order in which they were last written, and the number of other files."""

    found: tuple[Seen, ...]
    ignored: int


def scan(source: str) -> Scan:
    """List the files of a source.

    Raises:
        NoTracesError: There is none.
    """
    listing = contents(source)
    if not listing.files:
        raise no_files(source, listing)
    seen = [_seen(path, source) for path in listing.files]
    return Scan(tuple(sorted(seen, key=lambda one: (one.mtime_ns, one.path))), listing.ignored)


def _seen(path: Path, source: str) -> Seen:
    name = label(path, source)
    try:
        found = path.stat()
    except OSError:
        return Seen(str(path), 0, 0, 0, name)
    size = unpacked_size(str(path), found.st_ino, found.st_size, found.st_mtime_ns)
    return Seen(str(path), found.st_ino, size, found.st_mtime_ns, name)


def identity(file: BinaryIO) -> str:
    """Return inode and first line, which stay the same while a file grows or is renamed.

    The part of the line that counts is long enough for the ids of its first span. The resource before them is the same
    in many files.
    """
    file.seek(0)
    try:
        head = file.read(_HEAD).lstrip().partition(b"\n")[0].rstrip()
    except DamagedError:  # the reader takes the lines before the damage and reports it
        head = b""
    return f"{os.fstat(file.fileno()).st_ino:x}-{hashlib.sha256(head).hexdigest()[:24]}"


def key_of(seen: Seen, denied: list[BadLine]) -> str | None:
    """Return the identity of a file, or None and a reason in `denied` if it cannot be opened."""
    try:
        with open_regular(Path(seen.path)) as file:
            return identity(file)
    except OSError as error:
        denied.append(BadLine(text(seen.name), None, error.strerror or str(error)))
        return None

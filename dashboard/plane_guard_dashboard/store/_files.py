"""The source files as they lie there: which there are, and which of them is which after a rotation."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from plane_guard_dashboard.evidence.otlp import text
from plane_guard_dashboard.evidence.packing import unpacked_size
from plane_guard_dashboard.evidence.sources import contents, label, no_files, open_regular
from plane_guard_dashboard.evidence.traces import BadLine

_HEAD = 64 * 1024


class Seen(NamedTuple):
    """A file at one moment, and its name for people. `mtime_ns` is 0 if it could not be looked at.

    `size` is that of the UTF-8 in the file, which offsets refer to.
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
    """Identity of a file while it grows or is renamed, until it is written anew: inode and first line.

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

"""Where traces lie: the files of a folder, the lines of a file, and what to say when there are none."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_FOLDER = ".plane-guard"
LONGEST_LINE = 256 * 1024 * 1024
READ_AT_ONCE = 256 * 1024


class SourceState(StrEnum):
    """Why a source gave nothing."""

    MISSING = "missing"
    EMPTY = "empty"
    DENIED = "denied"
    BROKEN = "broken"
    FOREIGN = "foreign"
    UNSUPPORTED = "unsupported"


_RUN = "run your tests with plane-guard installed (or `plane-guard demo`)"
_NAME = "or name another place with --traces."
_SENTENCES: Mapping[SourceState, str] = {
    SourceState.MISSING: f"There are no traces at {{source}}: {_RUN}, {_NAME}",
    SourceState.EMPTY: f"There is no evidence in {{source}} yet: {_RUN}, {_NAME}",
    SourceState.DENIED: f"{{source}} cannot be read ({{detail}}): give this user read access, {_NAME}",
    SourceState.BROKEN: f"Nothing in {{source}} can be read ({{detail}}): is it OTLP-JSON? Check it, {_NAME}",
    SourceState.FOREIGN: f"{{source}} holds no trace of plane-guard ({{detail}}): {_RUN}, {_NAME}",
    SourceState.UNSUPPORTED: "{source} cannot be read: name a folder, a file or a clickhouse:// address with --traces.",
}


class NoTracesError(Exception):
    """There is nothing to read; the text is one sentence that says why and what to do."""

    def __init__(self, state: SourceState, source: str, detail: str = "") -> None:
        writable = source.encode("utf-8", "backslashreplace").decode()
        super().__init__(_SENTENCES[state].format(source=writable, detail=detail))
        self.state = state


class Line(NamedTuple):
    """A line that is not blank, with the byte offsets at which it starts and at which the next one does."""

    offset: int
    data: bytes
    whole: bool
    end: int


def default_source(environ: Mapping[str, str]) -> str:
    """What is read when nothing was named."""
    return environ.get("PLANE_GUARD_TRACES") or environ.get("PLANE_GUARD_TRACE_DIR") or DEFAULT_FOLDER


def shown(source: str) -> str:
    """The source; of an address neither what stands before an `@` nor its options, which may hold a password."""
    scheme, separator, rest = source.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if separator else source


def evidence_files(source: str) -> list[Path]:
    """The file itself, or every `*.jsonl` of the folder."""
    if "://" in source:
        raise NoTracesError(SourceState.UNSUPPORTED, shown(source))
    try:
        if not stat.S_ISDIR(os.stat(source).st_mode):
            return [Path(source)]
        found = sorted(path for path in Path(source).iterdir() if path.suffix == ".jsonl")
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise NoTracesError(SourceState.MISSING, source) from None
    except OSError as error:
        raise NoTracesError(SourceState.DENIED, source, error.strerror or str(error)) from None
    if not found:
        raise NoTracesError(SourceState.EMPTY, source)
    return found


def fingerprint(source: str) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever there may be something new to read."""
    try:
        stats = [(path.name, path.stat()) for path in evidence_files(source)]
    except (NoTracesError, OSError):
        return ()
    return tuple((name, found.st_size, found.st_mtime_ns) for name, found in stats)


def open_regular(path: Path) -> BinaryIO:
    """Opened for reading; a pipe or device that would never end is an OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file")
    return path.open("rb", buffering=READ_AT_ONCE)


def lines(file: BinaryIO, longest: int = LONGEST_LINE, offset: int = 0) -> Iterator[Line]:
    """Line by line from where the file stands, which is `offset`; of one longer than `longest` only the first byte."""
    while data := file.readline(longest):
        start, whole = offset, data.endswith(b"\n")
        offset += len(data)
        if not whole and len(data) == longest:
            data = data[:1]
            while not whole and (rest := file.readline(longest)):
                offset, whole = offset + len(rest), rest.endswith(b"\n")
        if data.strip():
            yield Line(start, data, whole, offset)

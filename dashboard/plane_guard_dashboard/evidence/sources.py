"""The places that evidence is read from, and the error for a place without any."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import files
from plane_guard_dashboard.evidence.files import Listing
from plane_guard_dashboard.evidence.framing import LONGEST_LINE, Line, lines
from plane_guard_dashboard.evidence.packing import open_regular
from plane_guard_dashboard.wording import plural
from plane_guard_instrumentation.runtime import trace_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_FOLDER",
    "LONGEST_LINE",
    "Line",
    "Listing",
    "NoTracesError",
    "SourceState",
    "contents",
    "default_source",
    "evidence_files",
    "fingerprint",
    "label",
    "lines",
    "no_files",
    "open_regular",
    "shown",
]

DEFAULT_FOLDER = trace_folder.DEFAULT


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


def default_source(environ: Mapping[str, str]) -> str:
    """Return the source that is read if none is named: PLANE_GUARD_TRACES, else the trace folder of the writer."""
    named = environ.get("PLANE_GUARD_TRACES")
    if named:
        return named
    cwd = Path.cwd()
    folder = trace_folder.resolve(environ, cwd)
    return str(folder.relative_to(cwd)) if folder.is_relative_to(cwd) else str(folder)


def shown(source: str) -> str:
    """The source; of an address neither what stands before an `@` nor its options, which may hold a password."""
    scheme, separator, rest = source.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if separator else source


def contents(source: str) -> Listing:
    """Return the file itself, or the evidence files of the folder and its subfolders.

    Raises:
        NoTracesError: There is no such place, or it may not be listed.
    """
    if "://" in source:
        raise NoTracesError(SourceState.UNSUPPORTED, shown(source))
    try:
        if not stat.S_ISDIR(os.stat(source).st_mode):
            return Listing([Path(source)])
        return files.listing(Path(source))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise NoTracesError(SourceState.MISSING, source) from None
    except OSError as error:
        raise NoTracesError(SourceState.DENIED, source, error.strerror or str(error)) from None


def evidence_files(source: str) -> list[Path]:
    """Return the evidence files of a source.

    Raises:
        NoTracesError: There is none; the text says why and what to do.
    """
    found = contents(source)
    if not found.files:
        raise no_files(source, found)
    return found.files


def no_files(source: str, found: Listing) -> NoTracesError:
    """Return the reason why a folder has no evidence files."""
    if found.ignored:
        return NoTracesError(SourceState.FOREIGN, source, f"{plural(found.ignored, 'file')} ignored: not OTLP-JSON")
    return NoTracesError(SourceState.EMPTY, source)


def fingerprint(source: str) -> tuple[tuple[str, int, int], ...]:
    """Return a value that changes whenever there may be something new to read."""
    try:
        stats = [(str(path), path.stat()) for path in evidence_files(source)]
    except (NoTracesError, OSError):
        return ()
    return tuple((name, found.st_size, found.st_mtime_ns) for name, found in stats)


def label(path: Path, source: str) -> str:
    """Return the name of a file for people: its path below the folder that is read."""
    try:
        return str(path.relative_to(source)) if path != Path(source) else path.name
    except ValueError:
        return path.name

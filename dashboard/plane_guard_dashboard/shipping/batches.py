"""The lines of evidence files from a byte offset on, each as a part of an OTLP request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from plane_guard_dashboard.evidence import otlp
from plane_guard_dashboard.evidence.packing import unpacked_size
from plane_guard_dashboard.evidence.sources import (
    contents,
    lines,
    no_files,
    open_regular,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plane_guard_dashboard.evidence.otlp import Json
    from plane_guard_dashboard.evidence.sources import Line

MOST_LINES = 512
MOST_BYTES = 1024 * 1024  # a receiver takes 20 MiB over HTTP, one behind gRPC 4 MiB
_INCOMPLETE = "incomplete: its process is still writing it, or was stopped in the middle"
_OTHER_SIGNALS = ("resourceLogs", "resourceMetrics", "resourceProfiles")
# A collector's file exporter writes traces.jsonl, and traces-<time>.jsonl when it rotates.
_OF_A_COLLECTOR = "traces"


@dataclass(frozen=True, slots=True)
class Item:
    """One line. `fragment` holds the elements of its `resourceSpans`; `problem` says why that is not all of it."""

    path: Path
    start: int
    end: int
    fragment: bytes
    problem: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source that are sent, and those of a collector, which are not."""

    root: Path
    sent: list[Path] = field(default_factory=list)
    of_a_collector: list[Path] = field(default_factory=list)
    cut: str = ""  # why there may be more

    def name(self, path: Path) -> str:
        """The path below the folder."""
        return path.relative_to(self.root).as_posix()


class NotFilesError(Exception):
    """The source is an address; the text says what to do."""

    def __init__(self, place: str) -> None:
        super().__init__(f"ship reads files only; {place} is not a file or folder. Name one with --traces.")


def files_to_send(source: str) -> Files:
    """Return the file itself, or the evidence of a folder.

    A file that a collector wrote into the folder is not sent: the same collector would append it to the same file.
    """
    if "://" in source:
        raise NotFilesError(shown(source))
    found = contents(source)
    if found.files == [Path(source)]:
        return Files(Path(source).parent, found.files)
    files = Files(Path(source), cut=found.cut)
    for path in found.files:
        (files.of_a_collector if path.name.startswith(_OF_A_COLLECTOR) else files.sent).append(path)
    if not files.sent:
        raise no_files(source, found)
    return files


def end_of(path: Path) -> int:
    """Return the offset at which the text of the file ends now."""
    found = path.stat()
    return unpacked_size(str(path), found.st_ino, found.st_size, found.st_mtime_ns)


def items(path: Path, offset: int, until: int) -> Iterator[Item]:
    """Every line that starts from `offset` to `until`. Later ones were written meanwhile and are for the next call."""
    with open_regular(path) as file:
        file.seek(offset)
        for line in lines(file, offset=offset):
            if line.offset >= until:
                return
            yield _item(path, line)


def item_at(path: Path, offset: int) -> Item | None:
    """Return the line that starts at an offset."""
    return next(items(path, offset, offset + 1), None)


def batches(found: Iterable[Item]) -> Iterator[list[Item]]:
    """Group lines into requests that every receiver takes."""
    batch: list[Item] = []
    size = 0
    for item in found:
        if batch and (len(batch) == MOST_LINES or size + len(item.fragment) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.fragment)
    if batch:
        yield batch


def body(batch: Sequence[Item]) -> bytes:
    """Return the request that carries a batch, as OTLP JSON."""
    return b'{"resourceSpans":[' + b",".join(item.fragment for item in batch if item.fragment) + b"]}"


def first_line(file: BinaryIO) -> bytes:
    """Return the first line that is not blank."""
    found = next(lines(file), None)
    return found.data.rstrip(b"\n") if found else b""


def _item(path: Path, line: Line) -> Item:
    problems: list[str] = []
    fragment = _fragment(otlp.document(line.data, problems), problems)
    if problems and not line.whole:
        return Item(path, line.offset, line.end, b"", _INCOMPLETE, waits=True)
    return Item(path, line.offset, line.end, fragment, "; ".join(problems[:1]))


def _fragment(document: Json, problems: list[str]) -> bytes:
    """Return the elements of `resourceSpans`, and name everything else as a problem."""
    groups = document.get("resourceSpans")
    others = [key for key in document if key != "resourceSpans" and (groups is None or key in _OTHER_SIGNALS)]
    if others:
        problems.append(f"holds {', '.join(map(repr, sorted(others)[:3]))}: only resourceSpans are sent")
    if groups is not None and not isinstance(groups, list):
        problems.append("resourceSpans is not a list")
        return b""
    return json.dumps(groups or [], separators=(",", ":")).encode()[1:-1]

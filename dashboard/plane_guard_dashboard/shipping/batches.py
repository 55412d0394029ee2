"""What there is to send: the lines of an evidence file from a byte offset on, each as a piece of an OTLP request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import otlp
from plane_guard_dashboard.evidence.sources import (
    NoTracesError,
    SourceState,
    evidence_files,
    lines,
    open_regular,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plane_guard_dashboard.evidence.otlp import Json
    from plane_guard_dashboard.evidence.sources import Line

MOST_LINES = 512
MOST_BYTES = 1024 * 1024  # a receiver takes 20 MiB over HTTP, one behind gRPC 4 MiB
_NAME_FILES = "name the folder or the file that the guard wrote with --traces."
_INCOMPLETE = "incomplete: its process is still writing it, or was stopped in the middle"


@dataclass(frozen=True, slots=True)
class Item:
    """One line. `fragment` are the elements of its `resourceSpans`; `problem` says why that is not all of it."""

    path: Path
    start: int
    end: int
    fragment: bytes
    problem: str = ""
    waits: bool = False


class NotFilesError(Exception):
    """The source is an address; the text says why nothing is sent from there, and what to do."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is no place to send from, for only files are sent: {_NAME_FILES}")


def files_to_send(source: str) -> list[Path]:
    """The file itself, or the evidence of a folder, without what a collector wrote there."""
    if "://" in source:
        raise NotFilesError(shown(source))
    found = evidence_files(source)
    if found == [Path(source)]:
        return found
    evidence = [path for path in found if path.name.startswith("decisions-")]
    if not evidence:
        raise NoTracesError(SourceState.EMPTY, source)
    return evidence


def items(path: Path, offset: int, until: int) -> Iterator[Item]:
    """Every line that starts in the bytes from `offset` to `until`; later ones are for the next time."""
    with open_regular(path) as file:
        file.seek(offset)
        for line in lines(file):
            start = offset + line.offset
            if start >= until:
                return
            yield _item(path, start, file.tell(), line)


def item_at(path: Path, offset: int) -> Item | None:
    """The line that starts at an offset."""
    return next(items(path, offset, offset + 1), None)


def batches(cargo: Iterable[Item]) -> Iterator[list[Item]]:
    """As many lines together as a receiver surely takes."""
    batch: list[Item] = []
    size = 0
    for item in cargo:
        if batch and (len(batch) == MOST_LINES or size + len(item.fragment) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.fragment)
    if batch:
        yield batch


def body(batch: Sequence[Item]) -> bytes:
    """The request that carries a batch, as OTLP JSON."""
    return b'{"resourceSpans":[' + b",".join(item.fragment for item in batch if item.fragment) + b"]}"


def _item(path: Path, start: int, end: int, line: Line) -> Item:
    problems: list[str] = []
    fragment = _fragment(otlp.document(line.data, problems), problems)
    waits = bool(problems) and not line.whole
    return Item(path, start, end, b"" if waits else fragment, _INCOMPLETE if waits else "; ".join(problems[:1]), waits)


def _fragment(document: Json, problems: list[str]) -> bytes:
    groups = document.get("resourceSpans", [])
    if not isinstance(groups, list):
        problems.append("resourceSpans is not a list")
        return b""
    return json.dumps(groups, separators=(",", ":")).encode()[1:-1]

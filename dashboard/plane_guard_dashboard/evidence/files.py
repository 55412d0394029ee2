"""The files of a source: which ones hold evidence, and which ones are ignored."""

from __future__ import annotations

import itertools
import os
import re
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from plane_guard_dashboard.evidence.packing import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 16  # an unpacked CI artifact is 6 folders deep
MOST_FILES = 100_000
_SEARCHED = 16 * 1024 * 1024
_BLOCK = 1024 * 1024
_OVERLAP = 32

# traces.json, decisions-box-1-0.jsonl, out.ndjson.gz, traces-2026-11-27T19-00-00.000.json, app.log.1, x.jsonl-20261127
_NAME = re.compile(
    r".+\.(?P<kind>jsonl|ndjson|json|log)(?:[.-][0-9][0-9TZ_.:-]*|\.old|\.bak)?(?:\.(?:gz|gzip|zst|zstd))?",
    re.IGNORECASE,
)
_MISSING = (0, 0)
# What the guard writes is evidence even if nothing in it can be read.
_ALWAYS = "jsonl"
_OTLP = re.compile(rb'"resource_?(?:spans|logs|metrics)"|"batches"|plane_guard\.', re.IGNORECASE)
_PROCESS = re.compile(r"decisions-.+-[0-9]+-[0-9a-f]+\.jsonl")


@dataclass(slots=True)
class Listing:
    """The evidence files of a source, and what was left out. `cut` says why the list may not be complete."""

    files: list[Path] = field(default_factory=list)
    ignored: int = 0
    cut: str = ""


def listing(folder: Path) -> Listing:
    """List a folder and its subfolders.

    Raises:
        OSError: The folder itself cannot be listed.
    """
    found = Listing()
    links: list[os.DirEntry[str]] = []
    known: set[tuple[int, int]] = set()
    for entry in itertools.islice(_entries(folder, found), MOST_FILES + 1):
        if len(found.files) + len(links) + found.ignored == MOST_FILES:
            found.cut = f"only {MOST_FILES:,} files are read"
        elif not _is_evidence(entry):
            # Hidden files are ours (.gitignore, .shipped.json) or of other tools; they are no news.
            found.ignored += not entry.name.startswith(".")
        elif entry.is_symlink():
            links.append(entry)
        else:
            known.add(_identity(entry))
            found.files.append(Path(entry.path))
    for link in links:
        target = _identity(link)
        if target not in known or target == _MISSING:
            known.add(target)
            found.files.append(Path(link.path))
    found.files.sort()
    return found


def _entries(folder: Path, found: Listing) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder; a folder that several links lead to is entered once."""
    visited: set[tuple[int, int]] = set()
    pending = [(str(folder), 0)]
    while pending:
        place, depth = pending.pop()
        try:
            identity = _key(os.stat(place))
            if identity in visited:
                continue
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            if depth == 0:
                raise
            # A folder that cannot be listed counts as a file that cannot be read.
            found.files.append(Path(place))
            continue
        visited.add(identity)
        for entry in entries:
            if not _is_folder(entry):
                yield entry
            elif depth + 1 == DEEPEST:
                found.cut = f"folders more than {DEEPEST} deep are not read"
            elif entry.name != ".git":
                pending.append((entry.path, depth + 1))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _identity(entry: os.DirEntry[str]) -> tuple[int, int]:
    try:
        return _key(entry.stat())
    except OSError:
        return _MISSING


def _is_evidence(entry: os.DirEntry[str]) -> bool:
    match = _NAME.fullmatch(entry.name)
    if match is None:
        return False
    if match["kind"].lower() == _ALWAYS:
        return True
    try:
        found = entry.stat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode):
        return False
    return _is_otlp(entry.path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=MOST_FILES)
def _is_otlp(path: str, inode: int, mtime_ns: int, size: int) -> bool:  # noqa: ARG001  the key of the cache
    """Return True if the file mentions OTLP, or if that cannot be told."""
    if not size:
        return False
    try:
        with open_regular(Path(path)) as file:
            return any(map(_OTLP.search, _blocks(file)))
    except OSError:
        return True


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The first bytes of a file, block by block; a word across two blocks is in one of them."""
    tail, left = b"", _SEARCHED
    while left > 0 and (block := file.read(_BLOCK)):
        yield tail + block
        tail, left = block[-_OVERLAP:], left - len(block)


def of_one_process(path: Path) -> bool:
    """Return True for a file that the guard of a single process wrote, so that it belongs to a single run."""
    return _PROCESS.fullmatch(path.name) is not None

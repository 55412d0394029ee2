"""The record of what a destination has accepted, so that `ship` may be interrupted and repeated.

In doubt a line is sent again, because readers know a decision by its id. So damage to the record costs a repetition.
It is stored in the cache of this machine and user. Beside the evidence it would travel with it, and a CI artifact would
count as sent to your own collector at 127.0.0.1 because the job sent it to another one at the same address.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from plane_guard_dashboard.evidence.sources import open_regular
from plane_guard_dashboard.shipping.batches import end_of, first_line

VERSION = 2
_HEX_DIGITS = 32


@dataclass(slots=True)
class FileProgress:
    """One evidence file: the offset up to which it was sent, how many lines were accepted, and refusals by offset."""

    first_line: str = ""
    offset: int = 0
    accepted: int = 0
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Checkpoint:
    """The progress of the files of one folder towards one destination."""

    folder: Path
    destination: str
    files: dict[str, FileProgress] = field(default_factory=dict)
    rejected: int = 0  # spans that the collector dropped from what it accepted, without saying which
    message: str = ""  # the reason that it gave
    lost: bool = False  # the record could not be written

    @classmethod
    def load(cls, folder: Path, destination: str) -> Self:
        """Read the record. A record that is missing, damaged or of another version is an empty one."""
        known = _read(folder).get(destination, {})
        try:
            files = {name: FileProgress(**progress) for name, progress in known["files"].items()}
            return cls(folder, destination, files, int(known["rejected"]), str(known["message"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls(folder, destination)

    def of(self, path: Path, name: str) -> FileProgress:
        """Return the progress of a file, which is none if another file has taken its name."""
        with open_regular(path) as file:
            first = hashlib.sha256(first_line(file)).hexdigest()[:_HEX_DIGITS]
        progress = self.files.get(name)
        if progress is None or progress.first_line != first or progress.offset > end_of(path):
            progress = self.files[name] = FileProgress(first)
        return progress

    def save(self) -> None:
        """Write the record in one piece."""
        kept = {name: asdict(progress) for name, progress in self.files.items() if (self.folder / name).exists()}
        record = {"files": kept, "rejected": self.rejected, "message": self.message}
        destinations = {**_read(self.folder), self.destination: record}
        text = json.dumps({"version": VERSION, "folder": _absolute(self.folder), "destinations": destinations})
        self.lost = not _write(place_of(self.folder), text)


def orphans() -> list[tuple[Path, str]]:
    """Return each record of a folder that no longer exists, and that folder."""
    found = []
    for record in sorted(_records().glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            folder = str(json.loads(record.read_text(encoding="utf-8"))["folder"])
            if not os.path.lexists(folder) and place_of(Path(folder)) == record:
                found.append((record, folder))
    return found


def place_of(folder: Path) -> Path:
    """Return the file that holds the record of a folder."""
    name = hashlib.sha256(_absolute(folder).encode("utf-8", "surrogateescape")).hexdigest()[:_HEX_DIGITS]
    return _records() / f"{name}.json"


def _records() -> Path:
    # An empty or relative variable counts as unset, as the XDG specification says.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    cache = named if named.is_absolute() else Path(os.path.expanduser("~/.cache"))
    return cache / "plane-guard" / "shipped"


def _absolute(folder: Path) -> str:
    return str(folder.absolute())


def _read(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(place_of(folder).read_text(encoding="utf-8"))
        if found["version"] == VERSION and isinstance(found["destinations"], dict):
            return found["destinations"]
    return {}


def _write(place: Path, text: str) -> bool:
    new = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=place.stem, delete=False, encoding="utf-8") as f:
            new = f.name
            f.write(text)
        os.replace(new, place)
    except (OSError, ValueError):
        if new is not None:
            with suppress(OSError):
                os.unlink(new)
        return False
    return True

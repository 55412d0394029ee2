"""What a collector has accepted, remembered beside the evidence, so that sending may be repeated and killed at will.

When in doubt a line is sent again: readers know a decision by its id. So damage to the ledger costs a repetition.
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

from plane_guard_dashboard.evidence.sources import LONGEST_LINE, open_regular

NAME = ".shipped.json"
VERSION = 1


@dataclass(slots=True)
class Account:
    """One evidence file: how far it was sent, how many lines were accepted, which were not and why (by offset)."""

    first_line: str = ""
    offset: int = 0
    accepted: int = 0
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Ledger:
    """What one endpoint has of the files of one folder."""

    folder: Path
    endpoint: str
    accounts: dict[str, Account] = field(default_factory=dict)
    rejected: int = 0  # spans that the collector said it dropped from what it accepted; which, it does not say
    message: str = ""  # but perhaps why
    lost: bool = False  # it could be kept nowhere

    @classmethod
    def load(cls, folder: Path, endpoint: str) -> Self:
        """Read what is known; nothing, if there is nothing or it cannot be read."""
        known = _read(folder).get(endpoint, {})
        try:
            accounts = {name: Account(**account) for name, account in known["accounts"].items()}
            return cls(folder, endpoint, accounts, int(known["rejected"]), str(known["message"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls(folder, endpoint)

    def of(self, path: Path) -> Account:
        """The account of a file, a new one if another file has taken its name."""
        first = _first_line(path)
        account = self.accounts.get(path.name)
        if account is None or account.first_line != first or account.offset > path.stat().st_size:
            account = self.accounts[path.name] = Account(first)
        return account

    def save(self) -> None:
        """Put it on disk in one piece: beside the evidence or, where that cannot be written, in the cache folder."""
        kept = {name: asdict(account) for name, account in self.accounts.items() if (self.folder / name).exists()}
        known = {
            **_read(self.folder),
            self.endpoint: {"accounts": kept, "rejected": self.rejected, "message": self.message},
        }
        text = json.dumps({"version": VERSION, "endpoints": known})
        self.lost = not any(_write(place, text) for place in _places(self.folder))


def _places(folder: Path) -> tuple[Path, Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
    return folder / NAME, cache / "plane-guard" / "shipped" / f"{name}.json"


def _read(folder: Path) -> dict[str, Any]:
    """The endpoints of the newer of both places."""
    for place in sorted(_places(folder), key=_age, reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(place.read_text(encoding="utf-8"))
            if found["version"] == VERSION and isinstance(found["endpoints"], dict):
                return found["endpoints"]
    return {}


def _age(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def _write(place: Path, text: str) -> bool:
    new = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=NAME, delete=False, encoding="utf-8") as file:
            new = file.name
            file.write(text)
        os.replace(new, place)
    except OSError:
        if new is not None:
            Path(new).unlink(missing_ok=True)
        return False
    return True


def _first_line(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.sha256(file.readline(LONGEST_LINE).rstrip(b"\n")).hexdigest()[:16]

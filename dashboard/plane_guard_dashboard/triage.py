"""Acknowledged groups of attempts, in `plane-guard-known.toml`: a file that people commit.

`plane-guard report` and the pages read it; `acknowledge` and `forget` change it and keep the rest of its text. An entry
holds until its end date, for the group's callers at that time. Another project, op or caller is new again.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tomlkit.items import AoT

FILE_NAME = "plane-guard-known.toml"
VARIABLE = "PLANE_GUARD_KNOWN_FILE"
VERSION = 1
LONGEST_NOTE = 500
_TABLE = "known"
_TEXTS = ("test", "project", "op", "reason")
_LINE = re.compile(r":[0-9]+(?= |$)")
_HEADER = """# Attempts to write to Plane that were looked at and are known until a date.
# `plane-guard report` and the dashboard read this file. Commit it.
"""


class KnownFileError(ValueError):
    """The file cannot be used or written; the text says why and what to do. Nothing was changed."""


class Triage(StrEnum):
    """The state of a group by the known-file. Only an acknowledged group is known."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group that somebody acknowledged. `until` is the last day on which that holds.

    `group` is the fingerprint of test, project, op and reason, which stand here for the reader of the file.
    `callers` are the places that wrote, without line numbers.
    """

    group: str
    note: str
    until: date
    callers: tuple[str, ...] = ()
    test: str = ""
    project: str = ""
    op: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """The entries of a known-file by fingerprint; empty if there is no file."""

    path: Path
    groups: Mapping[str, KnownGroup]

    def state(self, group: str, callers: Iterable[str], today: date) -> Triage:
        """Return the state of a group with these callers, which may have line numbers."""
        found = self.groups.get(group)
        if found is None:
            return Triage.OPEN
        if found.until < today:
            return Triage.EXPIRED
        return Triage.ACKNOWLEDGED if {*map(place_of, callers)} <= {*found.callers} else Triage.CHANGED

    def absent(self, groups: Iterable[str]) -> tuple[KnownGroup, ...]:
        """Return the entries of groups that are not among these, such as those of attempts that no longer occur."""
        present = frozenset(groups)
        return tuple(found for name, found in self.groups.items() if name not in present)


def place_of(caller: str) -> str:
    """Return a caller, such as `src/stages.py:12 move`, without its line, which changes with every edit above it."""
    return _LINE.sub("", caller, count=1)


def find(start: Path) -> Path:
    """Return the known-file of this folder or the nearest one above it.

    Without one, return the place for a new one: next to the nearest pyproject.toml, or in the folder itself.
    """
    above = (start, *start.parents)
    named = next((folder for folder in above if (folder / FILE_NAME).exists()), None)
    project = next((folder for folder in above if (folder / "pyproject.toml").exists()), start)
    return (named or project) / FILE_NAME


def default_path(environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the known-file of a process: the one that `plane-guard dashboard` handed to it, else the nearest one."""
    named = environ.get(VARIABLE)
    return Path(named) if named else find(cwd)


def load(path: Path) -> KnownFile:
    """Return the entries of a file. A file that does not exist has none.

    Raises:
        KnownFileError: The file is damaged, or from a newer version.
    """
    text = _read(path)
    return KnownFile(path, _groups(path, text) if text is not None else {})


def acknowledge(path: Path, entry: KnownGroup, today: date) -> KnownFile:
    """Add an entry, or replace the one of the same group, and return the file's entries.

    Raises:
        KnownFileError: The entry has no note or has ended already, or the file cannot be used or written.
    """
    note = " ".join(entry.note.split())
    if not note or len(note) > LONGEST_NOTE:
        raise KnownFileError(f"The note has to have 1 to {LONGEST_NOTE} characters: say why this is known.")
    if entry.until < today:
        raise KnownFileError(f"The end date {entry.until} is in the past: choose today or a later day.")
    callers = sorted({*map(place_of, entry.callers)})
    texts = {name: getattr(entry, name) for name in _TEXTS if getattr(entry, name)}
    values = {"group": entry.group, "note": note, "until": entry.until, **texts, "callers": callers}

    def change(entries: AoT) -> None:
        import tomlkit

        table = next((one for one in entries if one["group"] == entry.group), None)
        if table is None:
            table = tomlkit.table()
            table.trivia.indent = "\n"  # an empty line in front of it
            entries.append(table)
        for name, value in values.items():
            table[name] = value

    return _changed(path, change)


def forget(path: Path, group: str) -> KnownFile:
    """Remove the entry of a group, with the comments inside it, and return the file's entries.

    A group without an entry changes nothing.

    Raises:
        KnownFileError: The file cannot be used or written.
    """

    def change(entries: AoT) -> None:
        for number in [number for number, one in enumerate(entries) if one["group"] == group]:
            del entries[number]

    return _changed(path, change)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise KnownFileError(f"{path} is not UTF-8: save it as UTF-8.") from None
    except OSError as error:
        raise KnownFileError(f"{path} cannot be read ({error.strerror}): make it readable.") from None


def _groups(path: Path, text: str) -> dict[str, KnownGroup]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise KnownFileError(f"{path} is not valid TOML ({error}): fix it, or restore it from Git.") from None
    version = document.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise KnownFileError(
            f"{path} has version {version!r}, and this plane-guard reads version {VERSION}: update plane-guard."
        )
    entries = document.get(_TABLE, [])
    if not isinstance(entries, list):
        raise KnownFileError(f"{path}: write each known group as a table of its own, [[{_TABLE}]].")
    groups: dict[str, KnownGroup] = {}
    for number, entry in enumerate(entries, 1):
        found = _group(entry)
        if isinstance(found, str):
            raise KnownFileError(f"{path}, entry {number}: {found}.")
        groups[found.group] = found
    return groups


def _group(entry: object) -> KnownGroup | str:
    """Return an entry, or what is wrong with it."""
    if not isinstance(entry, dict):
        return f"it is not a table. Write [[{_TABLE}]]"
    missing = next((name for name in ("group", "note") if not _is_text(entry.get(name))), None)
    if missing:
        return f"`{missing}` is missing. Write {missing} and a text in quotes"
    until = entry.get("until")
    if not isinstance(until, date) or isinstance(until, datetime):
        return "`until` is not a date. Write until = 2026-12-31, without quotes"
    callers = entry.get("callers", [])
    if not isinstance(callers, list) or not all(isinstance(one, str) for one in callers):
        return '`callers` is not a list of texts. Write callers = ["src/stages.py move"]'
    texts: dict[str, Any] = {name: entry[name] for name in _TEXTS if isinstance(entry.get(name), str)}
    return KnownGroup(entry["group"], entry["note"], until, tuple(map(place_of, callers)), **texts)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _changed(path: Path, change: Callable[[AoT], None]) -> KnownFile:
    """Write the file with a change. Its comments, its order and what other versions added stay."""
    import tomlkit  # only for writing: a report has to work without it

    text = _read(path)
    if text is None:
        text = f"{_HEADER}version = {VERSION}\n"
    _groups(path, text)
    document = tomlkit.parse(text)
    entries = document.setdefault(_TABLE, tomlkit.aot())
    if not isinstance(entries, tomlkit.items.AoT):
        raise KnownFileError(f"{path}: write each known group as a table of its own, [[{_TABLE}]].")
    change(entries)
    written = tomlkit.dumps(document)
    groups = _groups(path, written)
    _replace(path, written)
    return KnownFile(path, groups)


def _replace(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    target, temporary = path.resolve(), None
    try:
        with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=target.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
        temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise KnownFileError(f"{path} cannot be written ({error.strerror}): make its folder writable.") from None

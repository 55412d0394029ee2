"""The record of what was read from a server: a journal while a verify runs, and a history of finished ones.

Both are kept in the cache of this machine and user, readable by this user only, because they hold names and values.
Each finished step of a verify is a line of the journal, so that a killed verify resumes. Damage costs a repetition.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from plane_guard_dashboard.verification.changes import Change, Kind, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION = 1
_DIGITS = 32
_KEPT_NS = 30 * 86_400 * 1_000_000_000

Objects = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Step:
    """The result of one step: changes by the user, the times of changes by others, and what is there now."""

    changes: list[Change] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)  # id of the row -> time
    unseen: list[str] = field(default_factory=list)
    items: dict[str, list[Any]] = field(default_factory=dict)  # work item -> number, time of its last change
    objects: Objects = field(default_factory=dict)  # id -> compared fields
    latest_ns: int = 0  # the last touch of the work item that its rows explain

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Return the step that plain values describe."""
        known = dict(found)
        return cls(changes=[change_of(one) for one in known.pop("changes", [])], **known)


def change_of(found: Mapping[str, Any]) -> Change:
    """Return the change that plain values describe."""
    return Change(**{**found, "kind": Kind(found["kind"]), "verb": Verb(found["verb"])})


@dataclass(slots=True)
class History:
    """Everything that earlier verifies read from one server with one user's token.

    `covered` are the stretches of server time that were read completely. `items` and `objects` hold the last state of
    each project, from which later deletions and old values are told.
    """

    covered: list[list[int]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    items: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    objects: dict[str, Objects] = field(default_factory=dict)

    def starts_at(self, first_ns: int, last_ns: int, edge_ns: int) -> int:
        """Return the time from which the server must be read, so that everything between the two is known.

        `edge_ns` is the uncertainty of the server's clock. What was read before included it.
        """
        for start, end in self.covered:
            if start <= first_ns <= end:
                return min(end, last_ns)
        return first_ns - edge_ns

    def add(self, first_ns: int, last_ns: int, steps: Mapping[str, Step]) -> None:
        """Take over the steps of a finished verify that read everything between two times."""
        for name, step in steps.items():
            self._take(name, step)
        self.covered = _joined([*self.covered, [first_ns, last_ns]])
        oldest = last_ns - _KEPT_NS
        self.covered = [[max(start, oldest), end] for start, end in self.covered if end > oldest]
        self.changes = [change for change in self.changes if change.time_ns >= oldest]
        self.others = {row: time for row, time in self.others.items() if time >= oldest}

    def _take(self, name: str, step: Step) -> None:
        known = {change.source for change in self.changes}
        self.changes += [change for change in step.changes if change.source not in known]
        self.others |= step.others
        part, _, project = name.partition(":")
        if part == "items":
            self.items[project] = step.items
        elif part == "objects":
            self.objects[project] = step.objects


def _joined(stretches: Iterable[list[int]]) -> list[list[int]]:
    found: list[list[int]] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


@dataclass(slots=True)
class Archive:
    """The files of one server and user."""

    folder: Path

    @classmethod
    def of(cls, server: str, user: str) -> Self:
        """Return the archive of a server's address and a user's id."""
        name = hashlib.sha256(f"{server}\n{user}".encode()).hexdigest()[:_DIGITS]
        return cls(_cache() / "plane-guard" / "verified" / name)

    def load(self) -> History:
        """Return the history. One that is missing, damaged or of another version is an empty one."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._history.read_text(encoding="utf-8"))
            if found.pop("version") == VERSION:
                return History(changes=[change_of(one) for one in found.pop("changes")], **found)
        return History()

    def save(self, history: History) -> None:
        """Replace the history in one piece, and end the journal. A cache that cannot be written is left out."""
        text = json.dumps({"version": VERSION, **asdict(history)})
        with suppress(OSError):
            self._make_folder()
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
                file.write(text)
            os.replace(file.name, self._history)
            self._journal.unlink(missing_ok=True)

    def resume(self, plan: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Step]]:
        """Return the plan and the finished steps of an interrupted verify, if it was about the same thing."""
        lines = self._lines()
        if not lines or any(lines[0].get(name) != value for name, value in plan.items()):
            return {}, {}
        steps: dict[str, Step] = {}
        for line in lines[1:]:
            with suppress(KeyError, TypeError, ValueError):
                steps[line["step"]] = Step.of(line["found"])
        return lines[0], steps

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Start a journal."""
        with suppress(OSError):
            self._make_folder()
            self._journal.unlink(missing_ok=True)
        self._append(plan)

    def note(self, name: str, step: Step) -> None:
        """Add a finished step to the journal."""
        self._append({"step": name, "found": step.as_json()})

    def _append(self, line: Mapping[str, Any]) -> None:
        with suppress(OSError):
            descriptor = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with open(descriptor, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _lines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with suppress(OSError, ValueError):  # the last line of a killed process may be torn
            found.extend(map(json.loads, self._journal.read_text(encoding="utf-8").splitlines()))
        return found

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def _history(self) -> Path:
        return self.folder / "history.json"

    @property
    def _journal(self) -> Path:
        return self.folder / "journal.jsonl"


def _cache() -> Path:
    # An empty or relative variable counts as unset, as the XDG specification says.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path(os.path.expanduser("~/.cache"))

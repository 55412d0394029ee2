"""Changes to the files of a folder, kept in memory until they are asked to be written."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class Draft:
    """The files of a project as they are, and as they would be. `notes` say what remains to be done by hand."""

    root: Path
    notes: list[str] = field(default_factory=list)
    _before: dict[str, str | None] = field(default_factory=dict)
    _after: dict[str, str] = field(default_factory=dict)
    _unreadable: set[str] = field(default_factory=set)

    def read(self, name: str) -> str | None:
        """Return the text of a file with the changes so far, or None if there is none that can be read."""
        if name not in self._before:
            self._before[name] = self._load(name)
        return self._after.get(name, self._before[name])

    def change(self, name: str, text: str) -> None:
        """Propose this text for a file, unless there is one that cannot be read."""
        if self.read(name) != text and name not in self._unreadable:
            self._after[name] = text

    def append(self, name: str, text: str) -> None:
        """Propose text at the end of a file, which may be new."""
        before = self.read(name) or ""
        self.change(name, before + ("" if before.endswith("\n") or not before else "\n") + text)

    def find(self, *patterns: str) -> list[str]:
        """Return the names of the files that match one of these patterns, sorted within each."""
        found = (
            path.relative_to(self.root).as_posix()
            for pattern in patterns
            for path in sorted(self.root.glob(pattern))
            if path.is_file()
        )
        return list(dict.fromkeys(found))

    @property
    def changed(self) -> list[str]:
        """The names of the files that would change."""
        return sorted(name for name, text in self._after.items() if text != self._before[name])

    def diff(self) -> str:
        """Return the changes as a patch that `git apply` and `patch -p1` take."""
        return "".join(line for name in self.changed for line in self._diff_of(name))

    def write(self) -> None:
        """Write the changed files."""
        for name in self.changed:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._after[name].encode())

    def _load(self, name: str) -> str | None:
        try:
            return (self.root / name).read_bytes().decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self._unreadable.add(name)
            self.notes.append(f"{name} could not be read ({error}). Change it by hand.")
            return None

    def _diff_of(self, name: str) -> Iterator[str]:
        before, after = self._before[name], self._after[name]
        origin = "/dev/null" if before is None else f"a/{name}"
        if before is None:
            yield f"diff --git a/{name} b/{name}\nnew file mode 100644\n"
        lines = difflib.unified_diff(_lines(before or ""), _lines(after), origin, f"b/{name}")
        yield from (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    return [line + "\n" for line in text.split("\n")[:-1]] + [text.rpartition("\n")[2]] * bool(text.rpartition("\n")[2])

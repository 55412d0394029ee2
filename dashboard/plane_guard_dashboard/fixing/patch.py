"""Insertions as a patch that `git apply` and `patch -p1` take."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from plane_guard_dashboard.fixing import source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def of_file(path: Path, insertions: Iterable[source.Insertion], root: Path) -> str:
    """Return the unified diff for one file; its names are relative to the root."""
    before = path.read_bytes().decode()
    after = source.insert(before, insertions)
    name = path.relative_to(root.resolve()).as_posix()
    lines = difflib.unified_diff(source.lines_of(before), source.lines_of(after), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

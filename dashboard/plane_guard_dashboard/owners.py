"""The owners of tests, by the CODEOWNERS file of the repository.

The file is looked for where GitHub, GitLab and Gitea look. Paths of tests are relative to the folder that the search
starts in, as node ids are to pytest's root folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.groups import NOBODY

if TYPE_CHECKING:
    from pathlib import Path

    from codeowners import CodeOwners

VARIABLE = "PLANE_GUARD_PROJECT_FOLDER"
_PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", ".gitea/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_MOST_BYTES = 3_000_000  # GitHub ignores a larger file


@dataclass(frozen=True, slots=True)
class Owners:
    """The rules of a repository, and the project's folder in it, which is empty or ends with a slash."""

    rules: CodeOwners | None = None
    folder: str = ""

    def of(self, test: str) -> str:
        """Return the owners of a test's file, separated by spaces, or an empty text."""
        file = test.partition("::")[0]
        if self.rules is None or file in ("", NOBODY):
            return ""
        return " ".join(owner for _, owner in self.rules.of(self.folder + file))


def find(start: Path) -> Owners:
    """Return the owners by the nearest CODEOWNERS file of this folder and those above it; none if it is damaged."""
    for folder in (start, *start.parents):
        for place in _PLACES:
            path = folder / place
            try:
                changed = path.stat()
                return _read(path, changed.st_mtime_ns, changed.st_size, start.relative_to(folder).as_posix())
            except OSError:
                continue
        if (folder / ".git").exists():
            break
    return Owners()


@lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int, size: int, below: str) -> Owners:  # noqa: ARG001 - the time is part of the key
    try:
        from codeowners import CodeOwners
    except ImportError:  # it comes with the extra `dashboard`
        return Owners()
    if size > _MOST_BYTES:
        return Owners()
    try:
        return Owners(CodeOwners(path.read_text("utf-8")), "" if below == "." else f"{below}/")
    except (ValueError, re.error):
        return Owners()

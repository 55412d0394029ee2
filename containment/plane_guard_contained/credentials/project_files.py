"""Tokens in files of the project: the command can read them there, whatever its environment holds."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from plane_guard_contained.credentials.vault import PLANE_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plane_guard_contained.credentials.vault import Secret

_SETTINGS = re.compile(r"\.env.*|.*\.(?:env|json|toml|ya?ml|ini|cfg|conf|properties|sh)")
_NOT_THE_PROJECTS = frozenset(
    {".git", ".plane-guard", ".tox", ".venv", "__pycache__", "node_modules", "site-packages", "venv"}
)
_MOST_FILES = 2_000
_LARGEST = 64 << 10


class Found(NamedTuple):
    """The place of a token."""

    file: str
    line: int


def find(folder: str, secrets: Sequence[Secret]) -> list[Found]:
    """Return the places at which settings files of a folder hold a token of Plane or one of these."""
    known = "|".join([PLANE_TOKEN.pattern, *(re.escape(secret.value) for secret in secrets)])
    token = re.compile(known.encode())
    places = []
    for number, path in enumerate(_settings_files(folder)):
        if number == _MOST_FILES:
            break
        with suppress(OSError), open(path, "rb") as file:
            content = file.read(_LARGEST)
            starts = [match.start() for match in token.finditer(content)]
            lines = sorted({content.count(b"\n", 0, start) + 1 for start in starts})
            places += [Found(os.path.relpath(path, folder), line) for line in lines]
    return places


def _settings_files(folder: str) -> Iterator[str]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_THE_PROJECTS)
        for name in sorted(files):
            path = os.path.join(at, name)
            if _SETTINGS.fullmatch(name) and os.path.isfile(path):
                yield path

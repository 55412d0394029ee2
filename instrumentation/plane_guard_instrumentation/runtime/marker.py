"""The marker of a guarded process: a file outside its environment by which its descendants find it.

It holds what they need, as JSON lines: the run, the root, the trace folder, hosts and protected projects. It never
holds the opt-in or the allowlist, because only the environment hands those on.
"""

from __future__ import annotations

import atexit
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import plane_guard_watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_MOST_PURGED = 200
_LONGEST = 1 << 20


def create(content: Mapping[str, object], fallback: str) -> str:
    """Write this process's marker into the first usable folder and return its path, or an empty string.

    ``fallback`` is a folder in which children with this process's environment still find it.
    """
    name = plane_guard_watch.marker_name(plane_guard_watch.getpid())
    line = json.dumps(content, separators=(",", ":")).encode() + b"\n"
    for folder in plane_guard_watch.marker_folders():
        path = os.path.join(folder, name)
        if _usable(folder) and _written(path, line):
            purge(folder)
            return _adopt(path)
    # The name begins with a dot, so that readers of the trace folder do not take it for evidence.
    path = os.path.join(fallback, f".{name}")
    return _adopt(path) if _usable(fallback) and _written(path, line) else ""


def is_found_without_environment(path: str) -> bool:
    """Return if descendants find this marker by their parents' process ids, whatever environment they have."""
    return os.path.dirname(path) in plane_guard_watch.marker_folders()


def read(path: str) -> dict[str, Any]:
    """Return what a marker says; later lines add to earlier ones. Empty if it cannot be read."""
    found: dict[str, Any] = {}
    for line in _lines(path):
        for key, value in line.items():
            before = found.get(key)
            found[key] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value
    return found


def append(content: Mapping[str, object]) -> bool:
    """Add a line to the marker of this process or of its ancestor, such as a host that was learned."""
    path = plane_guard_watch.STATE.marker
    return bool(path) and _write(path, json.dumps(content, separators=(",", ":")).encode() + b"\n", os.O_APPEND)


def purge(folder: str) -> None:
    """Delete the markers of processes that no longer run, a bounded number at a time."""
    with suppress(OSError):  # another process purges at the same time
        for name in os.listdir(folder)[:_MOST_PURGED]:
            path = os.path.join(folder, name)
            if folder in plane_guard_watch.marker_folders() and not plane_guard_watch.is_running(path):
                os.unlink(path)


def _adopt(path: str) -> str:
    plane_guard_watch.STATE.marker = path
    plane_guard_watch.register_at_fork(after_in_child=plane_guard_watch.keep_marker)
    atexit.register(_remove, path, plane_guard_watch.getpid())
    return path


def _remove(path: str, owner: int) -> None:
    if plane_guard_watch.getpid() == owner:  # a forked child inherits the exit handlers
        with suppress(OSError):
            os.unlink(path)
        purge(os.path.dirname(path))


def _usable(folder: str) -> bool:
    try:
        os.makedirs(folder, mode=_PRIVATE_FOLDER, exist_ok=True)
    except OSError:
        return False
    return folder not in plane_guard_watch.marker_folders() or plane_guard_watch.is_ours(folder)


def _write(path: str, line: bytes, how: int = os.O_CREAT | os.O_TRUNC) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | how, _PRIVATE_FILE)
        try:
            return os.write(descriptor, line) == len(line)
        finally:
            os.close(descriptor)
    except OSError:
        return False


def _written(path: str, line: bytes) -> bool:
    if _write(path, line):
        return True
    with suppress(OSError):  # no room for all of it
        os.unlink(path)
    return False


def _lines(path: str) -> Iterator[dict[str, Any]]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LONGEST)
    except (OSError, ValueError):
        return
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found

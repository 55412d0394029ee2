"""The file that evidence goes to: one per process, appended to with one system call per line."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.runtime import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_KIND = "decisions"
_PRIVATE = 0o700
_READABLE = 0o644


class _Open:
    __slots__ = ("descriptor", "path", "pid")

    def __init__(self, pid: int, descriptor: int, path: str) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.path = path


class _State:
    file: _Open | None = None
    torn = False
    lines = 0


class Line:
    """A stream that puts what is written to it on disk at once, and remembers what went wrong."""

    closed = False

    def __init__(self) -> None:
        self.problem = ""

    def write(self, text: str) -> int:
        """Append one line in one piece; raises `OSError` if it is not all on disk."""
        try:
            _append(text.encode())
        except OSError as error:
            self.problem = f"{error.strerror or error} ({path()})"
            raise
        return len(text)

    def flush(self) -> None:
        """Nothing is held back, so there is nothing to flush."""


def path() -> str:
    """Where this process's evidence is, or would be."""
    if _State.file is not None and _State.file.pid == os.getpid():
        return _State.file.path
    return str(environment.start().trace_dir)


def every() -> set[str]:
    """The names of all files of evidence in the trace folder."""
    try:
        names = os.listdir(environment.start().trace_dir)
    except OSError:
        return set()
    return {name for name in names if name.startswith(f"{_KIND}-") and name.endswith(".jsonl")}


def sizes() -> dict[str, int]:
    """Return the size of each evidence file in the trace folder."""
    found = {}
    for name in every():
        with suppress(OSError):
            found[name] = os.path.getsize(os.path.join(environment.start().trace_dir, name))
    return found


def has_decisions_since(before: Mapping[str, int]) -> bool:
    """Return if an evidence file grew since ``before``, or is new and not this process's own session record alone."""
    own = os.path.basename(path())
    grown = {name for name, size in sizes().items() if size > before.get(name, 0)}
    return bool(grown - {own}) or (own in grown and (own in before or _State.lines > 1))


def append(text: str) -> str:
    """Put one line on disk; the empty string, or what went wrong."""
    line = Line()
    try:
        line.write(text)
    except OSError:
        return line.problem
    return ""


def _append(content: bytes) -> None:
    descriptor = _descriptor()
    content = b"\n" + content if _State.torn else content
    _State.torn = True
    written = os.write(descriptor, content)
    if written != len(content):
        raise OSError(28, "only a part of the line could be written")
    _State.torn = False
    _State.lines += 1


def _descriptor() -> int:
    if _State.file is None or _State.file.pid != os.getpid() or not os.path.exists(_State.file.path):
        _State.file = _create()
        _State.torn = False
    return _State.file.descriptor


def beside(kind: str) -> str:
    """Where in the trace folder, which exists from now on, another file of this process goes."""
    folder = str(environment.start().trace_dir)
    os.makedirs(folder, mode=_PRIVATE, exist_ok=True)
    ignore = os.path.join(folder, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="utf-8") as file:
            file.write("*\n")
    return os.path.join(folder, f"{kind}-{_host()}-{os.getpid()}-{time.time_ns():x}.jsonl")


def _create() -> _Open:
    path = beside(_KIND)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    return _Open(os.getpid(), os.open(path, flags, _READABLE), path)


def _host() -> str:
    from plane_guard_instrumentation.evidence.resource import host_name

    return "".join(letter for letter in host_name() if letter.isalnum() or letter in "._-")[:64] or "host"

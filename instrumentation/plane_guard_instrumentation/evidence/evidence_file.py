"""The file of this process's evidence: appended to with one system call per line, never by way of Python's files.

There is no lock, because a fork in another thread could leave it locked forever. Threads that create the file at the
same moment each make one, and only one of them is kept.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

_KIND = "decisions"
_READABLE = 0o644
_FREE_SPACE = "Free space there, or set PLANE_GUARD_TRACE_DIR to another folder"
_WRITABLE = "Set PLANE_GUARD_TRACE_DIR to a folder that can be written to"
_REMEDIES = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EFBIG: "Raise the limit for the size of a file (ulimit -f)",
    errno.EMFILE: "Close files, or raise the limit for open files (ulimit -n)",
    errno.ENFILE: "Close files, or raise the limit for open files (ulimit -n)",
}


class _Open:
    """A file that this process created. ``identity`` tells it from a file that reuses its descriptor."""

    __slots__ = ("descriptor", "identity", "is_torn", "lines", "path")

    def __init__(self, path: str, descriptor: int, identity: tuple[int, int]) -> None:
        self.path = path
        self.descriptor = descriptor
        self.identity = identity
        self.is_torn = False
        self.lines = 0


class _State:
    def __init__(self) -> None:
        # By process id: a forked child finds no file of its own here, and creates one.
        self.files: dict[int, _Open] = {}
        self.header: Callable[[], bytes] = bytes


_state = _State()


def begin_with(header: Callable[[], bytes]) -> None:
    """Let each new file begin with the line that this function returns."""
    _state.header = header


def path() -> str:
    """Return the path of this process's evidence, or of the folder if there is no file yet."""
    file = _state.files.get(SYSTEM.getpid())
    return file.path if file is not None else str(run.current().trace_dir)


def every() -> set[str]:
    """Return the names of all evidence files in the trace folder."""
    try:
        found = SYSTEM.listdir(str(run.current().trace_dir))
    except OSError:
        return set()
    return {name for name in found if name.startswith(f"{_KIND}-") and name.endswith(".jsonl")}


def sizes() -> dict[str, int]:
    """Return the size of each evidence file in the trace folder."""
    folder, found = str(run.current().trace_dir), {}
    for name in every():
        with suppress(OSError):
            found[name] = SYSTEM.stat(f"{folder}{SYSTEM.sep}{name}").st_size
    return found


def has_decisions_since(before: Mapping[str, int]) -> bool:
    """Return if an evidence file grew since ``before``, or is new and not this process's own session record alone."""
    file = _state.files.get(SYSTEM.getpid())
    own = file.path.rpartition(SYSTEM.sep)[2] if file is not None else ""
    grown = {name for name, size in sizes().items() if size > before.get(name, 0)}
    return bool(grown - {own}) or (file is not None and own in grown and (own in before or file.lines > 1))


def create() -> str:
    """Create this process's file, if there is none; return what went wrong and what to do, or an empty string."""
    return append(b"")


def append(line: bytes) -> str:
    """Put one line on disk; return what went wrong and what to do, or an empty string."""
    try:
        file = _opened()
        if line:
            _write(file, line)
    except OSError as error:
        return _described(error)
    return ""


def _described(error: OSError) -> str:
    if SYSTEM.replaced:
        return f"{', '.join(SYSTEM.replaced)} was replaced before plane-guard was installed. Load that tool later"
    return f"{error.strerror or error} ({path()}). {_REMEDIES.get(error.errno or 0, _WRITABLE)}"


def _write(file: _Open, line: bytes) -> None:
    content = b"\n" + line if file.is_torn else line
    if content[SYSTEM.write(file.descriptor, content) :]:
        # The next line must not continue this one.
        file.is_torn = True
        raise OSError(errno.ENOSPC, "only a part of the line could be written")
    file.is_torn = False
    file.lines += 1


def _opened() -> _Open:
    """Return this process's file, ready to be written to; raises `OSError`."""
    if SYSTEM.replaced:
        raise OSError
    pid = SYSTEM.getpid()
    file = _state.files.get(pid)
    if file is None:
        return _kept(pid, _create())
    if not _is_at(file):
        # The trace folder was deleted or moved.
        _state.files[pid] = file = _create()
    elif not _is_behind(file):
        # The code under test closed our descriptor, and its number may belong to another file by now.
        file.descriptor = SYSTEM.open(file.path, SYSTEM.append_flags)
        if not _is_behind(file):
            raise OSError(errno.ESTALE, "the file was replaced")
    return file


def _kept(pid: int, new: _Open) -> _Open:
    """Return the file of the thread that came first, and remove the others'."""
    kept = _state.files.setdefault(pid, new)
    if kept is not new:
        SYSTEM.close(new.descriptor)
        SYSTEM.unlink(new.path)
    return kept


def _is_at(file: _Open) -> bool:
    try:
        return _identity(SYSTEM.stat(file.path)) == file.identity
    except OSError:
        return False


def _is_behind(file: _Open) -> bool:
    try:
        return _identity(SYSTEM.fstat(file.descriptor)) == file.identity
    except OSError:
        return False


def _create() -> _Open:
    path, descriptor = new_file(_KIND)
    try:
        file = _Open(path, descriptor, _identity(SYSTEM.fstat(descriptor)))
        _write(file, _state.header())
    except BaseException:
        # Without its header the file would not say whose evidence it is. The next attempt makes another one.
        SYSTEM.close(descriptor)
        SYSTEM.unlink(path)
        raise
    return file


def new_file(kind: str) -> tuple[str, int]:
    """Create another file of this process in the trace folder; return its path and descriptor. Raises `OSError`."""
    folder = str(run.current().trace_dir)
    SYSTEM.make_folder(folder)
    _keep_out_of_git(folder)
    stem = f"{folder}{SYSTEM.sep}{kind}-{_host()}-{SYSTEM.getpid()}"
    while True:
        path = f"{stem}-{SYSTEM.now_ns():x}.jsonl"
        try:
            return path, SYSTEM.open(path, SYSTEM.append_flags | SYSTEM.new_file_flags, _READABLE)
        except FileExistsError:
            continue


def _keep_out_of_git(folder: str) -> None:
    ignore = f"{folder}{SYSTEM.sep}.gitignore"
    try:
        descriptor = SYSTEM.open(ignore, SYSTEM.append_flags | SYSTEM.new_file_flags, _READABLE)
    except OSError:
        return
    SYSTEM.write(descriptor, b"*\n")
    SYSTEM.close(descriptor)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _host() -> str:
    return "".join(letter for letter in SYSTEM.host_name if letter.isalnum() or letter in "._-")[:64] or "host"

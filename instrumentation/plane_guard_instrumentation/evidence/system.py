"""Clock, random numbers and files for evidence, out of reach of what tests replace.

The functions are captured when the guard is installed, before the first test runs. They are attributes of one object,
because pyfakefs and freezegun replace the globals of every module, but do not look into objects.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Nanoseconds = Callable[[], int]

_SECOND_NS = 1_000_000_000
_LARGEST_FILE = 4_194_304
_PRIVATE = 0o700
_CLOCK_REALTIME_COARSE = 5  # of Linux; `time` has no name for it
_CAPTURED = (
    *("close", "fstat", "getpid", "getppid", "listdir", "mkdir"),
    *("open", "read", "stat", "unlink", "urandom", "write"),
)


class Clock:
    """Real time that no test can set.

    ``elapsed`` is a monotonic clock, ``wall`` one that follows the machine's time, and ``real`` the time now.
    """

    __slots__ = ("_elapsed", "_offset", "_wall")

    def __init__(self, elapsed: Nanoseconds, wall: Nanoseconds | None, real: int) -> None:
        self._elapsed = elapsed
        self._wall = wall
        known = wall() if wall is not None else real
        self._offset = (real if abs(real - known) < _SECOND_NS else known) - elapsed()

    def now_ns(self) -> int:
        """Return the time in nanoseconds since 1970.

        The monotonic clock gives the resolution: the coarse one ticks every few milliseconds, and a decision would
        seem to precede the span around it. The coarse one is right if the machine's time was set, or if it slept.
        """
        precise = self._elapsed() + self._offset
        wall = self._wall() if self._wall is not None else precise
        return precise if abs(wall - precise) < _SECOND_NS else wall


def steady_clock() -> Nanoseconds:
    """Return a monotonic clock that no test can set, if it is not kept in a global of a module."""
    if not hasattr(time, "clock_gettime_ns"):  # Windows
        return time.perf_counter_ns
    # time-machine changes at C level what CLOCK_REALTIME says. It lets every other clock through.
    return partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)


def _real_clock() -> Clock:
    wall = partial(time.clock_gettime_ns, _CLOCK_REALTIME_COARSE) if sys.platform == "linux" else None
    return Clock(steady_clock(), wall, time.time_ns())


class System:
    """The functions of ``os`` and the clock, as they were when the guard was installed."""

    __slots__ = (
        *_CAPTURED,
        "append_flags",
        "environ",
        "folder",
        "host_name",
        "new_file_flags",
        "now_ns",
        "replaced",
        "sep",
    )
    close: Callable[[int], None]
    fstat: Callable[[int], os.stat_result]
    getpid: Callable[[], int]
    getppid: Callable[[], int]
    listdir: Callable[[str], list[str]]
    mkdir: Callable[[str, int], None]
    open: Callable[..., int]
    read: Callable[[int, int], bytes]
    stat: Callable[[str], os.stat_result]
    unlink: Callable[[str], None]
    urandom: Callable[[int], bytes]
    write: Callable[[int, bytes], int]

    def __init__(self) -> None:
        for name in _CAPTURED:
            setattr(self, name, getattr(os, name))
        # A mock is not a built-in function. Its results would be no evidence.
        self.replaced = [f"os.{name}" for name in _CAPTURED if type(getattr(os, name)) is not BuiltinFunctionType]
        self.now_ns = _real_clock().now_ns
        self.append_flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self.new_file_flags = os.O_CREAT | os.O_EXCL
        self.sep = os.sep
        self.host_name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "host")
        self.environ = dict(os.environ)
        self.folder = _working_directory()

    def random_hex(self, size: int) -> str:
        """Return ``size`` random bytes as hexadecimal digits. OpenTelemetry has no id of zeros only."""
        drawn = b""
        while not any(drawn):
            drawn = self.urandom(size)
        return drawn.hex()

    def make_folder(self, path: str) -> None:
        """Create a private folder and its parents, where they are missing."""
        try:
            self.mkdir(path, _PRIVATE)
        except FileExistsError:
            return
        except FileNotFoundError:
            parent = path.rstrip(self.sep).rpartition(self.sep)[0]
            if not parent:
                raise
            self.make_folder(parent)
            self.make_folder(path)

    def read_text(self, path: str) -> str:
        """Return the text of a small file; raises `OSError`, or `ValueError` if it is not UTF-8."""
        descriptor = self.open(path, os.O_RDONLY)
        try:
            return self.read(descriptor, _LARGEST_FILE).decode("utf-8")
        finally:
            self.close(descriptor)

    def exists(self, path: str) -> bool:
        """Return if there is a file or folder at this path."""
        try:
            self.stat(path)
        except (OSError, ValueError):
            return False
        return True


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep


SYSTEM: Final = System()

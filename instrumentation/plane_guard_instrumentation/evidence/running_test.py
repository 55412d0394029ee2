"""The test around a request: its node id, its phase, the work item it named, and if it expects blocks."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized
    from types import FrameType

_TEST_PHASES = ("setup", "call", "teardown")
_PHASES = {f"{phase})": phase for phase in _TEST_PHASES}
_RUNNER = "call_and_report"
_work_item: ContextVar[str | None] = ContextVar("plane_guard_work_item", default=None)
# `threading.active_count()` says the same at ten times the price, several times a test. Without it, always look.
_threads: Sized = getattr(threading, "_active", "more than one")


class Running:
    """The running test and its phase, as far as they are known."""

    __slots__ = ("expected", "phase", "test")

    def __init__(self, test: str | None = None, phase: str | None = None, expected: bool = False) -> None:  # noqa: FBT001, FBT002
        self.test = test
        self.phase = phase
        self.expected = expected


class _Now:
    """The running test and its phase as plain values. `Running` is made from them only for a decision."""

    __slots__ = ("phase", "test")

    def __init__(self) -> None:
        self.phase: str | None = None
        self.test: tuple[str | None, bool] = (None, False)
        """The node id of the running test, and if it expects blocks."""


class _State:
    threads: ClassVar[WeakKeyDictionary[threading.Thread, Running]] = WeakKeyDictionary()


_now = _Now()


def set_running(running: Running | None) -> None:
    """Set the running test. One test at a time runs in a process, in any of its threads."""
    _now.test = (running.test, running.expected) if running else (None, False)
    _now.phase = running.phase if running else None


def current() -> Running | None:
    """Return the test and phase that were set last."""
    test, expected = _now.test
    return Running(test, _now.phase, expected) if _now.phase else None


def begin(test: str | None, phase: str) -> None:
    """Begin a test that expects no blocks. Threads that exist already belong to the previous one."""
    if len(_threads) > 1:
        _adopt_threads()
    _now.test = test, False
    _now.phase = phase


def enter(phase: str) -> None:
    """Enter a phase of the same test. Threads that exist already belong to the previous one."""
    if len(_threads) > 1:
        _adopt_threads()
    _now.phase = phase


def expect_blocks() -> None:
    """Record further blocks of the running test as expected."""
    _now.test = _now.test[0], True


def _adopt_threads() -> None:
    """Remember the test that started each new thread, because the thread may outlive it.

    Threads of a pool are left out: they work for every test.
    """
    starter = current()
    for thread in threading.enumerate() if starter else ():
        if starter and thread not in _State.threads and not _is_pool_worker(thread):
            _State.threads[thread] = starter


def running() -> Running:
    """Return the running test: from the plugin, or from the variable that pytest sets for every test.

    A thread that outlives its test still belongs to it.
    """
    origin = _State.threads.get(threading.current_thread())
    if origin is not None and origin.test:
        return origin
    known = current()
    if known is None:
        return _from_environment()
    if known.test:
        # A test may have replaced `sys._getframe`.
        with suppress(Exception):
            known.phase = _on_the_stack() or known.phase
    return known


def _on_the_stack() -> str | None:
    """Return the phase in which pytest's runner calls the hooks of a test, in this thread or another one.

    Only the stack tells it while wrappers of other plugins run, or when a test is repeated.
    """
    for top in (sys._getframe(), *sys._current_frames().values()):  # noqa: SLF001  the documented way to a stack
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code.co_name == _RUNNER:
                phase = frame.f_locals.get("when")
                if isinstance(phase, str) and phase in _TEST_PHASES:
                    return phase
            frame = frame.f_back
    return None


def _from_environment() -> Running:
    test, opened, rest = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")
    phase = _PHASES.get(rest) if opened else None
    return Running(test, phase) if phase else Running()


def _is_pool_worker(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    return thread is threading.main_thread() or getattr(target, "__module__", "") == "concurrent.futures.thread"


@contextmanager
def work_item(key: str) -> Iterator[None]:
    """Name the work item, such as ``ORCH-114``, that the requests sent inside are about."""
    token = _work_item.set(key)
    try:
        yield
    finally:
        _work_item.reset(token)


def current_work_item() -> str | None:
    """Return the work item named around this request."""
    return _work_item.get()

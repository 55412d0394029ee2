"""What is going on around a request: which test, which phase, which work item, and whether blocks are expected."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

_CURRENT_TEST = re.compile(r"(?P<test>.*) \((?P<phase>setup|call|teardown)\)", re.DOTALL)
_work_item: ContextVar[str | None] = ContextVar("plane_guard_work_item", default=None)


class Running(NamedTuple):
    """What pytest is doing now, as far as the plugin or the environment tells."""

    test: str | None = None
    phase: str | None = None
    expected: bool = False


class _State:
    running: Running | None = None
    threads: ClassVar[WeakKeyDictionary[threading.Thread, Running]] = WeakKeyDictionary()


def set_running(running: Running | None) -> None:
    """Note what pytest is doing. One test at a time runs in a process, in whatever threads."""
    _State.running = running


def current() -> Running | None:
    """What `set_running` was last told."""
    return _State.running


def adopt_threads() -> None:
    """Remember for threads that are new now which test and phase started them: they may outlive it.

    The workers of a pool are left out: they serve whichever test hands them work.
    """
    threads = threading.enumerate()
    for thread in threads if len(threads) > 1 else ():
        if _State.running and thread not in _State.threads and not _is_pool_worker(thread):
            _State.threads[thread] = _State.running


def running() -> Running:
    """What is being run: from the plugin, or from the variable that pytest sets for every test.

    A thread that outlives its test still belongs to it.
    """
    origin = _State.threads.get(threading.current_thread())
    if origin is not None and origin.test:
        return origin
    if _State.running is not None:
        return _State.running
    current = _CURRENT_TEST.fullmatch(os.environ.get("PYTEST_CURRENT_TEST", ""))
    return Running(current["test"], current["phase"]) if current else Running()


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
    """The work item named around this request."""
    return _work_item.get()

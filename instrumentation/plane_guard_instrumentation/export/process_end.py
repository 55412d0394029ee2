"""The ways in which a process ends or divides, for a background thread that wants to be done by then."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], None]


def at_exit(call: Call) -> None:
    """Have this called last, but not by `os._exit`."""
    atexit.register(call)


def before_threads_end(call: Call) -> None:
    """Have this called while Python still starts threads and executors: before `atexit`, and before executors end."""
    import concurrent.futures.thread  # noqa: F401  what it registers has to be called after this
    import threading

    with suppress(AttributeError, RuntimeError):  # private, and there since 3.9 for what that import registers
        threading._register_atexit(call)  # type: ignore[attr-defined]  # noqa: SLF001


def around_forks(before: Call, after: Call) -> None:
    """Have these called in the parent. Hooks that were registered earlier, such as that of logging, run within."""
    os.register_at_fork(before=before, after_in_parent=after)


def when_a_worker_of_multiprocessing_ends(call: Call) -> None:
    """Such a process leaves without running what is registered with `atexit`."""
    module = sys.modules.get("multiprocessing.util")
    if module is not None and sys.modules["multiprocessing.process"].parent_process() is not None:
        module.Finalize(None, call, exitpriority=0)

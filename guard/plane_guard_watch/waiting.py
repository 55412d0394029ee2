"""Wait for another thread that installs the guard.

PYTEST_DONT_REWRITE: it is imported by a module that pytest cannot rewrite.
"""

import _frozen_importlib
import sys
from _thread import get_ident

import plane_guard_watch

_SECONDS, _MOST_WAITS = 0.01, 6000  # a minute in all, counted because tests replace clocks
_CONNECTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendmsg", "socket.sendto"})
_TIMEOUT = "another thread did not finish the installation of the guard"
_REFUSED = (
    "plane-guard: another thread is installing the guard and waits for an import of this thread, so this thread may "
    "not connect yet. Connect after the import"
)


class _State:
    holds_connections = False


def wait() -> bool:
    """Take the lock of the installation as soon as its thread has released it.

    Return false if that thread waits for a module that this thread is importing. Waiting would be a deadlock, so this
    thread has to go on. It waits before its next connection instead.
    """
    state = plane_guard_watch.STATE
    for _ in range(_MOST_WAITS):
        if state.lock.acquire(timeout=_SECONDS):
            return True
        if _is_blocked_by(state.installer, get_ident()):
            _hold_connections()
            return False
    raise TimeoutError(_TIMEOUT)


def _is_blocked_by(thread: int, other: int) -> bool:
    """Return if a thread waits for the import of a module that another thread is importing, directly or not."""
    # Python's own record, by which it avoids deadlocks among imports. Without it, a deadlock ends with the limit above.
    blocking_on = getattr(_frozen_importlib, "_blocking_on", {})  # since Python 3.12 no dictionary, but has `get`
    seen: set[int] = set()
    while thread not in seen:
        seen.add(thread)
        found = blocking_on.get(thread)  # since Python 3.12 a list
        lock = found[-1] if isinstance(found, list) and found else found
        thread = getattr(lock, "owner", None) or thread
        if thread == other:
            return True
    return False


def _hold_connections() -> None:
    if not _State.holds_connections:
        _State.holds_connections = True
        sys.addaudithook(_before_connection)


def _before_connection(event: str, _: object) -> None:
    if event in _CONNECTS and plane_guard_watch.STATE.installer not in {0, get_ident()}:
        if not wait():
            raise RuntimeError(_REFUSED)
        plane_guard_watch.STATE.lock.release()

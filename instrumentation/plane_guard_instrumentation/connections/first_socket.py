"""What only sockets need comes with the first of them: most tests open none, and an audit hook sees every event.

Whatever makes a socket makes one of the class in `_socket` or of a class below it, and whatever looks a name up calls
one of the functions there. So these are made to say so, once, before any other module has seen them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = "_socket"
_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")


def can_exist() -> bool:
    """Whether somebody may hold the class or the functions already, and make sockets unnoticed."""
    return MODULE in sys.modules


def await_one(come: Callable[[], None]) -> None:
    """Call ``come`` before the first socket is made or the first name is looked up, and then leave no trace.

    What it raises goes to whoever wanted that socket, who does not get it; the next one asks again.
    """
    import _socket

    modules = sys.modules  # in the last moments of a process it is not to be had

    class socket(_socket.socket):  # noqa: N801  the name that messages show
        __slots__ = ()

        def __init__(self, *args: Any, **options: Any) -> None:
            over()
            super().__init__(*args, **options)

    def over() -> None:
        come()
        with suppress(AttributeError):  # another thread was here already
            del socket.__init__
        for module in (_socket, modules.get("socket")):
            for name, lookup in lookups.items():
                if getattr(module, name, None) is lookup:
                    setattr(module, name, lookup.native)

    lookups = {name: _Lookup(getattr(_socket, name), over) for name in _LOOKUPS}
    socket.__module__, socket.__qualname__ = MODULE, "socket"
    _socket.socket = _socket.SocketType = socket  # type: ignore[misc]
    for name, lookup in lookups.items():
        setattr(_socket, name, lookup)


class _Lookup:
    """A function of `_socket`, and what to do before it is called. No function itself: on a class it binds no more."""

    def __init__(self, native: Callable[..., Any], before: Callable[[], None]) -> None:
        self.native = native
        self._before = before

    def __call__(self, *args: Any, **options: Any) -> Any:
        self._before()
        return self.native(*args, **options)

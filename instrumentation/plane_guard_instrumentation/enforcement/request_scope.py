"""Tokens that accompany a request through its client: who may open a connection, and which request was checked.

They are objects in context variables, so they follow a request into tasks and awaited calls. They expire with the
request and with the process: a task that outlives the request, or a forked child, holds a token that opens nothing.
"""

from __future__ import annotations

from contextvars import ContextVar
from os import getpid
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from contextvars import Token


class _Scope:
    """A context manager that puts itself into a context variable."""

    __slots__ = ("_alive", "_pid", "_reset")
    _variable: ClassVar[_Variable]
    _reset: Token[_Scope | None]

    def __enter__(self) -> Self:
        self._alive = True
        self._pid = getpid()
        self._reset = self._variable.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._alive = False
        try:  # noqa: SIM105  `suppress` costs as much as everything else here
            self._variable.reset(self._reset)
        except ValueError:  # an abandoned coroutine may be closed in another context
            pass

    def is_valid(self) -> bool:
        """Return if the scope is still open, in the process that opened it."""
        return self._alive and self._pid == getpid()


_Variable = ContextVar[_Scope | None]
_connecting: _Variable = ContextVar("plane_guard_connecting", default=None)
_asking: _Variable = ContextVar("plane_guard_asking", default=None)
_sending: _Variable = ContextVar("plane_guard_sending", default=None)


class _Connecting(_Scope):
    """Connections opened in this scope belong to a request that a patch has seen."""

    __slots__ = ()
    _variable = _connecting


class _Sending(_Scope):
    """A request that a patch has seen and that is on its way to the next patch of the same client.

    ``checked`` is the form in which the request passed the check, or ``None`` if a deeper patch must check it.
    """

    __slots__ = ("checked", "request")
    _variable = _sending

    def __init__(self, request: object, checked: object = None) -> None:
        self.request = request
        self.checked = checked


class _Asking(_Scope):
    """A request of this scope may connect before its head is complete, as urllib3 does for TLS."""

    __slots__ = ()
    _variable = _asking


Sending = _Sending
asking = _Asking
connecting = _Connecting
sending = _Sending


def is_connecting() -> bool:
    """Return if the connection that is being opened now belongs to a request that a patch has seen."""
    scope = _connecting.get()
    return scope is not None and scope.is_valid()


def is_asking() -> bool:
    """Return if a client is opening a connection for a request of its own, which it will send by itself."""
    scope = _asking.get()
    return scope is not None and scope.is_valid()


def current() -> _Sending | None:
    """Return the scope of the request that is being sent now."""
    scope = _sending.get()
    return scope if isinstance(scope, _Sending) and scope.is_valid() else None


def checked_form(request: object) -> object:
    """Return the form in which this request was checked, if it is the one being sent now; otherwise ``None``."""
    scope = current()
    return scope.checked if scope is not None and scope.request is request else None

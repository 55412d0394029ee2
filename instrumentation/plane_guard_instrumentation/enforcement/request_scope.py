"""Tokens that a request carries through its client: this connection is a guarded client's, this request was judged.

They are objects in context variables, so they follow a request into tasks and awaited calls. They die with the request
and with the process: a task that outlives the request, or a forked child, holds a token that opens nothing.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from os import getpid
from typing import ClassVar


class _Here:
    """The process that tokens are made in. Asking each time is a quarter of what a token costs; `_held` asks."""

    pid = getpid()


def _note_process() -> None:
    _Here.pid = getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_process)


class _Token:
    """A context in which a variable holds this token. No generator, and one object: each read from Plane passes it."""

    __slots__ = ("_reset", "alive", "pid")
    _variable: ClassVar[_Variable]

    def __enter__(self) -> None:
        self.alive = True
        self.pid = _Here.pid
        self._reset = self._variable.set(self)

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.alive = False
        try:  # noqa: SIM105  `suppress` would cost as much as all the rest
            self._variable.reset(self._reset)
        except ValueError:  # an abandoned coroutine is closed in whatever context
            pass


_Variable = ContextVar[_Token | None]
_connecting: _Variable = ContextVar("plane_guard_connecting", default=None)
_sending: _Variable = ContextVar("plane_guard_sending", default=None)


class _Connecting(_Token):
    """Connections opened in here belong to a guarded client, whose shell judges each of their requests."""

    __slots__ = ()
    _variable = _connecting


class _Sending(_Token):
    """In here this request is sent, and was judged in this form.

    A client's method may be wrapped twice when another tool's wrapper hides the first shell; a request is judged once.
    """

    __slots__ = ("request", "sent")
    _variable = _sending

    def __init__(self, request: object, sent: object) -> None:
        self.request = request
        self.sent = sent


connecting = _Connecting
sending = _Sending


def is_connecting() -> bool:
    """Whether the connection that is being opened now belongs to a guarded client."""
    return _held(_connecting) is not None


def checked_form(request: object) -> object:
    """The form in which the request that is being sent now was judged; ``None`` for every other request."""
    token = _held(_sending)
    return token.sent if isinstance(token, _Sending) and token.request is request else None


def _held(variable: _Variable) -> _Token | None:
    token = variable.get()
    return token if token is not None and token.alive and token.pid == getpid() else None

"""Tokens that a request carries through its client: this connection is a guarded client's, this request was judged.

They are objects in context variables, so they follow a request into tasks and awaited calls. They die with the request
and with the process: a task that outlives the request, or a forked child, holds a token that opens nothing.
"""

from __future__ import annotations

import os
from contextvars import ContextVar


class _Token:
    __slots__ = ("alive", "pid", "request", "sent")

    def __init__(self, request: object = None, sent: object = None) -> None:
        self.alive = True
        self.pid = os.getpid()
        self.request = request
        self.sent = sent


_Variable = ContextVar[_Token | None]
_connecting: _Variable = ContextVar("plane_guard_connecting", default=None)
_sending: _Variable = ContextVar("plane_guard_sending", default=None)


class _Carried:
    """A context in which a variable holds a token. No generator: this is passed by every read from Plane."""

    __slots__ = ("_reset", "_token", "_variable")

    def __init__(self, variable: _Variable, token: _Token) -> None:
        self._variable = variable
        self._token = token

    def __enter__(self) -> None:
        self._reset = self._variable.set(self._token)

    def __exit__(self, *_: object) -> None:
        self._token.alive = False
        try:  # noqa: SIM105  `suppress` would cost as much as all the rest
            self._variable.reset(self._reset)
        except ValueError:  # an abandoned coroutine is closed in whatever context
            pass


def guarded() -> _Carried:
    """Connections opened in here belong to a guarded client, whose shell judges each of their requests."""
    return _Carried(_connecting, _Token())


def is_guarded() -> bool:
    """Whether the connection that is being opened now belongs to a guarded client."""
    return _held(_connecting) is not None


def judged(request: object, sent: object) -> _Carried:
    """In here this request is sent, and was judged in this form.

    A client's method may be wrapped twice when another tool's wrapper hides the first shell; a request is judged once.
    """
    return _Carried(_sending, _Token(request, sent))


def judged_form(request: object) -> object:
    """The form in which the request that is being sent now was judged; ``None`` for every other request."""
    token = _held(_sending)
    return token.sent if token is not None and token.request is request else None


def _held(variable: _Variable) -> _Token | None:
    token = variable.get()
    return token if token is not None and token.alive and token.pid == os.getpid() else None

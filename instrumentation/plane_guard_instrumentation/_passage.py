"""The token that says: this connection is being opened inside a client that has a shell.

It is an object in a context variable, so it follows a request into tasks and awaited calls. It dies with the request
and with the process: a task that outlives the request, or a forked child, holds a token that opens nothing.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Token:
    __slots__ = ("alive", "pid")

    def __init__(self) -> None:
        self.alive = True
        self.pid = os.getpid()


_current: ContextVar[_Token | None] = ContextVar("plane_guard_passage", default=None)


@contextmanager
def guarded() -> Iterator[None]:
    """Connections opened in here belong to a guarded client, whose shell judges each of their requests."""
    token = _Token()
    reset = _current.set(token)
    try:
        yield
    finally:
        token.alive = False
        with suppress(ValueError):  # an abandoned coroutine is closed in whatever context
            _current.reset(reset)


def is_guarded() -> bool:
    """Whether the connection that is being opened now belongs to a guarded client."""
    token = _current.get()
    return token is not None and token.alive and token.pid == os.getpid()

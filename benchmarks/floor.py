"""What lies beneath the shells, beside pytest-socket, which guards the same place."""

from __future__ import annotations

import socket
import sys

import pytest_socket

from benchmarks import timing
from benchmarks.registry import Effort, Figure, measure

_ADDRESS = ("127.0.0.1", 9)
_NUMBER = 2_000


@measure(
    "one connection, through the audit hook", against="what pytest-socket adds to it", goal=1.0, slip=8.0, unit="times"
)
def connection(effort: Effort) -> Figure:
    """The event that Python raises for a connection, with our hook in place; and a guarded connect, less the connect.

    The hook cannot be taken out again, so it is on both sides of what is subtracted.
    """
    rounds = effort.of(41, 9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        plain = socket.socket.connect
        pytest_socket.socket_allow_hosts([_ADDRESS[0]])
        guarded = socket.socket.connect
        pytest_socket._remove_restrictions()  # noqa: SLF001  as its own plugin does
        theirs = timing.calls(
            lambda: plain(end, _ADDRESS), lambda: guarded(end, _ADDRESS), rounds=rounds, number=_NUMBER
        )
        ours = timing.calls(
            lambda: None, lambda: sys.audit("socket.connect", end, _ADDRESS), rounds=rounds, number=_NUMBER
        )
    shown = timing.added_us(ours), timing.added_us(theirs)
    return Figure(ours.added / theirs.added, *(f"{figure.value:.3g} us" for figure in shown))

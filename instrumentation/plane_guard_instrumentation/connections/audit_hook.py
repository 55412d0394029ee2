"""The floor: Python's own audit events for looking a host up and connecting to it, whatever the client is.

The hook stays for the life of the interpreter, its last moments included, so it holds what it needs in a closure and
shares this module with nothing that a user made. Every event of the process passes it, and to be called at all costs
more than the one look into a table that it is: so it comes with the first socket.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard_instrumentation.connections import first_socket, known_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Arguments = tuple[Any, ...]

_PROBE = "plane_guard.probe"
_REFUSED = "the audit hook was not accepted: another audit hook of this process refuses new ones"
_LAYER = "socket"
_UNKNOWN = object()  # not None, which is in force before settings are
_elsewhere_under = known_hosts.elsewhere.get
_in_force = process._State  # noqa: SLF001  its function would be a third of what a connection costs


class _State:
    awaits_a_socket = False


def install() -> None:
    """Put the hook in place, once per interpreter: now, or with the first socket where there can be none yet.

    Raises `RuntimeError` if another audit hook of this process does not let it.
    """
    if _State.awaits_a_socket:
        return
    if first_socket.can_exist():
        lay()
    else:
        _ask_the_others()
        first_socket.await_one(lay)
        _State.awaits_a_socket = True


def is_installed() -> bool:
    """Whether every connection of this interpreter passes a hook of ours, from whatever copy of this module."""
    return _State.awaits_a_socket or _answers()


def lay() -> None:
    """Put the hook in place if there is none; raises `RuntimeError` if it does not answer afterwards.

    Two threads at a time put two in place: the second never sees what the first refuses.
    """
    if _answers():
        return
    with suppress(Exception):
        sys.addaudithook(_hook(_WATCHED))
    if not _answers():
        raise RuntimeError(_REFUSED)


def _ask_the_others() -> None:
    try:
        sys.audit("sys.addaudithook")  # what Python asks, too, when a hook is put in place
    except Exception as refused:
        raise RuntimeError(_REFUSED) from refused


def _answers() -> bool:
    answers: list[bool] = []
    sys.audit(_PROBE, answers)
    return bool(answers)


def _hook(watched: Mapping[str, Callable[[Arguments], None]]) -> Callable[[str, Arguments], None]:
    def hook(event: str, arguments: Arguments) -> None:
        if event in watched:
            __tracebackhide__ = True
            watched[event](arguments)

    return hook


def _on_probe(arguments: Arguments) -> None:
    arguments[0].append(True)


def _on_lookup(arguments: Arguments) -> None:
    __tracebackhide__ = True
    known_hosts.refuse_unpatched(arguments[0], arguments[1] if len(arguments) > 1 else None, _LAYER)


def _on_connection(arguments: Arguments) -> None:
    address = arguments[1]
    if type(address) is tuple and address:  # nearly always, and then one look into a memory
        host = address[0]
        if type(host) is str and _elsewhere_under(host, _UNKNOWN) is _in_force.fixed:
            return
    __tracebackhide__ = True
    if isinstance(address, tuple) and len(address) > 1:
        known_hosts.refuse_unpatched(address[0], address[1], _LAYER)


_WATCHED: dict[str, Callable[[Arguments], None]] = {
    _PROBE: _on_probe,
    "socket.getaddrinfo": _on_lookup,
    "socket.gethostbyname": _on_lookup,
    "socket.connect": _on_connection,
    "socket.sendto": _on_connection,
    "socket.sendmsg": _on_connection,
}

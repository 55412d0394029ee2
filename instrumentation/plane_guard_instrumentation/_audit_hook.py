"""The floor: Python's own audit events for looking a host up and connecting to it, whatever the client is.

The hook stays for the life of the interpreter, its last moments included, so it holds what it needs in a closure and
shares this module with nothing that a user made. Every event of the process passes it: it is one look into a table.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from plane_guard import _process
from plane_guard_instrumentation import _connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Arguments = tuple[Any, ...]

_PROBE = "plane_guard.probe"
_LAYER = "socket"
_UNKNOWN = object()  # not None, which is in force before settings are
_elsewhere_under = _connection.elsewhere.get
_in_force = _process._State  # noqa: SLF001  its function would be a third of what a connection costs


def install() -> None:
    """Put the hook in place, once per interpreter; raises `RuntimeError` if it does not answer afterwards."""
    if is_installed():
        return
    sys.addaudithook(_hook(_WATCHED))
    if not is_installed():
        raise RuntimeError("the audit hook was not accepted: another audit hook of this process refuses new ones")


def is_installed() -> bool:
    """Whether a hook of ours, from whatever copy of this module, answers in this interpreter."""
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
    _connection.judge(arguments[0], arguments[1] if len(arguments) > 1 else None, _LAYER)


def _on_connection(arguments: Arguments) -> None:
    address = arguments[1]
    if type(address) is tuple and address:  # nearly always, and then one look into a memory
        host = address[0]
        if type(host) is str and _elsewhere_under(host, _UNKNOWN) is _in_force.fixed:
            return
    __tracebackhide__ = True
    if isinstance(address, tuple) and len(address) > 1:
        _connection.judge(address[0], address[1], _LAYER)


_WATCHED: dict[str, Callable[[Arguments], None]] = {
    _PROBE: _on_probe,
    "socket.getaddrinfo": _on_lookup,
    "socket.gethostbyname": _on_lookup,
    "socket.connect": _on_connection,
    "socket.sendto": _on_connection,
    "socket.sendmsg": _on_connection,
}

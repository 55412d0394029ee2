"""Python's own audit events for looking a host up and connecting to it, whatever the client is.

The hook stays for the life of the interpreter, its last moments included. So it keeps what it needs in a closure and
shares this module with nothing that a user made.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.connections import known_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Arguments = tuple[Any, ...]

_PROBE = "plane_guard.probe"
_REFUSED = "the audit hook was not accepted: another audit hook of this process refuses new ones"
_LAYER = "socket"
_before_connection: list[Callable[[], object]] = []
_before_child: list[Callable[[Sequence[Any]], object]] = []


def install() -> None:
    """Install the hook unless it is installed; raise `RuntimeError` if it does not answer afterwards.

    Two threads at a time install two: the second never sees what the first refuses.
    """
    if is_installed():
        return
    with suppress(Exception):
        sys.addaudithook(_hook(_WATCHED))
    if not is_installed():
        raise RuntimeError(_REFUSED)


def is_installed() -> bool:
    """Return if a hook of ours answers in this interpreter, from whatever copy of this module."""
    answers: list[bool] = []
    sys.audit(_PROBE, answers)
    return bool(answers)


def before_connection(call: Callable[[], object]) -> None:
    """Call this before each connection, to find clients that were imported in an unusual way."""
    if call not in _before_connection:
        _before_connection.append(call)


def on_http_client_send(call: Callable[[Any, Any], None]) -> None:
    """Call this with connection and data whenever `http.client` sends something. What it raises stops that."""
    _WATCHED["http.client.send"] = lambda arguments: call(*arguments)


def on_open(call: Callable[[Any], None]) -> None:
    """Call this with the path whenever a file is opened. It must not raise."""
    _WATCHED["open"] = lambda arguments: call(arguments[0])


def before_child(call: Callable[[Sequence[Any]], object]) -> None:
    """Call this with the command line before a program is started as a child. It must not raise."""
    if call not in _before_child:
        _before_child.append(call)


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
    host, port = arguments[0], arguments[1] if len(arguments) > 1 else None
    known_hosts.refuse_unpatched(host, port, _LAYER)
    known_hosts.note_lookup(host, port)


def _on_connection(arguments: Arguments) -> None:
    __tracebackhide__ = True
    address = arguments[1]
    if not isinstance(address, tuple) or len(address) < 2:  # noqa: PLR2004  no internet address
        return
    for call in _before_connection:
        call()
    known_hosts.refuse_unpatched(address[0], address[1], _LAYER)


def _on_child(command: Sequence[Any]) -> None:
    for call in _before_child:
        call(command)


_WATCHED: dict[str, Callable[[Arguments], None]] = {
    _PROBE: _on_probe,
    "socket.getaddrinfo": _on_lookup,
    "socket.gethostbyname": _on_lookup,
    "socket.connect": _on_connection,
    "socket.sendto": _on_connection,
    "socket.sendmsg": _on_connection,
    "subprocess.Popen": lambda arguments: _on_child(arguments[1]),
    "os.posix_spawn": lambda arguments: _on_child(arguments[1]),
    "os.system": lambda arguments: _on_child(("sh", "-c", arguments[0])),
}

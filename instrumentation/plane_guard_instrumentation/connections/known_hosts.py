"""Connections to known Plane hosts: a request that a patch has seen may open one, everything else is refused.

A patch checks each request of its client. A client without a patch could send anything once it is connected, so the
refusal comes before that, and concerns reads as well.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from plane_guard import process
from plane_guard.hosts import host_name, matches, names
from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked

_MOST_ADDRESSES = 4_096


class _Resolved:
    """The names of listed hosts by the addresses that they were looked up as."""

    names: dict[str, str]

    def __init__(self) -> None:
        self.names = {}


_resolved = _Resolved()


def refuse_unpatched(host: object, port: object, layer: str) -> None:
    """Raise `PlaneWriteBlocked` if this is a Plane host and no request that a patch has seen asked for it."""
    __tracebackhide__ = True
    if plane_host(host, port) and not request_scope.is_connecting():
        refuse(host, port, layer)


def plane_host(host: object, port: object = None) -> str:
    """Return the known Plane host that a client means by a host and port; empty if it is none.

    Without a port, as in a lookup of a name, only hosts that are listed without one count.
    """
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("latin-1")
    if not isinstance(host, str) or not host:
        return ""
    text = str.__str__(host)  # a subclass may say that it equals another host
    hosts, number = process.fixed().hosts, _port(port)
    known = _known(text, number, hosts)
    if not known and text in _resolved.names:
        known = _known(_resolved.names[text], number, hosts)
    return known


@lru_cache(maxsize=1_024)  # each request and each connection asks
def _known(host: str, port: int | None, hosts: frozenset[str]) -> str:
    return host_name(host) if matches(hosts, host, port) else ""


def note_lookup(host: object, port: object) -> None:
    """Remember the addresses of a name that is listed with a port, if the lookup does not name that port.

    The connection that follows names an address only, so the name has to be known before.
    """
    name = host.decode("latin-1") if isinstance(host, (bytes, bytearray)) else host
    if not isinstance(name, str) or request_scope.is_connecting() or plane_host(name, port):
        return
    if not names(process.fixed().hosts, host_name(name)):
        return
    # The native one: gevent's asks a thread, in which this function would be called again without the scope below.
    import _socket

    with suppress(OSError, UnicodeError), request_scope.connecting():
        for *_, address in _socket.getaddrinfo(name, None):
            if len(_resolved.names) < _MOST_ADDRESSES:
                _resolved.names[str(address[0])] = host_name(name)


def refuse(host: object, port: object, layer: str) -> NoReturn:
    """Record and raise `PlaneWriteBlocked` for a connection to a known Plane host."""
    __tracebackhide__ = True
    raise refusal(host, port, layer)


def refusal(host: object, port: object, layer: str) -> PlaneWriteBlocked:
    """Return the refusal of a connection, with its evidence on disk. It is refused whatever goes wrong with that.

    The imports are here because most test processes never open such a connection. If they fail, in the last moments
    of a process, that error refuses the connection instead.
    """
    from plane_guard import Decision, Op, PlaneWrite, PlaneWriteBlocked, Reason
    from plane_guard.vocabulary import Target
    from plane_guard_instrumentation.enforcement import events
    from plane_guard_instrumentation.evidence import caller, record
    from plane_guard_instrumentation.evidence.outgoing import OutgoingRequest

    refused = Decision(allowed=False, reason=Reason.UNGUARDED_CLIENT)
    write = PlaneWrite("", "", Op.UNKNOWN, plane_host(host, port) or str(host), _port(port))
    sent = OutgoingRequest(layer, "", "", (), b"", "")
    client = caller.library()
    blocked = PlaneWriteBlocked(write, refused, layer, f"It was opened by {client}." if client else "")
    with suppress(Exception):
        events.prepare_decision()
        record.decision(write, sent, refused, Target.UNRESOLVED)
        record.remember(blocked)
    return blocked


def _port(port: object) -> int | None:
    if isinstance(port, (bytes, str)) and port.isdigit():
        return int(port)
    return port if type(port) is int and port > 0 else None

"""A connection to a known Plane host: a guarded client may open it, every other client is refused.

A shell judges each request of its client. A client without a shell could send anything once it is connected, so the
refusal comes before that, reads included.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from plane_guard import process
from plane_guard.hosts import host_name, matches, names
from plane_guard_instrumentation.enforcement import request_scope

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked
    from plane_guard.settings import Settings

_Host = TypeVar("_Host", str, bytes)
_MOST = 256
_LONGEST = 255  # of a name that can be looked up
_LONGEST_PORT = 5
# Texts that name no Plane host, each with the settings under which it was found to be none: others may know more hosts.
# Bytes have a memory of their own: both may have the same hash, and `python -b` warns where they are compared.
elsewhere: dict[str, Settings] = {}
_elsewhere_in_bytes: dict[bytes, Settings] = {}


def refuse_unpatched(host: object, port: object, layer: str) -> None:
    """Raise `PlaneWriteBlocked` if this is a Plane host and no guarded client is opening the connection."""
    __tracebackhide__ = True
    name = plane_host(host, port)
    if name and not request_scope.is_connecting():
        raise _refusal(name, port, layer)


def plane_host(host: object, port: object = None) -> str:
    """Return the known Plane host that a client hands to a socket, or the empty string."""
    fixed = process.fixed()
    if type(host) is bytes:
        return "" if _elsewhere_in_bytes.get(host) is fixed else _found(host, port, fixed, _elsewhere_in_bytes)
    if type(host) is str:
        return "" if elsewhere.get(host) is fixed else _found(host, port, fixed, elsewhere)
    return _matching(_name(host), port, fixed)


def _found(host: _Host, port: object, fixed: Settings, memory: dict[_Host, Settings]) -> str:
    name = _name(host)
    # An entry with a port makes a host Plane's on that port only, so such a host is never remembered as elsewhere.
    if not names(fixed.hosts, name) and len(host) <= _LONGEST:
        if len(memory) >= _MOST:
            memory.clear()
        memory[host] = fixed
    return _matching(name, port, fixed)


def _name(host: object) -> str:
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("latin-1")
    return host_name(host) if isinstance(host, str) else ""


def _matching(name: str, port: object, fixed: Settings) -> str:
    return name if matches(fixed.hosts, name, _number(port)) else ""


def _number(port: object) -> int | None:
    if isinstance(port, (str, bytes)):
        return int(port) if port.isdigit() and len(port) <= _LONGEST_PORT else None
    return port if type(port) is int else None


def _refusal(host: str, port: object, layer: str) -> PlaneWriteBlocked:
    """The refusal, with its evidence on disk. A connection is refused whatever goes wrong with that.

    What it needs is loaded here: most test processes never open such a connection. If it cannot be loaded any more,
    in the last moments of a process, that error refuses the connection instead.
    """
    from plane_guard import Decision, Op, PlaneWrite, PlaneWriteBlocked, Reason
    from plane_guard.vocabulary import Target
    from plane_guard_instrumentation.enforcement import events
    from plane_guard_instrumentation.evidence import caller, record
    from plane_guard_instrumentation.evidence.outgoing import OutgoingRequest

    refused = Decision(allowed=False, reason=Reason.UNGUARDED_CLIENT)
    write = PlaneWrite("", "", Op.UNKNOWN, host, port if type(port) is int else None)
    sent = OutgoingRequest(layer, "", "", (), b"", "")
    client = caller.library()
    refusal = PlaneWriteBlocked(write, refused, layer, f"It was opened by {client}." if client else "")
    with suppress(Exception):
        events.prepare_decision()
        record.decision(write, sent, refused, Target.UNRESOLVED)
        record.remember(refusal)
    return refusal

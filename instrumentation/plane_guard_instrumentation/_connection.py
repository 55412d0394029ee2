"""A connection to a known Plane host: a guarded client may open it, every other client is refused.

A shell judges each request of its client. A client without a shell could send anything once it is connected, so the
refusal comes before that, reads included.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard import _process
from plane_guard._hosts import host_name
from plane_guard_instrumentation import _passage

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked


def judge(host: object, port: object, layer: str) -> None:
    """Raise `PlaneWriteBlocked` if this is a Plane host and no guarded client is opening the connection."""
    __tracebackhide__ = True
    name = plane_host(host)
    if name and not _passage.is_guarded():
        raise _refusal(name, port, layer)


def plane_host(host: object) -> str:
    """The known Plane host that is meant by what a client hands to a socket, or the empty string."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("latin-1")
    name = host_name(host) if isinstance(host, str) else ""
    return name if name in _process.fixed().hosts else ""


def _refusal(host: str, port: object, layer: str) -> PlaneWriteBlocked:
    """The refusal, with its evidence on disk. A connection is refused whatever goes wrong with that.

    What it needs is loaded here: most test processes never open such a connection. If it cannot be loaded any more,
    in the last moments of a process, that error refuses the connection instead.
    """
    from plane_guard import Decision, Op, PlaneWrite, PlaneWriteBlocked, Reason
    from plane_guard._words import Target
    from plane_guard_instrumentation import _caller, _check, _record

    refused = Decision(allowed=False, reason=Reason.UNGUARDED_CLIENT)
    write = PlaneWrite("", "", Op.UNKNOWN, host, port if type(port) is int else None)
    sent = _check.Sent(layer, "", "", (), b"", "")
    client = _caller.library()
    refusal = PlaneWriteBlocked(write, refused, layer, f"It was opened by {client}." if client else "")
    with suppress(Exception):
        _enforce()
        _record.decision(write, sent, refused, Target.UNRESOLVED)
        _record.remember(refusal)
    return refusal


def _enforce() -> None:
    """Let a forked child announce itself before its first decision."""
    from plane_guard_instrumentation import _boot

    _boot.enforce()

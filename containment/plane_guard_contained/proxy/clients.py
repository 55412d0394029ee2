"""The process that opened a connection, as far as /proc tells."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from socket import inet_aton
from typing import NamedTuple

from plane_guard_instrumentation.evidence.outgoing import Client

_LOCAL, _REMOTE, _INODE = 1, 2, 9
_NOBODY = "0"
_LONGEST_NAME = 40
_PID_IN_EACH_NAMESPACE = "NSpid:"


Address = tuple[str, int]


class Origin(NamedTuple):
    """A connection as its client sees it, and a process in the client's network namespace."""

    local: Address
    remote: Address
    neighbour: int | str = "self"


def find(origin: Origin) -> Client:
    """Return the process that holds the socket at the client's end of a connection."""
    with suppress(OSError):
        # Other connections, also such as are long closed, can have the same local address.
        wanted = [_shown(origin.local), _shown(origin.remote)]
        with open(f"/proc/{origin.neighbour}/net/tcp", encoding="ascii") as table:
            rows = map(str.split, table)
            inode = next((row[_INODE] for row in rows if row[_LOCAL : _REMOTE + 1] == wanted), _NOBODY)
        return _holder(f"socket:[{inode}]") if inode != _NOBODY else Client()
    return Client()


def _shown(address: Address) -> str:
    """Return an address as /proc shows it."""
    host, port = address
    return f"{struct.unpack('=I', inet_aton(host))[0]:08X}:{port:04X}"


def own_pid(pid: int) -> int:
    """Return the id of a process as the process itself sees it, which differs in another process namespace."""
    with suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
        for line in status:
            if line.startswith(_PID_IN_EACH_NAMESPACE):
                return int(line.split()[-1])
    return pid


def _holder(link: str) -> Client:
    # The newest processes first: they are the ones that connect.
    for pid in sorted((int(name) for name in os.listdir("/proc") if name.isdecimal()), reverse=True):
        folder = f"/proc/{pid}/fd"
        with suppress(OSError):
            for descriptor in os.listdir(folder):
                with suppress(OSError):
                    if os.readlink(f"{folder}/{descriptor}") == link:
                        return Client(_name(pid), pid)
    return Client()


def _name(pid: int) -> str:
    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()[:_LONGEST_NAME]

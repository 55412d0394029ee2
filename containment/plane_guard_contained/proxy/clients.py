"""The process that opened a connection, as far as /proc tells."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from socket import inet_aton
from typing import NamedTuple

from plane_guard_instrumentation.evidence.outgoing import Client

_LOCAL, _INODE = 1, 9
_LONGEST_NAME = 40
_PID_IN_EACH_NAMESPACE = "NSpid:"


class Origin(NamedTuple):
    """The end of a connection at which the client is, and a process in its network namespace."""

    address: str
    port: int
    neighbour: int | str = "self"


def find(origin: Origin) -> Client:
    """Return the process that holds the socket at the client's end of a connection."""
    address, port, neighbour = origin
    with suppress(OSError):
        wanted = f"{struct.unpack('=I', inet_aton(address))[0]:08X}:{port:04X}"
        with open(f"/proc/{neighbour}/net/tcp", encoding="ascii") as table:
            rows = (line.split() for line in table)
            inode = next((row[_INODE] for row in rows if row[_LOCAL] == wanted), "0")
        return _holder(f"socket:[{inode}]") if inode != "0" else Client()
    return Client()


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

"""System calls that Python 3.11 has no function for. Each raises `OSError` with the name of the call."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

NEW_USER: Final = 0x10000000
NEW_PID: Final = 0x20000000
NEW_NET: Final = 0x40000000
NEW_MOUNTS: Final = 0x00020000
NEW_IPC: Final = 0x08000000

MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = "/proc/sys/kernel/cap_last_cap"
_FALLBACK_LAST_CAPABILITY = 40

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0) -> None:
    """Mount a file system, or with `MS_BIND` a file or folder over another one."""
    _checked(_libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, None), f"mount {target}")


def die_with_parent(signal: int) -> None:
    """Let the kernel send this signal to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def forbid_tracing() -> None:
    """Let no other process of this user read this one's memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def last_capability() -> int:
    """Return the highest capability that this kernel knows."""
    try:
        with open(_LAST_CAPABILITY, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return _FALLBACK_LAST_CAPABILITY


def drop_capabilities(last: int) -> None:
    """Give up all capabilities for good, as user 0 too. What is executed later cannot gain any either."""
    for capability in range(last + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header = ctypes.create_string_buffer(struct.pack("Ii", _LINUX_CAPABILITY_VERSION_3, 0))
    _checked(_libc.capset(header, ctypes.create_string_buffer(bytes(24), 24)), "capset")


def _prctl(option: int, argument: int) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0), f"prctl {option}")


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")

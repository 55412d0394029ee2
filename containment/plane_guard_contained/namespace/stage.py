"""The process between the launcher and the namespace: enters it, starts the command, and ends with its exit code.

It starts with the command's environment, so no token of the launcher is in its memory or in /proc.
"""

from __future__ import annotations

import os
import signal
import sys

from plane_guard_contained.namespace import enclosure, kernel, network, plan, status

_FAILED = 125
_BY_SIGNAL = 128
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# The terminal sends these to the command as well, which decides what they mean.
_IGNORED = (signal.SIGINT, signal.SIGQUIT)


def main() -> None:
    """Run the plan of the command line."""
    chosen = plan.read(sys.argv[1])
    for descriptor in (chosen.door, chosen.status):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  its only form
    try:
        _enter()
    except OSError as error:
        status.report_failure(chosen.status, status.ENTER, error)
        os._exit(_FAILED)
    outside = os.getpid()
    first = os.fork()
    if first == 0:
        enclosure.run(chosen, outside)
    os.close(chosen.door)
    os.close(chosen.status)
    os._exit(_wait(first))


def _enter() -> None:
    user, group = os.getuid(), os.getgid()
    kernel.unshare(kernel.NEW_USER | kernel.NEW_MOUNTS | kernel.NEW_NET | kernel.NEW_PID | kernel.NEW_IPC)
    # The signal is lost when credentials change, so only now.
    kernel.die_with_parent(signal.SIGKILL)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    network.raise_loopback()
    network.make_every_address_local()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _wait(first: int) -> int:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in _FORWARDED:
        signal.signal(number, lambda received, _: os.kill(first, received))
    code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    return code if code >= 0 else _BY_SIGNAL - code

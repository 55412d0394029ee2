"""Why this machine does not let a command be contained, and what to do about it."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

_APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_MOST_NAMESPACES = "/proc/sys/user/max_user_namespaces"
_DEBIAN = "/proc/sys/kernel/unprivileged_userns_clone"
_IN_DOCKER = ("/.dockerenv", "/run/.containerenv")
_OR_PROXY_ONLY = "Or use --contained=proxy-only, which sets a proxy and contains nothing."


class _Case(NamedTuple):
    holds: bool
    remedy: str


def explain(failed: str, number: int | None, message: str) -> str:
    """Return the text for a step that failed: what happened, and the remedy for the cause that is likeliest here."""
    cases = (
        _Case(failed == "start the command", "Check the command's name and that it may be executed."),
        _Case(
            _setting(_APPARMOR) == "1",
            "AppArmor restricts user namespaces here. Allow them: "
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        _Case(
            _setting(_MOST_NAMESPACES) == "0",
            "User namespaces are switched off here. Allow them: sudo sysctl -w user.max_user_namespaces=15000",
        ),
        _Case(
            _setting(_DEBIAN) == "0",
            "User namespaces are reserved for root here. Allow them: sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        _Case(
            any(map(os.path.exists, _IN_DOCKER)) and failed == "mount /proc",
            "This container hides parts of /proc. Start it with --security-opt systempaths=unconfined "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined, or with --privileged.",
        ),
        _Case(
            any(map(os.path.exists, _IN_DOCKER)),
            "This container forbids namespaces. Start it with --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined, or with --privileged.",
        ),
        _Case(
            number in {errno.EPERM, errno.EACCES},
            "The kernel forbids it to this user. Ask the administrator to allow unprivileged user namespaces.",
        ),
        _Case(holds=True, remedy="See the section on requirements in docs/contained.md."),
    )
    remedy = next(case.remedy for case in cases if case.holds)
    return f"The command could not be contained: it failed to {failed} ({message}). {remedy} {_OR_PROXY_ONLY}"


def _setting(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""

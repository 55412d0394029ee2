"""The one place where the core looks at the process: evidence of tests, and settings that are fixed at its start.

Only the opt-in and the allowlist are read for each decision. What a test does to the environment later can add
protection but never take it away.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import plane_guard_watch
from plane_guard import hosts
from plane_guard.settings import (
    HOSTS_VARIABLE,
    OPT_IN_VARIABLE,
    PROTECTED_VARIABLE,
    SANDBOX_VARIABLE,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_READ_AT_CALL_TIME = (OPT_IN_VARIABLE, SANDBOX_VARIABLE, PROTECTED_VARIABLE)
_MOST_ON_LOOPBACK = 16


class _State:
    fixed: Settings | None = None
    is_allowlist_fixed = False
    """True if pyproject has `sandbox_projects`: then the environment can only narrow it."""
    is_opt_in_heard = True
    """False while pytest runs something that no opt-in covers, such as collection."""
    last: tuple[object, Settings] | None = None
    """The inputs of the last call of `settings`, and its result."""
    learned_on_loopback: tuple[str, ...] = ()
    on_host_learned: tuple[Callable[[str], object], ...] = ()


def in_test_process() -> str:
    """Return why this process counts as a test process, or an empty string. Once found, it stays found."""
    return plane_guard_watch.in_test_process()


test_evidence = in_test_process


def note_evidence(evidence: str) -> None:
    """Record evidence that the caller has, and install the guard if it is not installed yet."""
    plane_guard_watch.note_evidence(evidence)


def hear_opt_in(*, heard: bool) -> bool:
    """Say if an opt-in counts from now on, and return if it did before. It never counts for more than the sandbox."""
    before, _State.is_opt_in_heard = _State.is_opt_in_heard, heard
    return before


def fix(
    pyproject: Mapping[str, object] | None = None,
    *,
    pyproject_problem: str = "",
    handed_down: Mapping[str, str] | None = None,
) -> Settings:
    """Fix for this process what is not read at call time: hosts, protected projects, the allowlist of pyproject.

    Called again, it can only add hosts and protection to what was fixed before; only another table of pyproject
    replaces the allowlist. ``handed_down`` are variables of a guarded ancestor, which add to those of this process.
    """
    before = _State.fixed
    environ = {name: value for name, value in os.environ.items() if name != SANDBOX_VARIABLE}
    for name, value in (handed_down or {}).items():
        environ[name] = ",".join(filter(None, (environ.get(name), value)))
    now = Settings.from_environ(environ, pyproject, pyproject_problem=pyproject_problem)
    if before is not None:
        now = now._replace(
            sandbox_projects=before.sandbox_projects if pyproject is None else now.sandbox_projects,
            hosts=now.hosts | before.hosts,
            protected_projects=now.protected_projects | before.protected_projects,
            protection_known=now.protection_known and before.protection_known,
            problems=tuple(dict.fromkeys((*before.problems, *now.problems))),
        )
    if pyproject is not None:
        _State.is_allowlist_fixed = "sandbox_projects" in pyproject
    _State.fixed = now
    return now


def fixed() -> Settings:
    """Return what was fixed at the start, from the environment alone if nothing was fixed yet."""
    return _State.fixed if _State.fixed is not None else fix()


def handed_down() -> dict[str, str]:
    """Return the fixed settings that children must not lose, as the variables that hold them."""
    settings = fixed()
    found = {HOSTS_VARIABLE: ",".join(sorted(settings.hosts))}
    if not settings.protection_known:
        # Any value that is not a project key: children, too, must not know what is protected.
        found[PROTECTED_VARIABLE] = "unknown-in-parent-process"
    elif settings.protected_projects:
        found[PROTECTED_VARIABLE] = ",".join(sorted(settings.protected_projects))
    return found


def learn_host(host: str, port: int | None) -> None:
    """Add a host to the fixed ones for the rest of this process, and call the listeners if it is new.

    A standard port counts as none, except on loopback, where other services listen on other ports.
    """
    start = fixed()
    if hosts.matches(start.hosts, host, port):
        return
    name = hosts.host_name(host)
    on_loopback = hosts.is_loopback(name)
    found = hosts.entry(name, port if on_loopback or port not in hosts.STANDARD_PORTS else None)
    known = start.hosts | {found}
    if on_loopback:
        # Fake servers of later tests get the ports of earlier ones again, and need not be Plane's.
        learned = (*_State.learned_on_loopback, found)
        known -= frozenset(learned[:-_MOST_ON_LOOPBACK])
        _State.learned_on_loopback = learned[-_MOST_ON_LOOPBACK:]
    _State.fixed = start._replace(hosts=known)
    for call in _State.on_host_learned:
        call(found)


def on_host_learned(call: Callable[[str], object]) -> None:
    """Call this with the entry of each host that is learned from now on."""
    if call not in _State.on_host_learned:
        _State.on_host_learned = (*_State.on_host_learned, call)


def settings(*, is_loopback: bool = False) -> Settings:
    """Return the settings in force now, for a request to a server on this machine or to another one.

    On loopback, where a fake Plane listens, the environment's allowlist may add to that of pyproject.
    """
    environ = {name: os.environ[name] for name in _READ_AT_CALL_TIME if name in os.environ}
    start = fixed()
    inputs = (start, environ, is_loopback, _State.is_allowlist_fixed, _State.is_opt_in_heard)
    if _State.last is None or _State.last[0] != inputs:
        narrow = _State.is_allowlist_fixed and not is_loopback
        _State.last = inputs, _in_force(start, environ, narrow=narrow, heard=_State.is_opt_in_heard)
    return _State.last[1]


def _in_force(start: Settings, environ: Mapping[str, str], *, narrow: bool, heard: bool) -> Settings:
    now = Settings.from_environ(environ)
    allowed = now.sandbox_projects if SANDBOX_VARIABLE in environ else start.sandbox_projects
    return Settings(
        write_enabled=now.write_enabled and heard,
        sandbox_projects=allowed & start.sandbox_projects if narrow else allowed,
        protected_projects=now.protected_projects | start.protected_projects,
        hosts=start.hosts,
        protection_known=now.protection_known and start.protection_known,
        problems=tuple(dict.fromkeys((*start.problems, *now.problems))),
    )

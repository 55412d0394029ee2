"""The one place where the core looks at the process: its environment, its modules, and what was fixed at start.

Only the opt-in and the allowlist are read anew for each decision. What a test does to the environment later can
add protection but never take it away.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from plane_guard import hosts
from plane_guard.settings import (
    OPT_IN_VARIABLE,
    PROTECTED_VARIABLE,
    SANDBOX_VARIABLE,
    TEST_PROCESS_VARIABLE,
    Settings,
    is_true,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_READ_AT_CALL_TIME = (OPT_IN_VARIABLE, SANDBOX_VARIABLE, PROTECTED_VARIABLE)
_ENVIRON = type(os.environ)
_HELD_AS = tuple(os.environ.encodekey(name) for name in _READ_AT_CALL_TIME)
_MOST_ON_LOOPBACK = 16
_PYTEST_VARIABLES = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION")


class _State:
    evidence = ""
    fixed: Settings | None = None
    last: tuple[Settings, tuple[Any, ...], Settings] | None = None
    """What was fixed, what was read at the last call, and the settings that both make."""
    learned_on_loopback: tuple[str, ...] = ()
    on_host_learned: tuple[Callable[[str], object], ...] = ()


def test_evidence() -> str:
    """Why this process counts as a test process, or the empty string. Once found, it stays found."""
    if not _State.evidence:
        _State.evidence = _look()
    return _State.evidence


def note_evidence(evidence: str) -> None:
    """Latch evidence that the caller has, such as the command line of a process that is about to run pytest."""
    _State.evidence = _State.evidence or evidence


def _look() -> str:
    if "pytest" in sys.modules:
        return "pytest is imported"
    for variable in _PYTEST_VARIABLES:
        if variable in os.environ:
            return f"{variable} is set"
    if is_true(os.environ.get(TEST_PROCESS_VARIABLE)):
        return f"{TEST_PROCESS_VARIABLE} is set"
    main = sys.modules.get("__main__")
    if getattr(getattr(main, "__spec__", None), "name", None) in {"unittest.__main__", "unittest"}:
        return "unittest is the main module"
    return ""


def fix(pyproject: Mapping[str, object] | None = None, *, pyproject_problem: str = "") -> Settings:
    """Fix for this process what is not read at call time: hosts, protected projects, the allowlist of pyproject.

    Called again, it can only add hosts and protection to what was fixed before; only another table of pyproject
    replaces the allowlist.
    """
    before = _State.fixed
    environ = {name: value for name, value in os.environ.items() if name != SANDBOX_VARIABLE}
    now = Settings.from_environ(environ, pyproject, pyproject_problem=pyproject_problem)
    if before is not None:
        now = now._replace(
            sandbox_projects=before.sandbox_projects if pyproject is None else now.sandbox_projects,
            hosts=now.hosts | before.hosts,
            protected_projects=now.protected_projects | before.protected_projects,
            protection_known=now.protection_known and before.protection_known,
            problems=tuple(dict.fromkeys((*before.problems, *now.problems))),
        )
    _State.fixed = now
    return now


def fixed() -> Settings:
    """What was fixed at start; read from the environment alone if nobody fixed it yet."""
    return _State.fixed if _State.fixed is not None else fix()


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


def settings() -> Settings:
    """The settings in force now."""
    start, last, values = fixed(), _State.last, _values()
    if last is None or last[0] is not start or last[1] != values:
        last = _State.last = start, values, _read(start, values)
    return last[2]


def _values() -> tuple[Any, ...]:
    """What is read at call time, in the form it is held in: the environment's own `get` takes many times as long."""
    raw = getattr(os.environ, "_data", None)  # pragma: no mutate
    if type(os.environ) is _ENVIRON and type(raw) is dict:  # pragma: no mutate  the same values, sooner
        return tuple(map(raw.get, _HELD_AS))  # pragma: no mutate
    return tuple(map(os.environ.get, _READ_AT_CALL_TIME))


def _read(start: Settings, values: tuple[Any, ...]) -> Settings:
    named = zip(_READ_AT_CALL_TIME, values, strict=True)  # pragma: no mutate  they are as many
    environ = {name: os.fsdecode(value) for name, value in named if value is not None}
    now = Settings.from_environ(environ)
    return Settings(
        write_enabled=now.write_enabled,
        sandbox_projects=now.sandbox_projects if SANDBOX_VARIABLE in environ else start.sandbox_projects,
        protected_projects=now.protected_projects | start.protected_projects,
        hosts=start.hosts,
        protection_known=now.protection_known and start.protection_known,
        problems=tuple(dict.fromkeys((*start.problems, *now.problems))),
    )

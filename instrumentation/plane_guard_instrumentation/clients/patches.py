"""Which clients are guarded, and how their shells get into place: at once, or when the client is imported.

A shell is a plain function set on a class once per class identity. Nothing here depends on OpenTelemetry or wrapt:
what they wrap, they may unwrap.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard_instrumentation.clients.targets import EVERY, SEAMS, Sight, attribute
from plane_guard_instrumentation.connections import audit_hook, first_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plane_guard_instrumentation.clients.targets import Seam

__all__ = ["SEAMS", "WATCHED_MODULES", "install", "layers", "uninstall", "verify"]

_ORIGINAL = "__plane_guard_original__"
_DEEPEST = 5
WATCHED_MODULES = frozenset(seam.module for seam in EVERY) | {first_socket.MODULE}
"""The modules behind whose import `verify` has to be called."""


class _State:
    is_installed = False
    sight: Sight | None = None


def install() -> None:
    """Put the shells in place for imported clients now, and for the others when they are imported.

    In a test process the floor is laid as well; an audit hook cannot be taken out again, so nowhere else.
    """
    if process.test_evidence():
        audit_hook.install()
    _State.is_installed = True
    verify()


def uninstall() -> None:
    """Take the shells out again. For live processes only: in a test process the enforcement stays."""
    _State.is_installed = False
    for owner, seam in _imported_seams():
        original = getattr(owner.__dict__.get(seam.method), _ORIGINAL, None)
        if original is not None:
            setattr(owner, seam.method, original)


def verify() -> list[str]:
    """Put missing shells (back) in place; the names of those that were missing from an imported client."""
    if not _State.is_installed:
        return []
    last = _State.sight
    if last is not None and (last.seams is EVERY or not process.test_evidence()) and last.lasts():
        return []
    repaired = _repair()
    now = Sight(_seams())
    _State.sight = now if all(_is_settled(*seen) for seen in now.seen) else None
    return repaired


def _is_settled(name: str, owner: object, function: object) -> bool:
    """Whether a look at this class and this function again would find the same, as long as they are the same."""
    if owner is None:
        return True
    is_the_clients_own = isinstance(owner, type) and owner.__name__ == name
    return is_the_clients_own and (function is None or _ORIGINAL in getattr(function, "__dict__", {}))


def _repair() -> list[str]:
    repaired = []
    for owner, seam in _imported_seams():
        current = getattr(owner, seam.method)
        if not _is_guarded(current):
            module, _, name = seam.shell.partition(":")
            shell: Callable[[object, str], Callable[..., object]] = getattr(import_module(module), name)
            guarded = shell(current, seam.layer)
            setattr(guarded, _ORIGINAL, current)
            _put(guarded, owner, seam)
            repaired.append(f"{seam.layer} ({seam.module}.{seam.owner}.{seam.method})")
    return repaired


def layers() -> list[str]:
    """The clients that are guarded now, and those that will be when they are imported."""
    in_place = {seam.layer for _, seam in _imported_seams()}
    every = dict.fromkeys(seam.layer for seam in SEAMS)
    floor = ["socket floor"] if audit_hook.is_installed() else []
    return [layer if layer in in_place else f"{layer} (when imported)" for layer in every] + floor


def _seams() -> tuple[Seam, ...]:
    return EVERY if process.test_evidence() else SEAMS


def _imported_seams() -> Iterator[tuple[type, Seam]]:
    for seam in _seams():
        owner = _owner(seam)
        if owner is not None and hasattr(owner, seam.method):
            yield owner, seam


def _owner(seam: Seam) -> type | None:
    """The client's own class, also while a mock has put one of another name in its place."""
    module = sys.modules.get(seam.module)
    standing_there = attribute(module, seam.owner)
    if not isinstance(standing_there, type):
        return None
    if standing_there.__name__ == seam.owner:  # nearly always
        return standing_there
    return next((cls for cls in standing_there.__mro__ if cls.__name__ == seam.owner), None)


def _put(guarded: Callable[..., object], owner: type, seam: Seam) -> None:
    """Set the shell on the class; a class written in C is replaced by a subclass in its module."""
    try:
        setattr(owner, seam.method, guarded)
    except TypeError:
        members = {seam.method: guarded, "__module__": owner.__module__, "__doc__": owner.__doc__}
        setattr(sys.modules[seam.module], seam.owner, type(owner.__name__, (owner,), members))


def _is_guarded(function: object, depth: int = _DEEPEST) -> bool:
    """Whether a call of this function passes a shell, or a mock answers it; other tools' wrappers are looked through.

    A mock that stays in place for longer than a test must not be taken for a tool that stripped the guard: a shell
    around it would judge writes that never reach the wire.
    """
    if _ORIGINAL in getattr(function, "__dict__", {}) or _is_mock(function):
        return True
    return depth > 0 and any(_is_guarded(inner, depth - 1) for inner in _called_by(function))


def _called_by(function: object) -> Iterator[object]:
    """What a wrapper wraps: functools.wraps tells, respx holds it in a closure."""
    inner = getattr(function, "__wrapped__", None)
    if callable(inner):
        yield inner
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            if isinstance(cell.cell_contents, FunctionType):
                yield cell.cell_contents


def _is_mock(function: object) -> bool:
    mock = getattr(sys.modules.get("unittest.mock"), "NonCallableMock", None)  # absent while it is being imported
    return mock is not None and isinstance(function, mock)

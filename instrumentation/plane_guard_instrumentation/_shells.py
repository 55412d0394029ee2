"""Which clients are guarded, and how their shells get into place: at once, or when the client is imported.

A shell is a plain function set on a class once per class identity. Nothing here depends on OpenTelemetry or wrapt:
what they wrap, they may unwrap.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_ORIGINAL = "__plane_guard_original__"
_LONGEST_CHAIN = 50


class Seam(NamedTuple):
    """One method of a client through which its requests (or connections) pass, and the shell around it.

    ``module`` is the module whose import puts the shell in place; ``shell`` is ``module:function`` of ours, called
    with the method that was found there and with ``layer``.
    """

    layer: str
    module: str
    owner: str
    method: str
    shell: str


_HERE = "plane_guard_instrumentation"
SEAMS = (
    Seam("httpx", "httpcore", "ConnectionPool", "handle_request", f"{_HERE}._httpcore:guard_sync"),
    Seam("httpx", "httpcore", "AsyncConnectionPool", "handle_async_request", f"{_HERE}._httpcore:guard_async"),
)
_MODULES = frozenset(seam.module for seam in SEAMS)


def install() -> None:
    """Put the shells in place for imported clients now, and for the others when they are imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    verify()


def uninstall() -> None:
    """Take the shells out again. For live processes only: in a test process the enforcement stays."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for owner, seam in _imported_seams():
        original = getattr(owner.__dict__.get(seam.method), _ORIGINAL, None)
        if original is not None:
            setattr(owner, seam.method, original)


def verify() -> list[str]:
    """Put missing shells (back) in place; the names of those that were missing from an imported client."""
    repaired = []
    for owner, seam in _imported_seams():
        current = owner.__dict__[seam.method]
        if not _is_guarded(current):
            module, _, name = seam.shell.partition(":")
            shell: Callable[[object, str], Callable[..., object]] = getattr(import_module(module), name)
            guarded = shell(current, seam.layer)
            setattr(guarded, _ORIGINAL, current)
            setattr(owner, seam.method, guarded)
            repaired.append(f"{seam.layer} ({seam.module}.{seam.owner}.{seam.method})")
    return repaired


def layers() -> list[str]:
    """The clients that are guarded now, and those that will be when they are imported."""
    in_place = {seam.layer for _, seam in _imported_seams()}
    every = dict.fromkeys(seam.layer for seam in SEAMS)
    return [layer if layer in in_place else f"{layer} (when imported)" for layer in every]


def _imported_seams() -> Iterator[tuple[type, Seam]]:
    for seam in SEAMS:
        owner = getattr(sys.modules.get(seam.module), seam.owner, None)
        if isinstance(owner, type) and seam.method in owner.__dict__:
            yield owner, seam


def _is_guarded(function: object) -> bool:
    """Whether a call of this function passes a shell, other tools' wrappers around it included."""
    for _ in range(_LONGEST_CHAIN):
        if _ORIGINAL in getattr(function, "__dict__", {}):
            return True
        function = getattr(function, "__wrapped__", None)
        if function is None:
            return False
    return False


class _Finder:
    """Finds nothing itself: lets the other finders work, and guards a client as soon as its import is through."""

    def __init__(self) -> None:
        self._busy: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The client's own spec, whose loader puts the shells in place behind its work."""
        if name not in _MODULES or name in self._busy:
            return None
        self._busy.add(name)
        try:
            specs = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
            spec = next((found for found in specs if found is not None), None)
        finally:
            self._busy.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then_guard(spec.loader.exec_module)  # type: ignore[method-assign, assignment]
        return spec


def _then_guard(exec_module: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def exec_and_guard(module: ModuleType) -> None:
        exec_module(module)
        verify()

    return exec_and_guard

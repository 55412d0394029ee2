"""Look at what stands at the patch targets, without running any code of what stands there."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from plane_guard_instrumentation.clients.targets import PatchTarget

ORIGINAL = "__plane_guard_original__"
_DEEPEST = 5
_MISSING = object()
# Functions without a Python body, by the name of their type: C, Cython.
_NATIVE = frozenset(
    {"builtin_function_or_method", "cython_function_or_method", "method_descriptor", "wrapper_descriptor"}
)


class PatchSnapshot:
    """The modules, classes and functions at some targets; tells cheaply if any of them was replaced since."""

    def __init__(self, targets: Sequence[PatchTarget], others: Collection[str]) -> None:
        self.targets = targets
        self._modules = sys.modules
        names = dict.fromkeys([*(target.module for target in targets), *others])
        self._absent = [name for name in names if name not in sys.modules]
        self._found: dict[tuple[int, str], tuple[Mapping[str, object], str, object]] = {}
        for name in names.keys() - self._absent:
            self._note(sys.modules, name)
        for target in targets:
            if target.module in sys.modules:
                owner = self._note(namespace(sys.modules[target.module]), target.owner)
                self._note(namespace(owner), target.method)

    def is_current(self) -> bool:
        """Return if nothing was replaced and no other client was imported. Compares identities only."""
        if self._modules is not sys.modules or not sys.modules.keys().isdisjoint(self._absent):
            return False
        return all(place.get(name, _MISSING) is found for place, name, found in self._found.values())

    def _note(self, place: Mapping[str, object], name: str) -> object:
        found = place.get(name, _MISSING)
        self._found[id(place), name] = place, name, found  # keeps `place` alive, so its id stays its own
        return found


def namespace(place: object) -> Mapping[str, object]:
    """Return the attributes that a module or class holds itself; none for an object of another kind."""
    found: object = {}
    with suppress(Exception):  # tests put placeholders that raise anything into sys.modules
        found = vars(place) if isinstance(place, type) else object.__getattribute__(place, "__dict__")
    return found if isinstance(found, (dict, MappingProxyType)) else {}


def attribute(place: object, name: str) -> Any:
    """Return an attribute, or ``None`` if it is missing or cannot be read."""
    try:
        return getattr(place, name, None)
    except Exception:  # noqa: BLE001  as in `namespace`
        return None


def owner_of(target: PatchTarget) -> type | None:
    """Return the client's own class, also while a mock has put a subclass of another name in its place."""
    found = attribute(sys.modules.get(target.module), target.owner)
    if not isinstance(found, type):
        return None
    return next((cls for cls in found.__mro__ if cls.__name__ == target.owner), None)


def is_patched(function: object, depth: int = _DEEPEST) -> bool:
    """Return if a call of this function passes a patch of ours, as far as its wrappers show."""
    if ORIGINAL in namespace(function):
        return True
    return depth > 0 and any(is_patched(inner, depth - 1) for inner in _called_by(function))


def is_own(target: PatchTarget, function: object) -> bool:
    """Return if a function is the library's own, perhaps wrapped; false for what replaced it, such as a mock.

    `functools.wraps` and autospec copy a function's name and module. Its globals they cannot copy.
    """
    for _ in range(_DEEPEST):
        inner = attribute(function, "__wrapped__") if "__wrapped__" in namespace(function) else None
        if not callable(inner):
            break
        function = inner
    if isinstance(function, FunctionType):
        module = function.__globals__.get("__name__")
        return isinstance(module, str) and module.partition(".")[0] == target.module.partition(".")[0]
    return type(function).__name__ in _NATIVE


def _called_by(function: object) -> Iterator[object]:
    """Yield what a wrapper wraps: `functools.wraps` names it, respx holds it in a closure."""
    inner = attribute(function, "__wrapped__") if "__wrapped__" in namespace(function) else None
    if callable(inner):
        yield inner
    for cell in getattr(function, "__closure__", None) or () if isinstance(function, FunctionType) else ():
        with suppress(ValueError):  # an empty cell
            if isinstance(cell.cell_contents, FunctionType):
                yield cell.cell_contents

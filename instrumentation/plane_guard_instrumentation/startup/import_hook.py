"""See watched modules being imported: report a test runner, patch a client as soon as its import is through.

The finder of `plane_guard_watch` hands over here. Other tools have import hooks too, so nothing that they own is
assigned to: the spec and the loader that were found are wrapped in new ones, and the module ends up with its own.
"""

from __future__ import annotations

import sys
import threading
from _frozen_importlib import ModuleSpec, module_from_spec  # importlib.util re-exports them, at a higher price
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import plane_guard_watch
from plane_guard_instrumentation.startup import runners

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec as Spec
    from types import ModuleType


def _install_guard(_: str) -> None:
    # A child of a guarded process waits with that until it imports something that can send.
    if plane_guard_watch.STATE.evidence:
        plane_guard_watch.note_evidence("")


class _State:
    def __init__(self) -> None:
        self.before: list[Callable[[str], object]] = [runners.note_package]
        self.after: list[Callable[[str], object]] = [runners.wrap, _install_guard]
        self.looking_for: set[tuple[int, str]] = set()


_state = _State()


def after_import(call: Callable[[str], object]) -> None:
    """Call this with the name of each watched module after its code ran."""
    if call not in _state.after:
        _state.after.append(call)


def watch(names: Sequence[str] | frozenset[str]) -> None:
    """Report imports of these modules from now on."""
    plane_guard_watch.watch_late()
    finder = plane_guard_watch.STATE.finder
    if finder is not None:
        finder.watched.update(names)


def find(finder: object, name: str, path: Sequence[str] | None, target: ModuleType | None) -> Spec | None:
    """Return what the finders behind ours find, with a loader that reports the import."""
    # A finder behind ours may itself walk through `sys.meta_path`, and then gets the plain answer.
    asked = (threading.get_ident(), name)
    if asked in _state.looking_for:
        return None
    _state.looking_for.add(asked)
    try:
        spec = _ask(_behind(finder), name, path, target)
    finally:
        _state.looking_for.discard(asked)
    if spec is None or getattr(spec, "loader", None) is None:  # a namespace package runs no code
        return spec
    return _wrapped(spec)


def _behind(finder: object) -> list[Any]:
    finders = list(sys.meta_path)
    index = next((index for index, other in enumerate(finders) if other is finder), -1)
    return finders[index + 1 :]  # all of them, if another tool holds ours on its own


def _ask(finders: list[Any], name: str, path: Sequence[str] | None, target: ModuleType | None) -> Spec | None:
    for other in finders:
        find_spec = getattr(other, "find_spec", None)
        spec: Spec | None = find_spec(name, path, target) if find_spec is not None else None
        if spec is not None:
            return spec
    return None


def _wrapped(spec: Spec) -> Spec:
    """Return a spec of our own that loads the module as the found one would."""
    lazy: Any = getattr(sys.modules.get("importlib.util"), "LazyLoader", None)
    found: Any = spec.loader
    loader: Any
    if lazy is not None and type(found) is lazy:
        # It stays lazy: the report comes with the first use of the module, which is when its code runs.
        loader = lazy(_Loader(_copy(spec, found.loader)))
    elif hasattr(spec.loader, "exec_module"):
        loader = _Loader(spec)
    else:
        loader = _LoadModuleLoader(spec)
    return _copy(spec, loader)


def _copy(spec: Spec, loader: Any) -> Spec:
    copy: Spec = ModuleSpec(spec.name, loader, origin=getattr(spec, "origin", None))
    copy.loader_state = getattr(spec, "loader_state", None)
    copy.submodule_search_locations = getattr(spec, "submodule_search_locations", None)
    if getattr(spec, "has_location", False):
        copy.has_location = True
        copy.cached = getattr(spec, "cached", None)
    return copy


class _Wrapper:
    """Base of both loaders: pass everything that is not about loading to the found loader."""

    def __init__(self, spec: Spec) -> None:
        self.found = spec

    def __getattr__(self, name: str) -> Any:
        if name == "found":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.found.loader, name)


class _Loader(_Wrapper):
    """Load a module with the loader that was found, and report it."""

    def create_module(self, _spec: Spec) -> ModuleType:
        """Create the module with the attributes that the found spec gives it."""
        _set_initializing(self.found, value=True)  # An extension module is in `sys.modules` from here on.
        module: ModuleType = module_from_spec(self.found)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, which sees its own spec and loader, as it would without us."""
        found = self.found
        _report(_state.before, found.name)
        is_wrapped = getattr(_attribute(module, "__spec__"), "loader", self) is not self
        _give_back(module, found, self)
        _set_initializing(found, value=True)
        try:
            found.loader.exec_module(module)  # type: ignore[union-attr]
            # Still initializing, so that no other thread uses the module before the guard is installed.
            _report(_state.after, found.name)
        finally:
            _set_initializing(found, value=False)
        if is_wrapped:
            self._become(found.loader)

    def _become(self, loader: Any) -> None:
        """Turn into the found loader: another tool has wrapped this one, and gives it to the module afterwards."""
        with suppress(TypeError):  # Not every class allows it. What is left passes on whatever it is asked.
            attributes = dict(vars(loader))
            self.__class__ = type(loader)
            vars(self).clear()
            vars(self).update(attributes)


def _set_initializing(spec: Spec, *, value: bool) -> None:
    """Mark a spec as importlib marks the spec that it is given: other threads wait for the import meanwhile."""
    with suppress(Exception):  # A spec of another tool may have no such attribute.
        spec._initializing = value  # type: ignore[attr-defined]  # noqa: SLF001


class _LoadModuleLoader(_Wrapper):
    """The same for a loader of the old kind, which creates and runs the module in one step."""

    def load_module(self, name: str) -> ModuleType:
        """Load the module and report it."""
        _report(_state.before, name)
        module: ModuleType = self.found.loader.load_module(name)  # type: ignore[union-attr]
        if getattr(module, "__loader__", None) is None:
            module.__loader__ = self.found.loader
        if getattr(module, "__spec__", None) is None:
            module.__spec__ = self.found
        _report(_state.after, name)
        return module


def _give_back(module: ModuleType, found: Spec, ours: object) -> None:
    """Give the module the found spec and loader. A spec whose loader another tool has wrapped stays."""
    spec, loader = _attribute(module, "__spec__"), _attribute(module, "__loader__")
    with suppress(AttributeError):
        if getattr(spec, "loader", None) is ours:
            if getattr(spec, "loader_state", None) is not None and found.loader_state is None:
                spec.loader = found.loader  # ours, and a module that is being loaded lazily cannot do without its state
            else:
                module.__spec__ = found
    with suppress(AttributeError):
        if loader is ours:
            module.__loader__ = found.loader


def _attribute(module: ModuleType, name: str) -> Any:
    """Return an attribute of a module without loading a lazy one."""
    try:
        return object.__getattribute__(module, name)
    except AttributeError:
        return None


def _report(calls: list[Callable[[str], object]], name: str) -> None:
    try:
        for call in tuple(calls):
            call(name)
    except Exception as error:  # noqa: BLE001  ends a test process, and leaves a live one alone
        plane_guard_watch.report_failure(error)

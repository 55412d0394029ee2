"""The import hook: watched modules are reported, and everything that other tools own stays theirs."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import threading
import time
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import plane_guard_watch
from plane_guard_instrumentation.startup import import_hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "watched_example"
CODE = """
import time
at_start = (__spec__, __loader__, __spec__.loader)
time.sleep(DELAY)
done = True
"""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that were reported, while a module of the test's own is watched."""
    (tmp_path / f"{NAME}.py").write_text(CODE.replace("DELAY", "0"))
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []
    finder = plane_guard_watch.STATE.finder
    assert finder is not None
    monkeypatch.setattr(finder, "watched", finder.watched | {NAME})
    monkeypatch.setattr(import_hook._state, "after", [names.append])
    yield names
    sys.modules.pop(NAME, None)


class OnlyLoadModule:
    """A loader of the old kind."""

    def load_module(self, name: str) -> ModuleType:
        assert name not in sys.modules, "nothing stands there before it is loaded"
        module = sys.modules[name] = ModuleType(name)
        module.__dict__["done"] = True
        return module


class Slotted:
    """A loader that nothing can be assigned to."""

    __slots__ = ()

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["done"] = True


class Behind:
    """A finder of another tool, in front of Python's own."""

    def __init__(self, loader: Any) -> None:
        self.spec = ModuleSpec(NAME, loader)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return self.spec if name == NAME else None


class Blocker:
    """A finder as tests insert it at 0 and take it out with `pop(0)`."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        return None


def behind_ours(finder: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a finder where Python's own stand."""
    index = next(i for i, other in enumerate(sys.meta_path) if other is plane_guard_watch.STATE.finder)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path[: index + 1], finder, *sys.meta_path[index + 1 :]])


def is_the_files_own(loader: object) -> bool:
    """Return if a loader is Python's, or a subclass of another tool such as beartype, and not ours."""
    return isinstance(loader, SourceFileLoader) and not type(loader).__module__.startswith("plane_guard")


def test_a_module_sees_its_own_spec_and_loader_and_keeps_them(seen: list[str]) -> None:
    module = importlib.import_module(NAME)

    assert seen == [NAME]
    assert type(module.__spec__) is ModuleSpec
    assert is_the_files_own(module.__loader__)
    assert module.at_start == (module.__spec__, module.__loader__, module.__loader__)
    assert module.__spec__ is not None
    assert module.__spec__._initializing is False  # type: ignore[attr-defined]


def test_a_reload_is_reported_and_leaves_the_modules_own_loader(seen: list[str]) -> None:
    module = importlib.reload(importlib.import_module(NAME))

    assert seen == [NAME, NAME]
    assert is_the_files_own(module.__loader__)
    assert is_the_files_own(module.__spec__.loader)  # type: ignore[union-attr]


# Python 3.15 loads nothing with a loader of the old kind.
LOADERS = [Slotted(), *([OnlyLoadModule()] if sys.version_info < (3, 15) else [])]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ImportWarning")
@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: type(loader).__name__)
def test_loaders_that_nothing_can_be_assigned_to_work(
    seen: list[str], loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Behind(loader)
    behind_ours(finder, monkeypatch)
    before = dict(vars(finder.spec))
    module = importlib.import_module(NAME)

    assert (module.done, seen) == (True, [NAME])
    assert module.__loader__ is loader
    assert {name: vars(finder.spec)[name] for name in before if name != "_initializing"} == {
        name: value for name, value in before.items() if name != "_initializing"
    }


def test_a_lazy_module_stays_lazy_until_it_is_used(seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = PathFinder.find_spec(NAME)
    assert found is not None
    assert found.loader is not None
    lazy = importlib.util.spec_from_file_location(NAME, found.origin, loader=importlib.util.LazyLoader(found.loader))
    finder = Behind(None)
    finder.spec = lazy  # type: ignore[assignment]
    behind_ours(finder, monkeypatch)
    module = importlib.import_module(NAME)

    assert seen == []
    assert module.done
    assert seen == [NAME]
    assert is_the_files_own(module.__loader__)


def test_the_recipe_for_lazy_imports_works_with_our_spec(seen: list[str]) -> None:
    spec = importlib.util.find_spec(NAME)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)

    assert seen == []
    assert module.done
    assert seen == [NAME]


def test_looking_for_a_spec_loads_nothing_and_tells_what_the_found_one_tells(seen: list[str]) -> None:
    spec, found = importlib.util.find_spec(NAME), PathFinder.find_spec(NAME)
    assert spec is not None
    assert found is not None

    assert seen == []
    assert (spec.origin, spec.cached, spec.has_location) == (found.origin, found.cached, True)
    assert spec.loader.get_source(NAME) == found.loader.get_source(NAME)  # type: ignore[union-attr]
    assert pickle.loads(pickle.dumps(spec.loader)).get_filename(NAME) == found.origin


def test_another_thread_waits_until_the_module_is_complete(seen: list[str], tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.py").write_text(CODE.replace("DELAY", "0.3"))
    importlib.invalidate_caches()
    complete: list[bool] = []
    threads = [
        threading.Thread(target=lambda: complete.append(hasattr(importlib.import_module(NAME), "done")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(20)

    assert complete == [True, True]


def test_a_finder_that_asks_all_finders_again_ends(seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Asking:
        """As the post-import hooks of wrapt and ddtrace work."""

        busy = False

        def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            if name != NAME or self.busy:
                return None
            self.busy = True
            try:
                return importlib.util.find_spec(name)
            finally:
                self.busy = False

    behind_ours(Asking(), monkeypatch)
    monkeypatch.setattr(sys, "meta_path", [Asking(), *sys.meta_path])

    assert importlib.import_module(NAME).done
    assert NAME in seen


def test_the_finder_stays_where_it_is(seen: list[str]) -> None:
    before = list(sys.meta_path)
    sys.meta_path.insert(0, Blocker())
    try:
        importlib.import_module(NAME)
    finally:
        sys.meta_path.pop(0)

    assert sys.meta_path == before
    assert plane_guard_watch.STATE.finder in before
    position = before.index(plane_guard_watch.STATE.finder)
    assert isinstance(before[position + 1], type), "directly in front of Python's own finders"


def test_an_import_that_fails_fails_as_it_would(seen: list[str], tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.py").write_text("raise LookupError('broken')")
    importlib.invalidate_caches()
    with pytest.raises(LookupError, match="broken"):
        importlib.import_module(NAME)

    assert NAME not in sys.modules
    assert seen == []


class Chained:
    """A loader of another tool, as ddtrace has it: it wraps the found one and hands it to the module afterwards."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self.loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        module.__loader__ = self.loader


class Chaining:
    """A finder of another tool in front of ours, which wraps whatever the others find."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != NAME:
            return None
        finders = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next(spec for finder in finders if (spec := finder.find_spec(name, None)))
        spec.loader = Chained(spec.loader)  # type: ignore[assignment]
        return spec


@pytest.mark.parametrize("loader", [None, Slotted()], ids=["source", "slots"])
def test_a_tool_that_wraps_our_loader_keeps_its_own_and_gives_the_found_one_to_the_module(
    seen: list[str], monkeypatch: pytest.MonkeyPatch, loader: Any
) -> None:
    if loader is not None:
        behind_ours(Behind(loader), monkeypatch)
    monkeypatch.setattr(sys, "meta_path", [Chaining(), *sys.meta_path])
    module = importlib.import_module(NAME)

    assert seen == [NAME]
    assert type(module.__spec__.loader) is Chained  # type: ignore[union-attr]
    if loader is None:
        assert is_the_files_own(module.__loader__)
        assert module.__loader__.get_filename() == module.__file__  # type: ignore[union-attr]
    assert importlib.reload(module) is module
    assert seen == [NAME, NAME]

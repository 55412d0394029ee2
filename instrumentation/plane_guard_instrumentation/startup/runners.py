"""The test runners whose import alone proves nothing: what runs or loads a test in them is wrapped.

`unittest` is imported by live programs too, for `unittest.mock`. The first call of one of these methods is evidence,
whoever calls: Django, an IDE, coverage, a script.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import plane_guard_watch

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTED = "__plane_guard_runner__"


class Runner(NamedTuple):
    """A class, or the module itself if that is empty, and its functions that run or load tests."""

    module: str
    owner: str
    functions: tuple[str, ...]


RUNNERS = (
    Runner("unittest.main", "TestProgram", ("__init__",)),
    Runner(
        "unittest.loader",
        "TestLoader",
        ("loadTestsFromTestCase", "loadTestsFromModule", "loadTestsFromName", "loadTestsFromNames", "discover"),
    ),
    Runner("unittest.suite", "TestSuite", ("run",)),
    Runner("unittest.case", "TestCase", ("run", "debug")),
    Runner("doctest", "DocTestRunner", ("run",)),
    Runner("django.test.runner", "DiscoverRunner", ("__init__", "run_tests")),
    Runner("django.test.utils", "", ("setup_test_environment",)),
    Runner("testtools.testcase", "TestCase", ("run",)),
    Runner("testtools.run", "TestProgram", ("__init__",)),
    Runner("subunit.run", "SubunitTestRunner", ("run",)),
    Runner("behave.runner", "ModelRunner", ("run_model",)),
    Runner("robot.running.model", "TestSuite", ("run",)),
    Runner("sybil.example", "Example", ("evaluate",)),
    Runner("avocado.core.test", "Test", ("run_avocado",)),
)
_CASES = "unittest.case"
MODULES = frozenset(runner.module for runner in RUNNERS)


def note_package(name: str) -> None:
    """Note the import of a package that does nothing but run tests, before its code runs."""
    if name in plane_guard_watch.RUNNER_PACKAGES:
        shown = "pytest" if name == "_pytest" else name
        plane_guard_watch.note_evidence(f"{shown} is imported")


def wrap(name: str) -> None:
    """Wrap the runners of a module that was imported."""
    module = sys.modules.get(name)
    for runner in RUNNERS if name in MODULES else ():
        owner = module if not runner.owner else vars(module or object).get(runner.owner)
        if runner.module == name and owner is not None:
            for function in runner.functions:
                _wrap(owner, function, f"{name}.{runner.owner or function} runs tests")
    if name == _CASES and module is not None:
        _watch_subclasses(vars(module).get("TestCase"))


def wrap_imported() -> None:
    """Wrap the runners of all modules that are imported already."""
    for name in MODULES & sys.modules.keys():
        wrap(name)


def _wrap(owner: object, name: str, evidence: str) -> None:
    original = vars(owner).get(name)
    if original is None or not callable(original) or hasattr(original, _NOTED):
        return
    setattr(owner, name, _noting(original, evidence))


def _noting(original: Callable[..., Any], evidence: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def noting(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        # The first call installs the guard, or waits for the thread that is installing it. A child of a guarded process
        # waits until it can send.
        if not (plane_guard_watch.STATE.is_guarded or plane_guard_watch.STATE.ancestor):
            plane_guard_watch.note_evidence(evidence)
        return original(*args, **options)

    # Another import of the module must not wrap it twice.
    setattr(noting, _NOTED, evidence)
    return noting


def _watch_subclasses(test_case: Any) -> None:
    """Note that `doctest` runs as the main module, whoever runs it: it has a runner of its own there.

    Its code defines a subclass of `unittest.TestCase`. To ask a loader for its code, as freezers do, is no evidence.
    """
    original = vars(test_case or object).get("__init_subclass__")
    if not isinstance(original, classmethod) or hasattr(original.__func__, _NOTED):
        return

    @functools.wraps(original.__func__)
    def init_subclass(cls: type, *args: Any, **options: Any) -> None:
        if cls.__name__ == "DocTestCase" and cls.__module__ == "__main__" and _is_of_doctest(cls):
            plane_guard_watch.note_evidence("doctest is the main module")
        original.__func__(cls, *args, **options)

    setattr(init_subclass, _NOTED, "doctest")
    test_case.__init_subclass__ = classmethod(init_subclass)


def _is_of_doctest(cls: type) -> bool:
    code = getattr(vars(cls).get("__init__"), "__code__", None)
    return os.path.basename(getattr(code, "co_filename", "")) == "doctest.py"

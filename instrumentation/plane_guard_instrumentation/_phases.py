"""Which test runs, and which phase of it: a part of the pytest plugin that every test passes three times.

Plain hooks, not wrappers: those would cost each test more than all the rest of the plugin. What a phase has left
running is noted when the next one begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation import _context

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked

BLOCKED: pytest.StashKey[list[PlaneWriteBlocked]] = pytest.StashKey()
EXPECTED = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Name test and phase for what fixtures do."""
    enter(item, "setup")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Name test and phase for what the test does."""
    enter(item, "call")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Name test and phase for what the end of fixtures does."""
    enter(item, "teardown")


def enter(item: pytest.Item, phase: str) -> None:
    """From now on this phase of this test runs; threads that are there already belong to what ran before."""
    _context.adopt_threads()
    _context.set_running(_context.Running(item.nodeid, phase, item.stash.get(EXPECTED, False)))


def leave() -> None:
    """No test runs any more."""
    _context.adopt_threads()
    _context.set_running(_context.Running(phase="session"))

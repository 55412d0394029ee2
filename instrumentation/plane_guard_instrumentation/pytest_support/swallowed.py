"""The part of the pytest plugin for ``swallowed = "fail"``: a test fails if the code under test swallowed a refusal.

Its hooks surround every phase of every test, so it is registered only where the settings ask for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.pytest_support.stash import BLOCKED, EXPECTED

if TYPE_CHECKING:
    from collections.abc import Generator

    from plane_guard import PlaneWriteBlocked

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test whose refusals were swallowed."""
    result = yield
    unexpected = [] if item.stash.get(EXPECTED, False) else item.stash.get(BLOCKED, [])
    if unexpected and not item.stash.get(_FAILED, False):
        pytest.fail(_swallowed(unexpected), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure, so that its teardown does not report the same refusal twice."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


def _swallowed(unexpected: list[PlaneWriteBlocked]) -> str:
    return (
        f"plane-guard blocked {len(unexpected)} Plane write(s) in this test and the code under test swallowed the "
        f"refusal. If the test expects that, request the fixture plane_blocked_writes.\n\n{unexpected[0]}"
    )

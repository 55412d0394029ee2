"""The tests that a pytest session executed, with their outcomes.

They are read at the end from what pytest's terminal reporter keeps. A hook of our own would be called three times for
each test, which is measurable in a suite of trivial tests. It is used only where there is no terminal reporter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TERMINAL, _COLLECTOR = "terminalreporter", "plane_guard_outcomes"
_CALL, _PASSED, _SKIPPED = "call", "passed", "skipped"
_OUTCOMES: pytest.StashKey[Mapping[str, str]] = pytest.StashKey()


class _Collector:
    """Keeps the reports of a session as the terminal reporter does."""

    def __init__(self) -> None:
        self.stats: dict[str, list[pytest.TestReport]] = {"": []}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a report."""
        self.stats[""].append(report)


def begin(config: pytest.Config) -> None:
    """Keep reports for a session that has no terminal reporter."""
    if not config.pluginmanager.has_plugin(_TERMINAL):
        config.pluginmanager.register(_Collector(), _COLLECTOR)


def end(config: pytest.Config) -> Iterable[str]:
    """Return the node ids of the tests that the session executed, and keep their outcomes."""
    plugins = map(config.pluginmanager.get_plugin, (_TERMINAL, _COLLECTOR))
    kept_by = (getattr(plugin, "stats", None) for plugin in plugins)
    stats: Mapping[str, list[Any]] = next(filter(None, kept_by), {})
    reports = [report for kept in stats.values() for report in kept if isinstance(report, pytest.TestReport)]
    # A test that was skipped, or that failed in setup, did not run.
    found = {report.nodeid: report.outcome for report in reports if report.when == _CALL and _has_run(report)}
    found |= {report.nodeid: report.outcome for report in reports if report.failed and report.nodeid in found}
    config.stash[_OUTCOMES] = found
    return found


def has_passed(config: pytest.Config, test: object) -> bool:
    """Return True if this test ran, and no phase of it failed."""
    return config.stash.get(_OUTCOMES, {}).get(str(test)) == _PASSED


def _has_run(report: pytest.TestReport) -> bool:
    return report.outcome != _SKIPPED or hasattr(report, "wasxfail")

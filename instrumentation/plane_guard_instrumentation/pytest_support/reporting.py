"""The output for pytest users: a header line, fixtures, a summary, and every refusal with its test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard.settings import OPT_IN_VARIABLE
from plane_guard_instrumentation.clients import patches
from plane_guard_instrumentation.evidence import (
    coverage,
    diagnostics,
    evidence_file,
    executed_tests,
    resource,
    running_test,
)
from plane_guard_instrumentation.evidence import session as _session
from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.pytest_support import env_files, ini_options, opt_in, outcomes, report_file
from plane_guard_instrumentation.pytest_support.stash import BLOCKED, EXPECTED
from plane_guard_instrumentation.runtime import environment, run
from plane_guard_instrumentation.testing.fixture import fake_plane  # noqa: F401  a fixture of this plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from plane_guard import PlaneWriteBlocked


@dataclass(frozen=True, slots=True)
class _Before:
    """The state before this session; a process may run several, one inside the other."""

    running: running_test.Running | None
    evidence: dict[str, int]
    warnings: tuple[str, ...]


_BEFORE = pytest.StashKey[_Before]()
_TEST_VARIABLE = "PYTEST_CURRENT_TEST"
_WORKER_WARNINGS = "plane_guard_warnings"
_EXPLAINED = "more about a reason or a message: plane-guard explain WORDS"
_items: list[pytest.Item] = []  # the running test is the last; a session inside a test has its own


@pytest.hookimpl
def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the report as a file."""
    report_file.add_option(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Fix what pyproject says, from pytest's own rootdir, before any conftest runs."""
    outer = running_test.current()
    # Only a session inside a test has warnings before it that are another session's.
    before = tuple(diagnostics.warnings) if outer else ()
    early_config.stash[_BEFORE] = _Before(outer, evidence_file.sizes(), before)
    opt_in.join(early_config)
    run.fix_root(early_config.rootpath)
    ini_options.apply(early_config)
    environment.hand_to_children()
    running_test.set_running(running_test.Running(phase="collection"))


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    """Add what surrounds the tests where the settings ask for it."""
    if run.current().fail_on_swallowed:
        from plane_guard_instrumentation.pytest_support import swallowed

        config.pluginmanager.register(swallowed, "plane_guard_swallowed")


@pytest.hookimpl
def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the test around this session its state back; without one, what still runs now runs at exit."""
    before = config.stash.get(_BEFORE, None)
    outer = before.running if before else None
    running_test.set_running(outer if outer and outer.test else running_test.Running(phase="exit"))


@pytest.hookimpl
def pytest_report_header() -> list[str]:
    """Say that the guard is active, for which clients, what it ignores, and what it cannot see."""
    lines = [f"plane-guard {resource.version()}: Plane writes are blocked, guarding {', '.join(patches.layers())}"]
    lines += [f"plane-guard: {name} is ignored: it was set before the tests" for name in environment.take_removed()]
    lines += [f"plane-guard: {problem}" for problem in run.current().problems]
    lines += [f"plane-guard: not covered: {gap}" for gap in coverage.uncovered_by_reason()]
    return lines


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Name the phase for what plugins and conftests do; restore what plugins replaced while they were loaded."""
    patches.verify()
    outcomes.begin(session.config)
    running_test.set_running(running_test.Running(phase="session"))
    if _session.is_live():
        from plane_guard_instrumentation.export import live

        live.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Name the phase for what test modules do when they are imported."""
    running_test.set_running(running_test.Running(phase="collection"))
    try:
        return (yield)
    finally:
        running_test.set_running(running_test.Running(phase="session"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Start every test with every patch in place and a list of refusals of its own."""
    repaired = patches.verify()
    if repaired:
        diagnostics.patches_restored(repaired)
    _items.append(item)
    running_test.begin(item.nodeid, "setup")
    try:
        return (yield)
    finally:
        _items.pop()
        running_test.begin(None, "session")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Note what setup has left running. No wrapper, here and below: it would cost each test more than all the rest."""
    running_test.enter("call")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Note what the test has left running."""
    running_test.enter("teardown")


@diagnostics.listeners.append
def _keep(refusal: PlaneWriteBlocked) -> None:
    """Keep a refusal for the test whose write it was, if that still runs."""
    test = running_test.running().test
    for item in _items:
        if item.nodeid == test:
            item.stash.setdefault(BLOCKED, []).append(refusal)


@pytest.fixture
def plane_sandbox_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this one test write to the sandbox projects of the allowlist, and to nothing else."""
    env_files.forget()  # an opt-in in a file that was loaded before does not take this one back
    monkeypatch.setenv(OPT_IN_VARIABLE, "1")


@pytest.fixture(scope="session")
def plane_sandbox_scope() -> Callable[[], AbstractContextManager[None]]:
    """Let a fixture of a wider scope write to the sandbox, in the code of a ``with`` block of its own.

    The tests that use the fixture are not covered: they request ``plane_sandbox_writes``.
    """
    return opt_in.sandbox_scope


@pytest.fixture
def plane_blocked_writes(request: pytest.FixtureRequest) -> list[PlaneWriteBlocked]:
    """Return the writes that were blocked in this test so far, and record its blocks as expected. Allows nothing."""
    request.node.stash[EXPECTED] = True
    running_test.expect_blocks()
    blocked: list[PlaneWriteBlocked] = request.node.stash.setdefault(BLOCKED, [])
    return blocked


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Record the executed tests, wait a little for live export, and hand a worker's warnings to the controller."""
    running_test.set_running(running_test.Running(phase="session"))
    diagnostics.patches_restored(patches.verify())
    output = getattr(session.config, "workeroutput", None)
    if output is None and not _is_inside_a_test():
        executed_tests.record(outcomes.end(session.config))
        _session.refresh()
    if _session.is_live():
        from plane_guard_instrumentation.export import live

        unsent = live.flush()
        if unsent:
            diagnostics.warn_once(unsent)
    unwritten = report_file.write(session.config)
    if unwritten:
        diagnostics.warn_once(unwritten)
    if output is not None:
        output[_WORKER_WARNINGS] = list(diagnostics.warnings)


def _is_inside_a_test() -> bool:
    """Return if a test started this session, in its process or in a child. Its tests are not those of the project."""
    return bool(_items) or _TEST_VARIABLE in SYSTEM.environ


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what went wrong in a worker."""
    for warning in getattr(node, "workeroutput", {}).get(_WORKER_WARNINGS, ()):
        diagnostics.warn_once(warning)


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was blocked, by which test, what was not covered, and where the evidence is."""
    before = config.stash.get(_BEFORE, None)
    at_start = before.evidence if before else {}
    warnings = [text for text in diagnostics.warnings if not before or text not in before.warnings]
    if not warnings and not coverage.uncovered() and not evidence_file.has_decisions_since(at_start):
        return
    from plane_guard_instrumentation.pytest_support import summary

    gaps = coverage.uncovered_by_reason(summary.uncovered(at_start))
    lines = warnings + [f"not covered: {gap}" for gap in gaps] + summary.lines(config, at_start)
    if lines:
        terminalreporter.section("plane-guard", red=True)
        for line in lines:
            terminalreporter.line(line)
        terminalreporter.line(_EXPLAINED)

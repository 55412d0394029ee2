"""The pytest plugin: the guard in place before any conftest, the floor under every test, and a report.

Enforcement does not depend on it: where it is switched off, the `.pth` half guards all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.startup import installation

# First: pytest would rewrite the asserts of what is imported before, and find none.
installation.enforce(pytest_session=True)

from plane_guard.settings import OPT_IN_VARIABLE  # noqa: E402
from plane_guard_instrumentation.clients import patches  # noqa: E402
from plane_guard_instrumentation.evidence import diagnostics, evidence_file, resource, running_test  # noqa: E402
from plane_guard_instrumentation.evidence import session as _session  # noqa: E402
from plane_guard_instrumentation.pytest_support.stash import BLOCKED, EXPECTED  # noqa: E402
from plane_guard_instrumentation.runtime import environment  # noqa: E402
from plane_guard_instrumentation.testing.fixture import fake_plane  # noqa: E402, F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Generator

    from plane_guard import PlaneWriteBlocked

_OUTER = pytest.StashKey[running_test.Running | None]()
_AT_START = evidence_file.every()
_WORKER_TROUBLE = "plane_guard_trouble"
_items: list[pytest.Item] = []  # the test that runs is the last; a session inside a test of another one has its own


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Fix what pyproject says, from pytest's own rootdir, before any conftest runs.

    A session inside a test of another one gives that test's state back when it ends.
    """
    early_config.stash[_OUTER] = running_test.current()
    installation.enforce(pytest_session=True, root=early_config.rootpath)
    running_test.set_running(running_test.Running(phase="collection"))


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    """Add what surrounds the tests where the settings ask for it."""
    if environment.start().fail_on_swallowed:
        from plane_guard_instrumentation.pytest_support import swallowed

        config.pluginmanager.register(swallowed, "plane_guard_swallowed")


@pytest.hookimpl
def pytest_unconfigure(config: pytest.Config) -> None:
    """What still runs now runs at exit."""
    outer = config.stash.get(_OUTER, None)
    running_test.set_running(outer if outer and outer.test else running_test.Running(phase="exit"))


@pytest.hookimpl
def pytest_report_header() -> list[str]:
    """Say that the guard is active, for which clients, and what it took away."""
    start = environment.start()
    lines = [f"plane-guard {resource.version()}: Plane writes are blocked, guarding {', '.join(patches.layers())}"]
    lines += [f"plane-guard: {name} was set for this session and was taken away" for name in environment.taken()]
    lines += [f"plane-guard: {problem}" for problem in start.problems]
    return lines


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Name the phase for what plugins and conftests do; put back what plugins replaced while they were loaded."""
    patches.verify()
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
    """Every test starts with writing off, with every shell in place, and keeps its own list of refusals."""
    environment.take_away()
    repaired = patches.verify()
    if repaired:
        diagnostics.repaired(repaired)
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
    monkeypatch.setenv(OPT_IN_VARIABLE, "1")


@pytest.fixture
def plane_blocked_writes(request: pytest.FixtureRequest) -> list[PlaneWriteBlocked]:
    """The writes that were blocked in this test so far, recorded as expected. It allows nothing."""
    request.node.stash[EXPECTED] = True
    running_test.expect_blocks()
    blocked: list[PlaneWriteBlocked] = request.node.stash.setdefault(BLOCKED, [])
    return blocked


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Wait a little for what is on its way to a collector, and hand a worker's trouble to the controller."""
    running_test.set_running(running_test.Running(phase="session"))
    diagnostics.repaired(patches.verify())
    if _session.is_live():
        from plane_guard_instrumentation.export import live

        unsent = live.flush()
        if unsent:
            diagnostics.keep(unsent)
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_WORKER_TROUBLE] = list(diagnostics.trouble)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what went wrong in a worker."""
    for trouble in getattr(node, "workeroutput", {}).get(_WORKER_TROUBLE, ()):
        diagnostics.keep(trouble)


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was blocked, by whom, and where the evidence is."""
    if not (diagnostics.trouble or evidence_file.has_grown(_AT_START)):
        return
    from plane_guard_instrumentation.pytest_support import summary

    lines = summary.lines(config.rootpath, _AT_START)
    if lines:
        terminalreporter.section("plane-guard", red=True)
        for line in lines:
            terminalreporter.line(line)

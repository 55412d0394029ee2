"""Install the guard in this process, as early as there is evidence of tests.

Called with the first evidence, by the pytest plugin, by OpenTelemetry's pre-instrument entry point, by `instrument()`
and before each decision. Every call after the first is nearly free.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import plane_guard_watch

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.otlp_json import Span

_NO_START_FILE = (
    "plane-guard is importable, but its start-up file is not in this interpreter's site-packages (found by "
    "PYTHONPATH, --target, --prefix, a zipapp, shiv or PEX), so Python child processes are {guarded}. "
    "Install it into the environment"
)
_BY_PATH, _NOT = "guarded only if they keep PYTHONPATH", "not guarded"
_CONFIG_MODULE = "_pytest.config"
_NO_MARKER = (
    "no folder for process markers is usable, so child processes with an environment of their own are not guarded. "
    f"Remove what is in the way: {', '.join(plane_guard_watch.marker_folders())}"
)


class _State:
    is_enforced = False


def enforce() -> None:
    """Install the guard. While another thread is installing it, wait until that is done."""
    plane_guard_watch.exclusively(enforce_now)


def enforce_now() -> None:
    """Patch every client, those not imported yet included; in a test process scrub the environment as well.

    The root test process also writes its session record and hands the guard to its children.
    """
    from plane_guard_instrumentation.clients import patches
    from plane_guard_instrumentation.enforcement import events
    from plane_guard_instrumentation.evidence import coverage, listeners
    from plane_guard_instrumentation.runtime import environment, run
    from plane_guard_instrumentation.startup import import_hook

    coverage.report_clients(patches.layers)
    coverage.on_change(_announce_gap)
    listeners.on_session(_export_session)
    events.before_decision(ensure)
    events.before_decision(patches.verify)  # Without pytest, nothing else restores removed patches.
    import_hook.after_import(_patch)
    import_hook.after_import(_begin_with_sessions)
    import_hook.watch(patches.WATCHED_MODULES)
    if not plane_guard_watch.in_test_process():
        patches.install()
        return
    environment.scrub_inherited()
    current = run.current()
    patches.install()
    _State.is_enforced = True
    _begin_with_sessions(_CONFIG_MODULE if _CONFIG_MODULE in sys.modules else "")
    if current.is_root:
        hand_over()


def hand_over() -> None:
    """Write the session record and mark this process as the ancestor of guarded children."""
    from plane_guard_instrumentation.evidence import coverage, session
    from plane_guard_instrumentation.runtime import environment

    if not environment.hand_to_children():
        coverage.report_uncovered("children", _NO_MARKER)
    if not plane_guard_watch.STATE.at_start:
        guarded = _BY_PATH if plane_guard_watch.folder_for_children() else _NOT
        coverage.report_uncovered("children", _NO_START_FILE.format(guarded=guarded))
    session.announce()


def ensure() -> None:
    """Install the guard in this process if it is not installed, and announce a process that decides something."""
    from plane_guard_instrumentation.evidence import session

    if not _State.is_enforced:
        enforce()
    session.announce()


def _patch(_module: str) -> None:
    from plane_guard_instrumentation.clients import patches

    patches.verify()


def _begin_with_sessions(module: str) -> None:
    if module == _CONFIG_MODULE:
        from plane_guard_instrumentation.pytest_support import opt_in

        opt_in.begin_with_sessions()


def _announce_gap() -> None:
    # A child that decides nothing says so as well: what it sends by such a client leaves no other trace.
    from plane_guard_instrumentation.evidence import session

    session.refresh()


def _export_session(span: Span) -> None:
    from plane_guard_instrumentation.export import live

    live.announce(span)

"""Putting the guard in place, as early as a process allows.

Called from the `.pth` file, the pytest plugin, OpenTelemetry's pre-instrument entry point, `instrument()` and each
decision; every call after the first is nearly free.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_instrumentation.evidence.otlp_json import Span

_PYTEST_NAMES = frozenset({"pytest", "py.test", "pytest.exe", "py.test.exe"})
_UNITTEST_NAMES = frozenset({"unittest"})
_EXIT_GUARD_MISSING = 78


class _State:
    enforced_in = 0


def at_interpreter_start() -> None:
    """Entry of the `.pth` file: guard a process that runs tests, leave every other one alone.

    The interpreter prints and forgets an exception raised here and then runs the program without the guard, so a
    guard that cannot be put in place ends the process instead.
    """
    try:
        starts_pytest = _starts(_PYTEST_NAMES)
        if starts_pytest or _starts(_UNITTEST_NAMES) or _inherits_evidence():
            enforce(pytest_session=starts_pytest)
    except Exception as error:  # noqa: BLE001  see above
        end_unguarded(error)


def end_unguarded(error: Exception) -> None:
    """End a process that runs tests and could not be guarded."""
    what = f"the guard could not be put in place, so this process ends: {error!r}"
    sys.stderr.write(
        f"plane-guard: {what}. Reinstall plane-guard here: {sys.executable} -m pip install -I plane-guard\n"
    )
    sys.stderr.flush()
    os._exit(_EXIT_GUARD_MISSING)


def enforce(*, pytest_session: bool = False, root: Path | None = None) -> None:
    """Put the shells in place for every client, those not imported yet included, and apply the floor."""
    from plane_guard import process
    from plane_guard_instrumentation.clients import patches
    from plane_guard_instrumentation.enforcement import events
    from plane_guard_instrumentation.evidence import coverage, listeners, session
    from plane_guard_instrumentation.runtime import environment

    coverage.report_clients(patches.layers)
    listeners.on_session(_export_session)
    events.before_decision(ensure)
    events.before_decision(patches.verify)  # Without pytest, nothing else restores removed patches.

    if pytest_session:
        process.note_evidence("this process runs pytest")
    environment.apply(pytest_session=pytest_session, root=root)
    patches.install()
    session.announce()
    if process.test_evidence():
        _State.enforced_in = os.getpid()


def ensure() -> None:
    """Put the guard in place in this process, if it is not: each decision comes by."""
    if _State.enforced_in != os.getpid():
        enforce()


def _export_session(span: Span) -> None:
    from plane_guard_instrumentation.export import live

    live.announce(span)


def _starts(names: frozenset[str]) -> bool:
    arguments = sys.orig_argv[1:]
    if any(option == "-m" and name in names for option, name in pairwise(arguments)):
        return True
    return any(
        os.path.basename(argument) in names for argument in arguments if argument in arguments[:1] or os.sep in argument
    )


def _inherits_evidence() -> bool:
    from plane_guard import process

    return "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ or bool(process.test_evidence())

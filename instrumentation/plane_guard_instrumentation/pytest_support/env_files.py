"""The `.env` files that code under test loads: an opt-in or allowlist in one of them is not the test's own.

Such a file is part of what a process gets by accident, like the environment that it inherits. What it sets is removed
before a decision, and before a child inherits it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.connections import audit_hook
from plane_guard_instrumentation.enforcement import events
from plane_guard_instrumentation.evidence import diagnostics
from plane_guard_instrumentation.runtime import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"\.env(?:\..*)?|.*\.env")
_ASSIGNMENT = re.compile(rf"^\s*(?:export\s+)?({'|'.join(environment.SCRUBBED)})\s*=", re.MULTILINE)
_LONGEST = 1 << 16


_opened: dict[str, frozenset[str]] = {}
"""Files that were opened since the test began, and which of the variables were not set then."""


def watch() -> None:
    """See `.env` files being opened, by whatever library."""
    audit_hook.on_open(_note)
    audit_hook.before_child(remove)
    events.before_decision(remove)


def forget() -> None:
    """Forget what was opened: a new test begins, or a fixture of ours switches writing on."""
    _opened.clear()


def remove(_command: Sequence[Any] = ()) -> None:
    """Remove what a `.env` file has set in this test, and say so."""
    for path, unset in tuple(_opened.items()):
        names = unset & os.environ.keys()
        for name in sorted(names and names & _assigned(path)):
            os.environ.pop(name, None)
            diagnostics.warn_once(
                f"{name}: ignored, because the code under test loaded it from {path}. Remove it from that file, and "
                "request the fixture plane_sandbox_writes in the tests that write to the sandbox"
            )


def _note(path: Any) -> None:
    # Nothing here may fail: it runs whenever the test opens a file.
    if isinstance(path, str) and ".env" in path and _NAME.fullmatch(os.path.basename(path)):
        with suppress(Exception):
            if os.path.isfile(path):
                unset = frozenset(name for name in environment.SCRUBBED if name not in os.environ)
                _opened.setdefault(os.path.abspath(path), unset)


def _assigned(path: str) -> frozenset[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return frozenset(_ASSIGNMENT.findall(file.read(_LONGEST)))
    except Exception:  # noqa: BLE001  gone, or `open` is mocked: what it said is not known, so it may have said anything
        return frozenset(environment.SCRUBBED)

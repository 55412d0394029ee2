"""The floor: an inherited opt-in or allowlist is what a test process gets by accident, so it is taken away.

Every pytest session loses it, and so does every other test process that no guarded process started. What a guarded
process hands to its children travels in the environment too: where it keeps its evidence (a child looks whether that
is true), the folder that settings are read from, hosts and protected projects.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard.settings import (
    HOSTS_VARIABLE,
    OPT_IN_VARIABLE,
    PROTECTED_VARIABLE,
    SANDBOX_VARIABLE,
    TEST_PROCESS_VARIABLE,
)
from plane_guard_instrumentation.runtime import pyproject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation.runtime.parent_process import Parent

PARENT_VARIABLE = "PLANE_GUARD_PARENT"
ROOT_VARIABLE = "PLANE_GUARD_ROOT"
TRACE_DIR_VARIABLE = "PLANE_GUARD_TRACE_DIR"
SWALLOWED_VARIABLE = "PLANE_GUARD_SWALLOWED"
DEFAULT_TRACE_DIR = ".plane-guard"
_INHERITED = (OPT_IN_VARIABLE, SANDBOX_VARIABLE)
_OPT_IN, _SANDBOX = map(os.fsencode, _INHERITED) if os.supports_bytes_environ else _INHERITED
_ENVIRON = os._Environ  # noqa: SLF001


class Start:
    """What was fixed when this process started; ``table`` is ``[tool.plane_guard]`` of the pyproject at ``root``.

    No named tuple: to make one of these classes takes ten times as long, and every child of a test waits for it.
    """

    __slots__ = ("fail_on_swallowed", "problems", "root", "run_id", "table", "trace_dir")

    def __init__(self, run_id: str, root: Path, table: Mapping[str, object], trace_dir: Path) -> None:
        self.run_id = run_id
        self.root = root
        self.table = table
        self.trace_dir = trace_dir
        self.problems: tuple[str, ...] = ()
        self.fail_on_swallowed = False


class _State:
    applied = False
    start: Start | None = None
    taken: tuple[str, ...] = ()


def apply(*, pytest_session: bool = False, root: Path | None = None) -> None:
    """Apply the floor if this is a test process; a pytest session always starts with writing off.

    ``root`` is where the search for pyproject.toml starts, if not in the working directory.
    """
    parent = None if _State.applied else guarded_parent()
    if pytest_session or (process.test_evidence() and not _State.applied and parent is None):
        take_away()
    _State.applied = _State.applied or bool(process.test_evidence())
    if _State.start is None or root is not None:
        _State.start = _fix(root, parent)


def take_away() -> None:
    """Take opt-in and allowlist out of the environment."""
    if _is_taken():
        return
    taken = [name for name in _INHERITED if name in os.environ and os.environ.pop(name, None) is not None]
    if taken:
        _State.taken = tuple(dict.fromkeys((*_State.taken, *taken)))


def _is_taken() -> bool:
    """Whether it is certain that they are not set: asked before every test, so not in the way of `in os.environ`."""
    environ = os.environ
    kept = getattr(environ, "_data", None)
    return type(environ) is _ENVIRON and type(kept) is dict and _OPT_IN not in kept and _SANDBOX not in kept


def taken() -> tuple[str, ...]:
    """The names of the inherited variables that were taken away from this process."""
    return _State.taken


def start() -> Start:
    """What was fixed at the start of this process."""
    if _State.start is None:
        _State.start = _fix(None, guarded_parent())
    return _State.start


def hand_to_children(evidence_file: str) -> None:
    """Let every child of this process know that it is a test process, and of which run."""
    fixed = process.fixed()
    os.environ[TEST_PROCESS_VARIABLE] = "1"
    os.environ[PARENT_VARIABLE] = evidence_file
    os.environ[ROOT_VARIABLE] = str(start().root)
    os.environ[TRACE_DIR_VARIABLE] = str(start().trace_dir)
    _hand_hosts()
    process.on_host_learned(_hand_hosts)
    if fixed.protected_projects and fixed.protection_known:
        os.environ[PROTECTED_VARIABLE] = ",".join(sorted(fixed.protected_projects))


def _hand_hosts(_: str = "") -> None:
    os.environ[HOSTS_VARIABLE] = ",".join(sorted(process.fixed().hosts))


def guarded_parent() -> Parent | None:
    """The guarded process that this one descends from, if there is one and it still runs."""
    path = os.environ.get(PARENT_VARIABLE)
    if not path:
        return None
    from plane_guard_instrumentation.runtime import parent_process

    return parent_process.parent(path)


def _fix(root: Path | None, parent: Parent | None) -> Start:
    before = _State.start
    handed = os.environ.get(ROOT_VARIABLE) if parent else None
    origin = root or Path(handed or _working_directory())
    table, folder, problem = pyproject.read(origin)
    run_id = before.run_id if before else parent.run_id if parent else os.urandom(16).hex()
    now = Start(run_id, origin, table, before.trace_dir if before else _trace_dir(table, folder))
    problems = process.fix(table, pyproject_problem=problem).problems
    swallowed = os.environ.get(SWALLOWED_VARIABLE) or table.get("swallowed") or "report"
    if swallowed not in {"report", "fail"}:
        shown = str(swallowed)[:40]
        problems += (f"{SWALLOWED_VARIABLE} or swallowed: {shown!r} counts as fail; write report or fail.",)
    now.problems, now.fail_on_swallowed = problems, swallowed != "report"
    return now


def _trace_dir(table: Mapping[str, object], folder: Path) -> Path:
    wanted = os.environ.get(TRACE_DIR_VARIABLE)
    from_table = table.get("trace_dir")
    if not wanted and isinstance(from_table, str) and from_table:
        return folder / from_table
    return Path(_working_directory(), wanted or DEFAULT_TRACE_DIR)


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return os.sep

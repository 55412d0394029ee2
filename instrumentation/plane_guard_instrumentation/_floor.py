"""The floor: an inherited opt-in or allowlist is what a test process gets by accident, so it is taken away.

Every pytest session loses it, and so does every other test process that no guarded process started. What a guarded
process hands to its children travels in the environment too: run, trace folder, hosts, protected projects.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from plane_guard import _process
from plane_guard._settings import (
    HOSTS_VARIABLE,
    OPT_IN_VARIABLE,
    PROTECTED_VARIABLE,
    SANDBOX_VARIABLE,
    TEST_PROCESS_VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_VARIABLE = "PLANE_GUARD_RUN_ID"
PARENT_VARIABLE = "PLANE_GUARD_PARENT_PID"
ROOT_VARIABLE = "PLANE_GUARD_ROOT"
TRACE_DIR_VARIABLE = "PLANE_GUARD_TRACE_DIR"
SWALLOWED_VARIABLE = "PLANE_GUARD_SWALLOWED"
DEFAULT_TRACE_DIR = ".plane-guard"
_INHERITED = (OPT_IN_VARIABLE, SANDBOX_VARIABLE)


class Start(NamedTuple):
    """What was fixed when this process became a guarded test process."""

    run_id: str
    trace_dir: Path
    fail_on_swallowed: bool
    problems: tuple[str, ...]


class _State:
    applied = False
    start: Start | None = None
    root: Path | None = None
    wanted_trace_dir: str | None = None
    taken: tuple[str, ...] = ()


def apply(*, pytest_session: bool = False, root: Path | None = None) -> None:
    """Apply the floor if this is a test process; a pytest session always starts with writing off.

    ``root`` is where the search for pyproject.toml starts, if not in the working directory.
    """
    if pytest_session:
        _process.note_evidence("this process runs pytest")
    guarded_parent = _State.applied or started_by_guarded_process()
    if pytest_session or (not guarded_parent and _process.test_evidence()):
        take_away()
    _State.applied = _State.applied or bool(_process.test_evidence())
    if _State.start is None or root is not None:
        _fix(root)
    if _State.applied:
        _hand_to_children()


def take_away() -> tuple[str, ...]:
    """Take opt-in and allowlist out of the environment; the names of those that were set."""
    taken = tuple(name for name in _INHERITED if os.environ.pop(name, None) is not None)
    _State.taken = tuple(dict.fromkeys((*_State.taken, *taken)))
    return taken


def taken() -> tuple[str, ...]:
    """The names of the inherited variables that were taken away from this process."""
    return _State.taken


def ensure() -> Start:
    """What was fixed at start, the floor applied now if this process turned into a test process only later."""
    if not _State.applied or _State.start is None:
        apply()
    assert _State.start is not None  # noqa: S101  apply() has just set it
    return _State.start


def started_by_guarded_process() -> bool:
    """Whether a guarded process that still runs started this one and handed its settings over."""
    parent = os.environ.get(PARENT_VARIABLE, "")
    if not (os.environ.get(RUN_VARIABLE) and parent.isascii() and parent.isdigit() and len(parent) < 10):  # noqa: PLR2004
        return False
    if int(parent) == os.getppid() or sys.platform == "win32":
        return True
    try:
        os.kill(int(parent), 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return int(parent) != os.getpid()


def _fix(root: Path | None) -> None:
    before = _State.start
    if before is None:
        _State.wanted_trace_dir = os.environ.get(TRACE_DIR_VARIABLE)
    handed = os.environ.get(ROOT_VARIABLE) if started_by_guarded_process() else None
    _State.root = root or Path(handed or _working_directory())
    table, folder, problem = _pyproject(_State.root)
    problems = list(_process.fix(table, pyproject_problem=problem).problems)
    swallowed = os.environ.get(SWALLOWED_VARIABLE) or table.get("swallowed") or "report"
    if swallowed not in {"report", "fail"}:
        problems.append(
            f"{SWALLOWED_VARIABLE} or swallowed: {str(swallowed)[:40]!r} counts as fail; write report or fail."
        )
    _State.start = Start(
        run_id=before.run_id if before else _run_id(),
        trace_dir=_trace_dir(table, folder),
        fail_on_swallowed=swallowed != "report",
        problems=tuple(problems),
    )


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return os.sep


def _run_id() -> str:
    inherited = os.environ.get(RUN_VARIABLE, "")
    is_id = len(inherited) == 32 and all(digit in "0123456789abcdef" for digit in inherited)  # noqa: PLR2004
    return inherited if is_id and started_by_guarded_process() else os.urandom(16).hex()


def _trace_dir(table: Mapping[str, object], folder: Path) -> Path:
    if _State.wanted_trace_dir:
        return Path(_working_directory(), _State.wanted_trace_dir)
    from_table = table.get("trace_dir")
    return (
        folder / from_table
        if isinstance(from_table, str) and from_table
        else Path(_working_directory(), DEFAULT_TRACE_DIR)
    )


def _pyproject(origin: Path) -> tuple[Mapping[str, object], Path, str]:
    """The table ``[tool.plane_guard]`` of the nearest pyproject.toml from here upwards, and its folder."""
    for folder in (origin, *origin.parents):
        file = folder / "pyproject.toml"
        try:
            content = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return {}, folder, f"{file} could not be read ({error.strerror}), so no write is allowed. Make it readable."
        return _table(content, file)
    return {}, origin, ""


def _table(content: bytes, file: Path) -> tuple[Mapping[str, object], Path, str]:
    if b"plane_guard" not in content:
        return {}, file.parent, ""
    import tomllib

    try:
        table = tomllib.loads(content.decode()).get("tool", {}).get("plane_guard", {})
    except (ValueError, AttributeError) as error:
        return {}, file.parent, f"{file} is not valid TOML ({error}), so no write is allowed. Mend the file."
    if not isinstance(table, dict):
        return (
            {},
            file.parent,
            f"{file}: tool.plane_guard is not a table, so no write is allowed. Write [tool.plane_guard].",
        )
    return table, file.parent, ""


def _hand_to_children() -> None:
    at_start, fixed = _State.start, _process.fixed()
    assert at_start is not None  # noqa: S101  fixed before it is handed on
    os.environ[TEST_PROCESS_VARIABLE] = "1"
    os.environ[RUN_VARIABLE] = at_start.run_id
    os.environ[PARENT_VARIABLE] = str(os.getpid())
    os.environ[ROOT_VARIABLE] = str(_State.root)
    os.environ[TRACE_DIR_VARIABLE] = str(at_start.trace_dir)
    os.environ[HOSTS_VARIABLE] = ",".join(sorted(fixed.hosts))
    if fixed.protected_projects and fixed.protection_known:
        os.environ[PROTECTED_VARIABLE] = ",".join(sorted(fixed.protected_projects))

"""The run that this process belongs to: what is fixed once, for everything that writes or reads evidence."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import plane_guard_watch
from plane_guard import process
from plane_guard.settings import HOSTS_VARIABLE, PROTECTED_VARIABLE
from plane_guard_instrumentation.runtime import marker, pyproject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRACE_DIR_VARIABLE = "PLANE_GUARD_TRACE_DIR"
ROOT_VARIABLE = "PLANE_GUARD_ROOT"
SWALLOWED_VARIABLE = "PLANE_GUARD_SWALLOWED"
DEFAULT_TRACE_DIR = ".plane-guard"
_RUN_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Run:
    """Run id, root, trace folder and settings, fixed at the start and handed to children."""

    run_id: str
    root: Path
    """Where the search for pyproject.toml starts."""
    trace_dir: Path
    table: Mapping[str, object]
    """`[tool.plane_guard]` of that pyproject.toml."""
    problems: tuple[str, ...] = ()
    """What is wrong with the settings, one sentence each, with its remedy."""
    fail_on_swallowed: bool = False
    is_root: bool = True
    """False if a guarded process started this one."""


class _State:
    run: Run | None = None


def current() -> Run:
    """Return the run of this process."""
    if _State.run is None:
        _State.run = _fix(None, None)
    return _State.run


def fix_root(root: Path) -> Run:
    """Read the settings anew from pytest's rootdir. Run id and trace folder stay what they were, if they were used."""
    _State.run = _fix(root, _State.run)
    return _State.run


def add_ini(hosts: Sequence[str], protected: Sequence[str], swallowed: str) -> None:
    """Add the settings of pytest's ini file. They can add hosts, protection and `fail`, and take nothing away."""
    now = current()
    given = {HOSTS_VARIABLE: ",".join(hosts), PROTECTED_VARIABLE: ",".join(protected)}
    settings = process.fix(handed_down={name: value for name, value in given.items() if value})
    fail, problem = _read_swallowed(swallowed) if swallowed else (False, ())
    problems = tuple(dict.fromkeys((*now.problems, *settings.problems, *problem)))
    _State.run = replace(now, problems=problems, fail_on_swallowed=now.fail_on_swallowed or fail)


def _fix(root: Path | None, before: Run | None) -> Run:
    handed = marker.read(plane_guard_watch.STATE.ancestor) if plane_guard_watch.STATE.ancestor else {}
    origin = root or Path(_text(handed, "root") or _working_directory())
    table, folder, problem = pyproject.read(origin)
    settings = process.fix(table, pyproject_problem=problem, handed_down=_settings(handed))
    fail, swallowed_problem = _swallowed(table)
    return Run(
        run_id=before.run_id if before else _text(handed, "run") or os.urandom(_RUN_ID_BYTES).hex(),
        root=origin,
        trace_dir=before.trace_dir if before else _trace_dir(handed, table, folder),
        table=table,
        problems=(*settings.problems, *swallowed_problem),
        fail_on_swallowed=fail,
        is_root=not handed,
    )


def _trace_dir(handed: Mapping[str, object], table: Mapping[str, object], folder: Path) -> Path:
    inherited = _text(handed, "trace_dir")
    if inherited:
        return Path(inherited)
    named = os.environ.get(TRACE_DIR_VARIABLE)
    from_table = table.get("trace_dir")
    if not named and isinstance(from_table, str) and from_table:
        return folder / os.path.expanduser(from_table)
    return Path(_working_directory(), os.path.expanduser(named or DEFAULT_TRACE_DIR))


def _swallowed(table: Mapping[str, object]) -> tuple[bool, tuple[str, ...]]:
    return _read_swallowed(os.environ.get(SWALLOWED_VARIABLE) or table.get("swallowed") or "report")


def _read_swallowed(value: object) -> tuple[bool, tuple[str, ...]]:
    if value in {"report", "fail"}:
        return value == "fail", ()
    shown = str(value)[:40]
    return True, (f"{SWALLOWED_VARIABLE} or swallowed: {shown!r} counts as fail; write report or fail.",)


def _settings(handed: Mapping[str, object]) -> dict[str, str]:
    settings = handed.get("settings")
    return {str(key): str(value) for key, value in settings.items()} if isinstance(settings, dict) else {}


def _text(handed: Mapping[str, object], key: str) -> str:
    value = handed.get(key)
    return value if isinstance(value, str) else ""


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep

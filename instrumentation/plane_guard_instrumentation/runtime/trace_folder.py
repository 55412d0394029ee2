"""The trace folder: one rule for the processes that write evidence and the commands that read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard_instrumentation.runtime import pyproject

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "PLANE_GUARD_TRACE_DIR"
SETTING = "trace_dir"
DEFAULT = ".plane-guard"


def resolve(environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the absolute trace folder of a process that starts in `cwd`.

    The environment overrides `trace_dir` of the nearest pyproject.toml. `trace_dir` is relative to the folder of that
    pyproject.toml, everything else to `cwd`. `~` is the home folder.
    """
    named = environ.get(VARIABLE)
    if named:
        return _absolute(named, cwd)
    table, folder, _ = pyproject.read(cwd)
    return of_table(table, folder, cwd)


def of_table(table: Mapping[str, object], folder: Path, cwd: Path) -> Path:
    """Return the trace folder that `[tool.plane_guard]` of the pyproject.toml in `folder` names, or the default."""
    setting = table.get(SETTING)
    if isinstance(setting, str) and setting:
        return _absolute(setting, folder)
    return cwd / DEFAULT


def _absolute(named: str, base: Path) -> Path:
    # `expanduser` leaves a `~` that it cannot resolve as it is.
    return Path(base, os.path.expanduser(named))

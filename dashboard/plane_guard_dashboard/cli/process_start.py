"""The time at which a process started."""

from __future__ import annotations

import os
import re
from pathlib import Path

_START_TIME = 22 - 3  # the field of /proc/PID/stat, counted from the state, which follows the name in parentheses
_BOOT_TIME = re.compile(r"^btime ([0-9]+)$", re.MULTILINE)


def started_at(pid: int, proc: Path = Path("/proc")) -> float | None:
    """Return the start of a process in seconds since 1970; None if there is none, or if it cannot be told."""
    try:
        fields = (proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        boot_time = _BOOT_TIME.search((proc / "stat").read_text())
        return int(boot_time[1]) + int(fields[_START_TIME]) / os.sysconf("SC_CLK_TCK") if boot_time else None
    except (OSError, ValueError, IndexError):
        return None

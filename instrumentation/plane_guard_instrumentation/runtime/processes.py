"""Check that another process of this machine still runs."""

from __future__ import annotations

import os
import sys


def is_running(pid: int) -> bool:
    """Return true if a process with this id exists. Where that cannot be asked without harm, the answer is yes."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

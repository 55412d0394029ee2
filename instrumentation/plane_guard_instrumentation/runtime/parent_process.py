"""Whether a guarded process started this one. Its evidence file proves it: an inherited variable alone does not."""

from __future__ import annotations

import os
import re

from plane_guard_instrumentation.runtime import processes

_EVIDENCE_FILE = r"decisions-.+-(?P<pid>[0-9]{1,9})-[0-9a-f]+\.jsonl"  # compiled where there is a parent
_RUN = r'"key":"' + re.escape("plane_guard.run.id") + r'","value":\{"stringValue":"(?P<id>[0-9a-f]{32})"\}'
_FIRST_LINE = 16_384


class Parent:
    """A guarded process that handed its settings over, and still runs."""

    __slots__ = ("pid", "run_id")

    def __init__(self, pid: int, run_id: str) -> None:
        self.pid = pid
        self.run_id = run_id


def parent(path: str) -> Parent | None:
    """The guarded process whose evidence file this should be, if that says so and it still runs."""
    name = re.fullmatch(_EVIDENCE_FILE, os.path.basename(path))
    if name is None or int(name["pid"]) == os.getpid() or not processes.is_running(int(name["pid"])):
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            run = re.search(_RUN, file.readline(_FIRST_LINE))
    except (OSError, ValueError):
        return None
    return Parent(int(name["pid"]), run["id"]) if run else None

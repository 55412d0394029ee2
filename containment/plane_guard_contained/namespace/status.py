"""Reports from inside the namespace to the launcher: one JSON line each."""

from __future__ import annotations

import json
import os

ENTER, MOUNT, LISTEN, START = "enter the namespaces", "mount /proc", "listen inside", "start the command"
"""The steps that may fail."""


def report(descriptor: int, **facts: object) -> None:
    """Tell the launcher something."""
    os.write(descriptor, json.dumps(facts).encode() + b"\n")


def report_failure(descriptor: int, step: str, error: OSError) -> None:
    """Tell the launcher that a step failed."""
    report(descriptor, failed=step, errno=error.errno, message=str(error))

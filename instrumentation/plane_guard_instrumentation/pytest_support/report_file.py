"""`pytest --plane-guard-report=PATH`: this session as `plane-guard report --format json` has it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    import pytest

OPTION = "--plane-guard-report"
_SECONDS = 300


def add_option(parser: pytest.Parser) -> None:
    """Add the option, in a group of `pytest --help`."""
    group = parser.getgroup("plane-guard", "plane-guard (Plane writes of tests)")
    group.addoption(
        OPTION,
        metavar="PATH",
        help="write a JSON report of this run to PATH: decisions, attempts on production, gaps",
    )


def write(config: pytest.Config) -> str:
    """Write the report if it was asked for; return what went wrong, with its remedy."""
    path = config.getoption(OPTION, None)
    if not path or hasattr(config, "workerinput"):
        return ""
    now = run.current()
    # A process of its own: the reader of traces is no part of a test process.
    command = [sys.executable, "-m", "plane_guard_dashboard", "report", "--format", "json"]
    try:
        done = subprocess.run(  # noqa: S603  our own command
            [*command, "--traces", str(now.trace_dir), "--run", now.run_id],
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
        if done.returncode == 0:
            (config.invocation_params.dir / path).write_bytes(done.stdout)
            return ""
        reason = done.stderr.decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(error)
    remedy = "Run plane-guard report --format json after the tests."
    return f"--plane-guard-report {path}: not written ({reason[-300:]}). {remedy}"

"""`plane-guard doctor`: show if tests are guarded here and with which settings, and prove it with canary writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import click

import plane_guard_watch
from plane_guard import process
from plane_guard.settings import (
    HOSTS_VARIABLE,
    OPT_IN_VARIABLE,
    PROTECTED_VARIABLE,
    SANDBOX_VARIABLE,
)
from plane_guard_dashboard.escaping import visible
from plane_guard_instrumentation.clients import patches
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_PYPROJECT_KEYS = {
    OPT_IN_VARIABLE: "",
    SANDBOX_VARIABLE: "sandbox_projects",
    PROTECTED_VARIABLE: "protected_projects",
    HOSTS_VARIABLE: "hosts",
    run.TRACE_DIR_VARIABLE: "trace_dir",
    run.SWALLOWED_VARIABLE: "swallowed",
}
_CANARY_SECONDS = 120


_EPILOG = """\b
Examples:
  plane-guard doctor
  PLANE_GUARD_HOSTS=plane.example.com plane-guard doctor
"""


@click.command(epilog=_EPILOG, short_help="Show if tests are guarded here, and prove it.")
def doctor() -> None:
    """Show if tests are guarded here, and prove it.

    A canary write through each patched client, and through a child process, must be blocked.

    Exit code 1 if a canary was not blocked, or if settings are malformed.
    """
    from rich.console import Console  # start-up of the other commands

    console = Console(highlight=False)
    sources = {name: _source(name) for name in _PYPROJECT_KEYS}
    settings, start = process.settings(), run.current()
    problems = dict.fromkeys((*start.problems, *settings.problems))
    _print_status(console)
    _print_settings(console, sources, start)
    console.print("\nCanary writes to a made-up production project, from a test process:")
    healthy = True
    with console.status("Starting a test process ..."):
        canaries = list(_canaries())
    for path, result, received in canaries:
        good = result == "blocked" and not received
        healthy = healthy and good
        console.print(f"  {'ok ' if good else 'BAD'} {path}: {result}, the server received {received} request(s)")
    for problem in problems:
        console.print(f"problem: {visible(problem, 400)}", markup=False)
    sys.exit(0 if healthy and not problems else 1)


def _print_status(console: Console) -> None:
    if plane_guard_watch.STATE.at_start:
        console.print("Tests in this environment are guarded, and so are their Python child processes.")
    else:
        guarded = "guarded only if they keep PYTHONPATH" if plane_guard_watch.folder_for_children() else "NOT guarded"
        console.print(
            f"Tests in this environment are guarded if pytest loads the plugin. Their child processes are {guarded}: "
            f"plane-guard is imported from {os.path.dirname(os.path.dirname(plane_guard_watch.__file__))}, which is "
            f"not in the site-packages of {sys.executable}. Install it there with pip.",
            soft_wrap=True,
        )
    evidence = process.in_test_process()
    console.print(f"This is a test process: {evidence}.\n" if evidence else "This is a live process.\n")


def _print_settings(console: Console, sources: dict[str, str], start: run.Run) -> None:
    from rich.table import Table  # start-up, as above

    settings = process.settings()
    values = {
        OPT_IN_VARIABLE: "on" if settings.write_enabled else "off",
        SANDBOX_VARIABLE: ", ".join(sorted(settings.sandbox_projects)) or "none",
        PROTECTED_VARIABLE: ", ".join(sorted(settings.protected_projects)) or "none",
        HOSTS_VARIABLE: ", ".join(sorted(settings.hosts)),
        run.TRACE_DIR_VARIABLE: str(start.trace_dir),
        run.SWALLOWED_VARIABLE: "fail" if start.fail_on_swallowed else "report",
    }
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for name, value in values.items():
        table.add_row(name, visible(value), sources[name])
    table.add_row("guarded clients", ", ".join(dict.fromkeys(target.layer for target in patches.CLIENT_TARGETS)), "")
    console.print(table)


def _source(name: str) -> str:
    if name in os.environ:
        return "environment"
    return "pyproject.toml" if _PYPROJECT_KEYS[name] in run.current().table else "default"


def _canaries() -> Iterator[tuple[str, str, int]]:
    with tempfile.TemporaryDirectory(prefix="plane-guard-doctor-") as folder:
        environment = os.environ | {run.TRACE_DIR_VARIABLE: folder}
        if not plane_guard_watch.STATE.at_start:  # the canary process would not find plane-guard in a zipapp
            environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        child = subprocess.run(
            [sys.executable, "-m", "plane_guard_dashboard.cli.self_test"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_CANARY_SECONDS,
        )
        lines = [json.loads(line) for line in child.stdout.splitlines()]
    if child.returncode or not lines:
        yield "all clients", f"the canary process ended with code {child.returncode}: {child.stderr[-200:]!r}", 0
    for line in lines:
        yield line["path"], line["result"], line["received"]

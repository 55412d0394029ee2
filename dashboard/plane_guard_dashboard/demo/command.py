"""`plane-guard demo`: replay the incident, show the decisions, and check every claim about them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from plane_guard_dashboard.demo import child as _child
from plane_guard_dashboard.demo import render, replay
from plane_guard_dashboard.demo.assertions import check
from plane_guard_dashboard.demo.run import observe
from plane_guard_dashboard.demo.scenario import TEST_FILE
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.sources import DEFAULT_FOLDER
from plane_guard_instrumentation.testing import FakePlane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_dashboard.demo.assertions import Checked, Observed
    from plane_guard_dashboard.demo.run import Evidence

NARROW, WIDE = 80, 100


_EPILOG = """\b
Examples:
  plane-guard demo
  plane-guard demo --verbose
  plane-guard demo --keep
"""


@click.command(epilog=_EPILOG)
@click.option("--keep", is_flag=True, help="Keep the temporary project and print its path.")
@click.option("--verbose", is_flag=True, help="Show the whole output of pytest.")
def demo(*, keep: bool, verbose: bool) -> None:
    """Replay the incident ORCH-114, and show what was blocked.

    The demo contacts nothing outside this machine. Exit code 0: every claim on the screen was checked and
    holds. 1: a claim failed; the message names it.
    """
    _need_pytest()
    console, trace_dir = _console(), _trace_dir()
    with _worktree(keep=keep) as folder, FakePlane() as plane:
        _introduce(console, plane, folder)
        with console.status("pytest is running ...", spinner="line"):
            observed, evidence = _observe(folder, plane, trace_dir)
        checked = check(observed)
        _say(console, observed, plane, verbose=verbose or not all(one.holds for one in checked))
    _conclude(console, checked, evidence)
    if keep:
        render.title(console, "The project is in")
        render.path(console, folder)
    failed = [one.claim for one in checked if not one.holds]
    if failed:
        message = f"failed: {'; '.join(failed)}. See pytest's output above, or run again with --keep."
        raise click.ClickException(message)
    _go_on(console, trace_dir)


def _introduce(console: Console, plane: FakePlane, folder: Path) -> None:
    render.title(console, "The incident ORCH-114, replayed")
    for text in render.STORY:
        render.paragraph(console, text)
    render.title(console, "What the tests inherit")
    shown = _child.live_settings(plane) | {"PLANE_API_TOKEN": f"{plane.token[:14]}... (looks live)"}
    names = {plane.prod.id: f"{plane.prod.id} (prod)"}
    render.facts(console, [(name, names.get(value, value)) for name, value in shown.items()])
    render.title(console, f"$ python -m pytest {TEST_FILE}")
    render.paragraph(console, f"in {folder}", "dim")


def _say(console: Console, observed: Observed, plane: FakePlane, *, verbose: bool) -> None:
    output = observed.child.output
    render.quote(console, output.splitlines() if verbose else render.excerpt(output))
    names = {project.id: project.identifier for project in (plane.prod, plane.sandbox)}
    names |= {key: name for project in (plane.prod, plane.sandbox) for name, key in project.items.items()}
    render.title(console, "Attempts, from the evidence")
    render.attempts(console, observed.decisions, names)
    render.reasons(console, observed.decisions)
    render.swallowed(console, observed.child, observed.decisions)
    render.title(console, "What the server received")
    render.facts(console, _received(observed, plane))


def _received(observed: Observed, plane: FakePlane) -> list[tuple[str, str]]:
    reads = len(plane.requests) - len(plane.writes)
    state = "unchanged" if observed.prod_unchanged else "CHANGED"
    return [
        ("writes to ORCH (production)", f"{len(observed.prod_writes)}, project {state}"),
        ("writes to SBX (sandbox)", str(len(plane.writes) - len(observed.prod_writes))),
        ("reads", str(reads)),
    ]


def _conclude(console: Console, checked: list[Checked], evidence: Evidence) -> None:
    render.title(console, "Checked")
    render.claims(console, checked)
    render.title(console, "Evidence")
    for path in evidence.files:
        render.path(console, path)


def _go_on(console: Console, trace_dir: Path) -> None:
    asked = Path(traces.default_source(os.environ)).absolute() == trace_dir
    more = () if asked else ("--traces", str(trace_dir))
    ours = replay.command()
    render.title(console, "Next")
    render.commands(
        console,
        [
            ((*ours, "report", *more), "this run in a few lines, for CI"),
            ((*ours, "dashboard", *more), "who tried what, in the browser"),
        ],
    )


def _observe(folder: Path, plane: FakePlane, trace_dir: Path) -> tuple[Observed, Evidence]:
    try:
        return observe(folder, plane, trace_dir)
    except subprocess.TimeoutExpired as error:
        message = f"pytest did not finish within {error.timeout:.0f} s; try again when the machine is less busy"
        raise click.ClickException(message) from error


def _need_pytest() -> None:
    if find_spec("pytest") is None:
        message = f"the demo needs pytest, which is not installed. Run: {sys.executable} -m pip install pytest"
        raise click.ClickException(message)


def _console() -> Console:
    console = Console(highlight=False, emoji=False)
    console.width = min(console.width, WIDE) if console.is_terminal else NARROW
    return console


def _trace_dir() -> Path:
    folder = Path(os.environ.get("PLANE_GUARD_TRACE_DIR") or DEFAULT_FOLDER).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        remedy = "set PLANE_GUARD_TRACE_DIR to a writable folder"
        message = f"cannot write evidence to {folder} ({error.strerror}); {remedy}"
        raise click.ClickException(message) from error
    return folder


@contextmanager
def _worktree(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="plane-guard-demo-")).resolve()
    try:
        _child.write_project(folder)
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)

"""`plane-guard verify`: ask the Plane server if anything changed that no allowed decision explains."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.evidence.sources import default_source
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plane_guard_dashboard.evidence.traces import Traces
    from plane_guard_dashboard.verification.reading import Estimate
    from plane_guard_dashboard.verification.runs import Run
    from plane_guard_dashboard.verification.verifier import Outcome, Verifier

_LONGEST = 1000
_MOST_SHOWN = 50
_SECOND_NS = 1_000_000_000
_MINUTE = 60
_TIME = "%Y-%m-%d %H:%M:%S UTC"
NEVER_VISIBLE = (
    "Plane's API does not show: deleted comments, pages, members, votes and reactions; work items that were deleted "
    "or archived before the first verify."
)

_EPILOG = """\b
Examples:
  plane-guard verify
  plane-guard verify --run all --workspace acme
  plane-guard verify --dry-run
  PLANE_WEBHOOK_SECRET=plane_wh_... plane-guard verify --watch
  plane-guard verify --server https://plane.example.com --per-minute 30
"""


@click.command(epilog=_EPILOG)
@click.option("--traces", "source", metavar="DIR|FILE", help="Where the evidence is. [default: the trace folder]")
@click.option("--run", "wanted", metavar="ID|latest|all", default="latest", show_default=True, help="The runs.")
@click.option("--server", "url", metavar="URL", help="The server. [default: PLANE_BASE_URL, else Plane Cloud]")
@click.option(
    "--workspace",
    "workspaces",
    metavar="SLUG",
    multiple=True,
    help="A workspace. [default: PLANE_WORKSPACE_SLUG, else those in the evidence]",
)
@click.option(
    "--per-minute",
    type=click.FloatRange(min=0.1),
    default=50.0,
    show_default=True,
    help="Requests a minute. Plane allows 60 for each token.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=1.0, max=3600.0),
    default=120.0,
    show_default=True,
    help="Seconds between a decision and its change on the server.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0.0, max=3600.0),
    default=30.0,
    show_default=True,
    help="Seconds after the end of a run until Plane's workers have written its activity.",
)
@click.option("--watch", "watched", is_flag=True, help="Receive Plane's webhooks, and compare changes as they happen.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8787",
    show_default=True,
    help="With --watch: the address for webhooks. PLANE_WEBHOOK_SECRET holds their secret key.",
)
@click.option("--dry-run", is_flag=True, help="Print how many requests and how much time it takes, and stop.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(  # noqa: PLR0913  one per option
    *,
    source: str | None,
    wanted: str,
    url: str | None,
    workspaces: tuple[str, ...],
    per_minute: float,
    tolerance: float,
    settle: float,
    watched: bool,
    listen: str,
    dry_run: bool,
    form: str,
) -> None:
    """Ask the server what changed past the guard.

    Reads what changed during a run in every project that the token can see, production first, and compares changes by
    the token's user with the allowed decisions in the evidence. It sends GET requests only. PLANE_API_KEY holds the
    token. Safe to interrupt and re-run: it resumes, and a later verify starts where the last one ended.

    \b
    Exit codes:
      0  every change by this user is explained
      1  something changed that no allowed decision explains; it is listed
      2  the server could not be asked, or there is no evidence
    """  # noqa: D301  \b is click's sign for text that is left as it is
    from plane_guard_dashboard.evidence import traces
    from plane_guard_dashboard.evidence.runs import UnknownRunError
    from plane_guard_dashboard.verification import runs
    from plane_guard_dashboard.verification import server as servers
    from plane_guard_dashboard.verification.client import Client
    from plane_guard_dashboard.verification.verifier import Verifier
    from plane_guard_dashboard.verification.watch_command import watch

    place = source or default_source(os.environ)
    try:
        read = _evidence(place, may_be_missing=watched)
        server = servers.find(os.environ, url, workspaces, runs.workspaces(read.decisions))
        found = [] if watched else runs.find(read, wanted, time.time_ns())
        with Client(server, per_minute, on_wait=_say) as client:
            verifier = Verifier(client, read, found, _sandboxes(read), int(tolerance * _SECOND_NS))
            if watched:
                verifier.identify()
                sys.exit(watch(verifier.watcher(place), listen, _folder(place)))
            estimate = verifier.prepare()
            _announce(estimate, server.host, per_minute)
            if dry_run:
                return
            _settle(found, settle)
            outcome, problem = _read(verifier, _folder(place))
    except (servers.CannotAskError, traces.NoTracesError, UnknownRunError) as error:
        problems.warn(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        problems.warn("Interrupted. Run the command again: it resumes where it stopped.")
        sys.exit(2)
    if problem:
        problems.warn(f"Verified, but {problem}.")
    if form == "json":
        click.echo(json.dumps(as_dict(outcome), indent=2))
    else:
        _print(outcome)
    sys.exit(1 if outcome.findings else 0)


def _evidence(place: str, *, may_be_missing: bool) -> Traces:
    """Read the evidence. There may be none yet when webhooks are received."""
    from plane_guard_dashboard.evidence import traces
    from plane_guard_dashboard.verification.server import CannotAskError

    if "://" in place:
        raise CannotAskError("verify reads files only: name a folder or a file with --traces.")
    try:
        return traces.read(place)
    except traces.NoTracesError:
        if not may_be_missing:
            raise
        return traces.Traces(place, (), (), traces.Accounting(0, 0, 0, 0, 0, 0, ()))


def _settle(found: Sequence[Run], seconds: float) -> None:
    """Wait until Plane's workers have written the activity of a run that has just ended."""
    left = max(run.last_ns for run in found) / _SECOND_NS + seconds - time.time()
    if left > 0:
        click.echo(f"Waiting {left:.0f} s for Plane's workers to write the activity of the run (--settle).", err=True)
        time.sleep(left)


def _sandboxes(read: Traces) -> frozenset[str]:
    """Return the projects that tests may write to: those of the settings here, and those of the evidence."""
    from plane_guard import process
    from plane_guard.vocabulary import Target
    from plane_guard_instrumentation.runtime import run

    run.current()  # reads pyproject
    settings = process.settings()
    seen = {row.project_id for row in read.decisions if row.target == Target.SANDBOX and row.project_id}
    return frozenset(settings.sandbox_projects | seen) - settings.protected_projects


def _folder(place: str) -> str:
    return place if Path(place).is_dir() else str(Path(place).parent)


def _announce(estimate: Estimate, host: str, per_minute: float) -> None:
    """Say how much there is to read, before it is read."""
    what = f"{plural(estimate.requests, 'request')} for {plural(estimate.items, 'work item')} that changed"
    click.echo(f"{host}: about {what}, {_duration(estimate.seconds)} at {per_minute:g} a minute.", err=True)


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    return f"about {minutes} min" if minutes < _MINUTE else f"about {minutes // _MINUTE} h {minutes % _MINUTE} min"


def _read(verifier: Verifier, folder: str) -> tuple[Outcome, str]:
    """Read with a progress bar, if a person is watching."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Asking the server", total=None)
        verifier.advance = lambda done, number: bar.update(task, completed=done, total=number)
        return verifier.run(folder)


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Return plain values, as `verify --format json` prints them."""
    return {
        "server": outcome.server.url,
        "runs": [run.id for run in outcome.runs],
        "up_to": moment(outcome.up_to_ns).isoformat(),
        "requests": outcome.requests,
        **asdict(outcome.counts),
        "findings": [finding.as_dict() for finding in outcome.findings],
        "not_visible_items": list(outcome.not_visible),
    }


def _print(outcome: Outcome) -> None:
    runs = f"run {outcome.runs[0].id}" if len(outcome.runs) == 1 else plural(len(outcome.runs), "run")
    sign = "✖" if outcome.findings else "✔"
    verdict = (
        f"{plural(outcome.counts.unexplained, 'change')} that no allowed decision explains"
        if outcome.findings
        else "every change by this user is explained"
    )
    up_to = moment(outcome.up_to_ns).strftime(_TIME)
    click.echo(
        f"{sign} {visible(runs)} verified against the server at {outcome.server.host}, up to {up_to}: {verdict}."
    )
    production = sum(finding.is_production for finding in outcome.findings)
    for number, finding in enumerate(outcome.findings[:_MOST_SHOWN]):
        if number in {0, production}:
            click.echo("\nProduction" if number < production else "\nSandbox")
        click.echo(f"  {visible(finding.title, _LONGEST)}")
        for line in finding.lines():
            click.echo(f"    {visible(line, _LONGEST)}")
    if len(outcome.findings) > _MOST_SHOWN:
        click.echo(f"  and {len(outcome.findings) - _MOST_SHOWN:,} more; see them with --format json")
    if outcome.findings:
        click.echo("\nThe guard was bypassed. What to do: docs/operations.md, Did production change?")
        click.echo("To see how to restore a value: plane-guard undo FINDING")
    counts = outcome.counts
    click.echo(f"\n{plural(counts.explained, 'write')} explained, {plural(counts.by_others, 'change')} by other users.")
    if outcome.not_visible:
        click.echo(f"Not visible: {len(outcome.not_visible):,}")
    for text in outcome.not_visible[:_MOST_SHOWN]:
        click.echo(f"  {visible(text, _LONGEST)}")
    click.echo(visible(NEVER_VISIBLE, _LONGEST))


def _say(text: str) -> None:
    click.echo(visible(text, _LONGEST), err=True)

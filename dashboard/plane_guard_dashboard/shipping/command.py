"""`plane-guard ship`: send evidence to an OpenTelemetry Collector."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.evidence.sources import NoTracesError, default_source
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plane_guard_dashboard.shipping.batches import Files
    from plane_guard_dashboard.shipping.checkpoint import Checkpoint
    from plane_guard_dashboard.shipping.endpoint import Endpoint
    from plane_guard_dashboard.shipping.uploader import Counts

_MOST_NAMED = 10
_LONGEST = 1000


_EPILOG = """\b
Examples:
  plane-guard ship
  plane-guard ship --endpoint https://collector.example.com:4318 --timeout 300
"""


@click.command(epilog=_EPILOG)
@click.option("--traces", "source", metavar="DIR|FILE", help="Where the evidence is. [default: the trace folder]")
@click.option(
    "--endpoint",
    metavar="URL",
    help="The collector. [default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://127.0.0.1:4318]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    help="Overall timeout in seconds.",
)
@click.option(
    "--all", "--again", "everything", is_flag=True, help="Also send what this destination has accepted before."
)
def ship(source: str | None, endpoint: str | None, timeout: float, *, everything: bool) -> None:
    """Send evidence to a collector over OTLP/HTTP, as JSON.

    Safe to interrupt and re-run: it resumes where it left off, on this machine. Tests may still be running. Another
    URL or other headers (X-Scope-OrgID, say) are another destination. The variables OTEL_EXPORTER_OTLP_ENDPOINT,
    _HEADERS, _COMPRESSION, _CERTIFICATE and their TRACES forms have their usual meaning.

    \b
    Exit codes:
      0  the collector has accepted all of it
      1  not all of it; the messages say what is missing and why
      2  there is no evidence, or no usable endpoint
    """  # noqa: D301  \b is click's sign for text that is left as it is
    from plane_guard_dashboard.shipping import batches
    from plane_guard_dashboard.shipping import endpoint as endpoints
    from plane_guard_dashboard.shipping.checkpoint import Checkpoint

    try:
        files = batches.files_to_send(source or default_source(os.environ))
        place = endpoints.find(endpoint, os.environ)
    except (NoTracesError, batches.NotFilesError, endpoints.EndpointError) as error:
        problems.end(str(error))
    load = Checkpoint if everything else Checkpoint.load
    checkpoint = load(files.root, place.identity)
    counts = _upload(files, place, checkpoint, timeout)
    _print(counts, place, checkpoint)
    _list("Not sent, because a collector wrote it (to send it: --traces FILE)", list(map(str, files.of_a_collector)))
    sys.exit(0 if counts.complete else 1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _upload(files: Files, place: Endpoint, checkpoint: Checkpoint, timeout: float) -> Counts:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from plane_guard_dashboard.shipping.http import Client
    from plane_guard_dashboard.shipping.uploader import Uploader

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with (
        Client(place, timeout) as client,
        Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar,
    ):
        task = bar.add_task("Sending", total=sum(map(_size, files.sent)))
        return Uploader(files, checkpoint, client.post, lambda number: bar.advance(task, number)).run()


def _print(counts: Counts, place: Endpoint, checkpoint: Checkpoint) -> None:
    accepted = counts.now + counts.before
    where = f"{plural(counts.lines, 'line')} in {plural(counts.files, 'file')}"
    click.echo(f"{accepted:,} of {where} accepted by {place.shown}: {counts.now:,} now, {counts.before:,} before.")
    if counts.stopped:
        problems.warn(counts.stopped)
    if counts.unsent:
        problems.warn(f"Not sent: {plural(counts.unsent, 'line')}. Re-run the command: it resumes where it left off.")
    _list("Refused, and kept in the evidence", counts.refused)
    _list("Waiting", counts.waiting)
    _list("Not readable", counts.unreadable)
    if counts.rejected:
        reason = checkpoint.message or "it gave no reason. Look at its log."
        problems.warn(f"The collector dropped {plural(counts.rejected, 'span')} of what it accepted: {reason}")
    if checkpoint.lost:
        problems.warn(
            "The next call sends everything again, because what was accepted could not be recorded. "
            "Make the folder in XDG_CACHE_HOME writable."
        )


def _list(heading: str, lines: Sequence[str]) -> None:
    if lines:
        named = [f"  {line}" for line in lines[:_MOST_NAMED]]
        rest = len(lines) - _MOST_NAMED
        problems.warn(f"{heading}: {len(lines):,}", *named, *([f"  and {rest:,} more"] if rest > 0 else []))

"""`plane-guard ship`: sends evidence to an OpenTelemetry Collector, now or as often as it takes."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.sources import NoTracesError, default_source
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plane_guard_dashboard.shipping.checkpoint import Ledger
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
    help="Seconds that it may take in all.",
)
@click.option("--again", is_flag=True, help="Send what this endpoint has accepted before as well.")
def ship(source: str | None, endpoint: str | None, timeout: float, *, again: bool) -> None:
    """Send evidence to a collector over OTLP/HTTP.

    It may be repeated, and killed, at any time: it goes on where it stopped. Tests may still be writing. The variables
    OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _COMPRESSION, _CERTIFICATE and their TRACES forms mean what they always mean.

    \b
    Exit codes:
      0  the collector has accepted all of it
      1  not all of it
      2  there is no evidence, or no usable endpoint
    """  # noqa: D301  \b is click's sign for text that is left as it is
    from plane_guard_dashboard.shipping import batches, checkpoint
    from plane_guard_dashboard.shipping import endpoint as _endpoint

    try:
        files = [(path, _size(path)) for path in batches.files_to_send(source or default_source(os.environ))]
        place = _endpoint.find(endpoint, os.environ)
    except (NoTracesError, batches.NotFilesError, _endpoint.EndpointError) as error:
        click.echo(visible(str(error), _LONGEST), err=True)
        sys.exit(2)
    folder = files[0][0].parent
    ledger = checkpoint.Ledger(folder, place.shown) if again else checkpoint.Ledger.load(folder, place.shown)
    counts = _carry(files, place, ledger, timeout)
    _tell(counts, place, ledger)
    sys.exit(0 if counts.complete else 1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _carry(files: Sequence[tuple[Path, int]], place: Endpoint, ledger: Ledger, timeout: float) -> Counts:
    import httpx
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from plane_guard_dashboard.shipping.http import Delivery
    from plane_guard_dashboard.shipping.uploader import Shipment

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with (
        httpx.Client(verify=place.verify, trust_env=not place.on_this_machine) as client,
        Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar,
    ):
        task = bar.add_task("Sending", total=sum(size for _, size in files))
        delivery = Delivery(client, place, time.monotonic() + timeout)
        return Shipment(ledger, delivery.post, lambda number: bar.advance(task, number)).carry(files)


def _tell(counts: Counts, place: Endpoint, ledger: Ledger) -> None:
    accepted = counts.now + counts.before
    where = f"{plural(counts.lines, 'line')} in {plural(counts.files, 'file')}"
    click.echo(f"{accepted:,} of {where} accepted by {place.shown}: {counts.now:,} now, {counts.before:,} before.")
    if counts.stopped:
        _say(counts.stopped)
    if counts.unsent:
        _say(f"Not sent: {plural(counts.unsent, 'line')}. Repeat the command: it goes on where it stopped.")
    _list("Refused, and kept in the evidence", counts.refused)
    _list("Waiting", counts.waiting)
    _list("Not readable", counts.unreadable)
    if counts.rejected:
        _say(f"Of what it accepted, the collector dropped {plural(counts.rejected, 'span')}: {ledger.message}")
    if ledger.lost:
        _say("What was accepted could not be remembered, and is sent again the next time: make the folder writable.")


def _list(what: str, lines: Sequence[str]) -> None:
    if lines:
        _say(f"{what}: {len(lines):,}")
    for line in lines[:_MOST_NAMED]:
        _say(f"  {line}")
    if len(lines) > _MOST_NAMED:
        _say(f"  and {len(lines) - _MOST_NAMED:,} more")


def _say(sentence: str) -> None:
    click.echo(visible(sentence, _LONGEST), err=True)

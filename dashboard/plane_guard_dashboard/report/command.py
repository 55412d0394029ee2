"""`plane-guard report`: the step of a CI job that says what a test run tried, and fails when told to."""

from __future__ import annotations

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from plane_guard_dashboard.cli.durations import Age
from plane_guard_dashboard.cli.options import traces_option
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.groups import KnownReportError, known_fingerprints
from plane_guard_dashboard.report import rendering
from plane_guard_dashboard.report.summary import (
    ALL,
    LATEST,
    NothingSinceError,
    Summary,
    UnknownRunError,
    since,
    summarize,
)
from plane_guard_dashboard.store.clickhouse_address import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plane_guard_dashboard.evidence.traces import Traces

WIDTH_OF_A_LOG = 1000


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


FAIL_ON: Mapping[str, Callable[[Summary], int]] = {
    "prod-attempt": lambda summary: summary.prod_attempts + summary.prod_allowed,
    "new-prod-attempt": lambda summary: summary.new_prod_attempts + summary.prod_allowed,
    "blocked": lambda summary: summary.blocked + summary.prod_allowed,
}


_EPILOG = """\b
Examples:
  plane-guard report
  plane-guard report --run all --since 7d
  plane-guard report --format markdown --github-step-summary --fail-on prod-attempt
  plane-guard report --format json >report.json
  plane-guard report --known report.json --fail-on new-prod-attempt
  plane-guard report --traces clickhouse://host/plane_guard --since 24h
"""


@click.command(epilog=_EPILOG)
@traces_option
@click.option("--run", metavar="ID|latest|all", help="Which run to report on.  [default: latest; all with --since]")
@click.option("--since", "age", type=Age(), help="Only what is newer than this: 90m, 24h, 7d, …")
@click.option("--known", metavar="FILE", help="An earlier report (--format json): what is not in it is new.")
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in Format]),
    default=str(Format.TEXT),
    show_default=True,
)
@click.option("--fail-on", type=click.Choice(list(FAIL_ON)), help="Exit with 1 when there was one in the run.")
@click.option("--github-step-summary", is_flag=True, help="Also append Markdown to $GITHUB_STEP_SUMMARY.")
def report(  # noqa: PLR0913  one per option
    *,
    source: str | None,
    run: str | None,
    age: float | None,
    known: str | None,
    form: str,
    fail_on: str | None,
    github_step_summary: bool,
) -> None:
    """Sum up what a run tried to write.

    \b
    Exit codes:
      0  read, and the condition of --fail-on does not hold; a guarded run without decisions is one
      1  the condition of --fail-on holds
      2  nothing could be read, there is nothing that new, or the earlier report is none

    \b
    Conditions; a write that got through to production fulfils each, expected blocks fulfil none:
      prod-attempt      a write to production was tried, and blocked
      new-prod-attempt  one that the report of --known does not have
      blocked           any write was blocked
    """  # noqa: D301  \b is click's sign for text that is left as it is
    try:
        with Console(stderr=True).status("Reading the evidence ..."):
            wanted = run or (LATEST if age is None else ALL)
            found = _read(source or traces.default_source(os.environ), wanted, age)
        summary = summarize(found, wanted, _known(known))
    except (traces.NoTracesError, UnknownRunError, NothingSinceError, KnownReportError) as error:
        click.echo(visible(str(error), 1000), err=True)
        sys.exit(2)
    _print(summary, Format(form))
    if github_step_summary:
        _append_to_job(summary)
    sys.exit(int(fail_on is not None and FAIL_ON[fail_on](summary) > 0))


def _read(source: str, run: str, age: float | None) -> Traces:
    """What there is of that age; of a table only what this report is about."""
    earliest_ns = 0 if age is None else int((time.time() - age) * 1e9)
    if is_address(source):
        from plane_guard_dashboard.store import clickhouse_report

        return clickhouse_report.read(source, run, earliest_ns)
    found = traces.read(source)
    return found if age is None else since(found, earliest_ns)


def _known(path: str | None) -> frozenset[str] | None:
    """What an earlier report has; without that file, as in a first run, everything is new."""
    if path is None:
        return None
    try:
        return known_fingerprints(Path(path).read_text(encoding="utf-8"))
    except KnownReportError as error:
        raise KnownReportError(f"{path} {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        click.echo(
            visible(f"The earlier report {path} cannot be read ({error}): everything counts as new.", 1000), err=True
        )
        return frozenset()


def _print(summary: Summary, form: Format) -> None:
    if form is Format.JSON:
        click.echo(rendering.as_json(summary))
    elif form is Format.MARKDOWN:
        click.echo(rendering.as_markdown(summary), nl=False)
    else:
        console = Console(highlight=False, emoji=False)
        console.width = console.width if console.is_terminal else WIDTH_OF_A_LOG
        console.print(rendering.as_text(summary))


def _append_to_job(summary: Summary) -> None:
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        _say_unwritten("$GITHUB_STEP_SUMMARY is not set", "GitHub Actions sets it; elsewhere name a file in it")
        return
    try:
        with Path(path).open("a", encoding="utf-8") as page:
            page.write(rendering.as_markdown(summary))
    except OSError as error:
        _say_unwritten(f"{visible(path)}: {error.strerror}", "set $GITHUB_STEP_SUMMARY to a file that can be written")


def _say_unwritten(reason: str, remedy: str) -> None:
    what = f"The job's page could not be written ({reason}): {remedy}, or leave --github-step-summary out."
    click.echo(what, err=True)

"""`plane-guard report`: the step of a CI job that says what a test run tried, and fails when told to."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from plane_guard_dashboard import _report, traces
from plane_guard_dashboard._escape import visible
from plane_guard_dashboard.summary import LATEST, Summary, UnknownRunError, summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WIDTH_OF_A_LOG = 1000


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


FAIL_ON: Mapping[str, Callable[[Summary], int]] = {
    "prod-attempt": lambda summary: summary.prod_attempts + summary.prod_allowed,
    "blocked": lambda summary: summary.blocked + summary.prod_allowed,
}


@click.command()
@click.option("--traces", "source", metavar="DIR|FILE", help="Where the traces are. [default: the trace folder]")
@click.option("--run", default=LATEST, show_default=True, metavar="ID|latest|all", help="Which run to report on.")
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in Format]),
    default=str(Format.TEXT),
    show_default=True,
)
@click.option("--fail-on", type=click.Choice(list(FAIL_ON)), help="Exit with 1 when there was one in the run.")
@click.option("--github-step-summary", is_flag=True, help="Also append Markdown to $GITHUB_STEP_SUMMARY.")
def report(source: str | None, run: str, form: str, fail_on: str | None, *, github_step_summary: bool) -> None:
    """Sum up what a run tried to write.

    Exit code 0: read, and the condition does not hold. 1: the condition of --fail-on holds.
    2: nothing could be read.
    """
    try:
        summary = summarize(traces.read(source or traces.default_source(os.environ)), run)
    except (traces.NoTracesError, UnknownRunError) as error:
        click.echo(visible(str(error), 1000), err=True)
        sys.exit(2)
    _print(summary, Format(form))
    if github_step_summary:
        _append_to_job(summary)
    sys.exit(int(fail_on is not None and FAIL_ON[fail_on](summary) > 0))


def _print(summary: Summary, form: Format) -> None:
    if form is Format.JSON:
        click.echo(_report.as_json(summary))
    elif form is Format.MARKDOWN:
        click.echo(_report.as_markdown(summary), nl=False)
    else:
        console = Console(highlight=False, emoji=False)
        console.width = console.width if console.is_terminal else WIDTH_OF_A_LOG
        console.print(_report.as_text(summary))


def _append_to_job(summary: Summary) -> None:
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        with Path(path or "").open("a", encoding="utf-8") as page:
            page.write(_report.as_markdown(summary))
    except OSError as error:
        remedy = "set $GITHUB_STEP_SUMMARY to a file that can be written, or leave --github-step-summary out"
        click.echo(f"The job's page could not be written ({error.strerror}): {remedy}.", err=True)

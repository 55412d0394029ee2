"""`plane-guard report`: the step of a CI job that sums up a test run and decides if the job fails."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from plane_guard_dashboard import link_templates, owners, problems, triage
from plane_guard_dashboard.durations import Age
from plane_guard_dashboard.evidence import packing, traces, verifications
from plane_guard_dashboard.evidence.groups import KnownReportError, known_groups
from plane_guard_dashboard.evidence.runs import NothingSinceError, UnknownRunError
from plane_guard_dashboard.options import traces_option
from plane_guard_dashboard.report import gate, reading, rendering
from plane_guard_dashboard.report.collection import CollectionError
from plane_guard_dashboard.report.gate import FAIL_ON
from plane_guard_dashboard.report.github import LARGEST_PAGE, annotations_of
from plane_guard_dashboard.report.known import Known
from plane_guard_dashboard.report.summary import Asked
from plane_guard_dashboard.triage import KnownFile, KnownFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_dashboard.report.reading import Wanted
    from plane_guard_dashboard.report.summary import Summary

__all__ = ["FAIL_ON", "Format", "report"]

WIDTH_OF_A_LOG = 100
_UNUSABLE = (
    traces.NoTracesError,
    UnknownRunError,
    NothingSinceError,
    KnownReportError,
    KnownFileError,
    CollectionError,
)
_LONGEST = 1000


class Format(StrEnum):
    """The forms in which a report is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


_EPILOG = """\b
Examples:
  plane-guard report
  plane-guard report --run all --since 7d
  plane-guard report --format markdown --github-step-summary --fail-on prod-attempt
  plane-guard report --since-file .job-started --fail-on blocked
  plane-guard report --format json >report.json
  plane-guard report --known report.json --fail-on new-prod-attempt
  plane-guard report --fail-on new-prod-attempt
  plane-guard report --traces clickhouse://host/plane_guard --since 24h
"""


@click.command(epilog=_EPILOG)
@traces_option
@click.option(
    "--run",
    metavar="ID|latest|all",
    help="The run, by its id or the beginning of it.  [default: the CI job of the latest run; all with --since]",
)
@click.option("--since", "age", type=Age(), help="Only what is newer than this: 90m, 24h, 7d, …")
@click.option(
    "--since-file",
    "marker",
    metavar="FILE",
    help="Only evidence that was written after this file: make it when the job starts.",
)
@click.option(
    "--known",
    metavar="FILE",
    help="An earlier report (--format json), or another plane-guard-known.toml: what is not in it is new."
    "  [default: the nearest plane-guard-known.toml]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in Format]),
    default=str(Format.TEXT),
    show_default=True,
)
@click.option("--fail-on", type=click.Choice(list(FAIL_ON)), help="Exit with 1 if the run has one.")
@click.option("--allow-unreadable", is_flag=True, help="Decide even if part of the evidence could not be read.")
@click.option(
    "--verify", "verified", is_flag=True, help="Say if plane-guard verify has compared the runs with the server."
)
@click.option("--github-step-summary", is_flag=True, help="Also append Markdown to $GITHUB_STEP_SUMMARY.")
def report(  # noqa: PLR0913  one per option
    *,
    source: str | None,
    run: str | None,
    age: float | None,
    marker: str | None,
    known: str | None,
    form: str,
    fail_on: str | None,
    allow_unreadable: bool,
    verified: bool,
    github_step_summary: bool,
) -> None:
    """Sum up what a run tried to write.

    \b
    Exit codes:
      0  success; with --fail-on: the condition does not hold, and all evidence was read
      1  the condition of --fail-on holds; with --verify: a change on the server is unexplained
      2  no usable evidence, an undecided condition, or an invalid --known file; with --verify: a run is not verified

    \b
    Conditions; a write that got through to production fulfils each, expected blocks fulfil none:
      prod-attempt      a write to production, or possibly to production, was blocked
      new-prod-attempt  one that neither the report of --known has nor plane-guard-known.toml acknowledges
      blocked           any write was blocked
    """  # noqa: D301  \b is click's sign for text that is left as it is
    wanted = reading.Wanted(
        source=source or traces.default_source(os.environ),
        run=run,
        earliest_ns=0 if age is None else int((time.time() - age) * 1e9),
        written_ns=_written_ns(marker),
    )
    try:
        summary = _summary(wanted, Asked(_known(known), owners.find(Path.cwd()), _templates()))
    except _UNUSABLE as error:
        problems.end(str(error), gate.UNDECIDED)
    result = gate.judge(
        summary, fail_on, allow_unreadable=allow_unreadable, chosen=run is not None or wanted.is_limited
    )
    if result.finding:
        summary = replace(summary, undecided=(*summary.undecided, result.finding))
    verification = verifications.Answer()
    if verified:
        verification = verifications.answer(verifications.read(wanted.source), summary.runs)
        summary = replace(
            summary,
            verification=verification.sentence,
            unexplained=verification.unexplained,
            verified=verification.code != gate.UNDECIDED,
        )
    with _full_output():
        _print(summary, Format(form))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations_of(summary):
            click.echo(line, err=True)
    if result.reason:
        problems.warn(f"Could not be decided: {result.reason}")
    if github_step_summary:
        _append_to_job(summary)
    sys.exit(gate.worse(result.code, verification.code))


def _written_ns(marker: str | None) -> int:
    """Return the time at which the file that marks the start of a job was written."""
    if marker is None:
        return 0
    try:
        return Path(marker).stat().st_mtime_ns
    except OSError as error:
        problems.end(
            f"{marker} cannot be looked at ({error.strerror}): make the file of --since-file when the job starts.",
            gate.UNDECIDED,
        )


def _templates() -> link_templates.LinkTemplates:
    templates = link_templates.from_environment(os.environ)
    for problem in templates.problems:
        problems.warn(problem)
    return templates


def _summary(wanted: Wanted, asked: Asked) -> Summary:
    """Read with a progress bar, if a person is watching."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Reading the evidence", total=None)
        return reading.summarize(
            wanted,
            asked,
            lambda read, size: bar.update(task, completed=read, total=size),
        )


@contextmanager
def _full_output() -> Iterator[None]:
    """Turn output that cannot be printed into exit code 2, and not into that of a condition that holds."""
    try:
        yield
        if sys.stdout is not None:  # as in `report >&-`
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()  # the reader, such as `head`, has seen enough
    except OSError as error:
        _discard_output()
        problems.end(
            f"The report could not be printed ({error.strerror}): make room where it is written to.", gate.UNDECIDED
        )


def _discard_output() -> None:
    """Keep the interpreter from failing again when it flushes the output at its end."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _known(path: str | None) -> Known | None:
    """Return the groups of --known and of the nearest known-file, or None if there is neither."""
    today = datetime.now().astimezone().date()
    if path is not None and path.endswith(Path(triage.FILE_NAME).suffix):
        return Known(file=triage.load(Path(path)), today=today)
    file = _nearest_known_file()
    earlier = _earlier(path)
    return None if earlier is None and file is None else Known(earlier or {}, file, today)


def _nearest_known_file() -> KnownFile | None:
    """Return the known-file of the project. One that cannot be used makes everything new, and is named."""
    place = triage.default_path(os.environ, Path.cwd())
    if not place.exists():
        return None
    try:
        return triage.load(place)
    except KnownFileError as error:
        problems.warn(f"{error} Until then, everything counts as new.")
        return KnownFile(place, {})


def _earlier(path: str | None) -> dict[str, str] | None:
    """Return the groups of an earlier report. Without that file, as in a first run, everything is new."""
    if path is None:
        return None
    try:
        with packing.open_regular(Path(path)) as file:  # PowerShell writes UTF-16
            return known_groups(file.read().decode("utf-8-sig"))
    except KnownReportError as error:
        raise KnownReportError(f"{path} {error}.") from None
    except UnicodeDecodeError:
        raise KnownReportError(f"{path} is neither UTF-8 nor UTF-16: name a JSON report with --known.") from None
    except OSError as error:
        reason = error.strerror or error
        problems.warn(f"The earlier report {path} cannot be read ({reason}): everything counts as new.")
        return {}


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
    section = rendering.as_markdown(summary)
    try:
        written = Path(path).read_bytes() if Path(path).is_file() else b""
        if len(written) + len(section.encode()) > LARGEST_PAGE:
            _say_unwritten(f"{path} would be larger than GitHub shows", "let the step write less into it")
            return
        with Path(path).open("a", encoding="utf-8") as page:
            # A heading next to a paragraph without an end would be a part of it.
            page.write(section if not written or written.endswith(b"\n") else f"\n\n{section}")
    except OSError as error:
        _say_unwritten(f"{path}: {error.strerror}", "set $GITHUB_STEP_SUMMARY to a file that can be written")


def _say_unwritten(reason: str, remedy: str) -> None:
    problems.warn(f"The job's page could not be written ({reason}): {remedy}, or leave --github-step-summary out.")

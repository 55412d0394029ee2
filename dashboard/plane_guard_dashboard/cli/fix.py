"""`plane-guard fix`: the smallest change that makes a blocked test safe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.groups import without_parameters
from plane_guard_dashboard.evidence.runs import ALL, UnknownRunError
from plane_guard_dashboard.evidence.sources import NoTracesError, default_source
from plane_guard_dashboard.fixing import Attempt, Fix, combined, fix
from plane_guard_dashboard.options import traces_option
from plane_guard_dashboard.report import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plane_guard_dashboard.evidence.rows import DecisionRow

_LONGEST = 1000
_EPILOG = """\b
Examples:
  plane-guard fix tests/test_stage.py::test_moves_to_done
  plane-guard fix test_stage.py
  plane-guard fix --all
  plane-guard fix --all --diff >fix.patch
"""


@click.command(name="fix", epilog=_EPILOG, short_help="Propose the smallest change that makes a blocked test safe.")
@click.argument("test", required=False)
@click.option("--all", "every", is_flag=True, help="Propose a change for every blocked test of the run.")
@click.option("--run", metavar="ID|latest|all", help="The run to read.  [default: the newest with that test; latest]")
@click.option("--diff", "only_diff", is_flag=True, help="Print only the patch, for git apply or patch -p1.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="pytest's rootdir, to which the names of the tests are relative.  [default: the current folder]",
)
@traces_option
def fix_command(  # noqa: PLR0913  one per option
    *, test: str | None, every: bool, run: str | None, only_diff: bool, root: Path, source: str | None
) -> None:
    """Propose the smallest change that makes a blocked test safe. Nothing is written.

    TEST is a node id of pytest, or part of one. Where a line helps, the proposal is a patch; mocks for the routes
    that were tried follow.

    \b
    Exit codes:
      0  a proposal was printed, or no test was blocked
      2  no evidence, or no blocked test of that name
    """  # noqa: D301  \b is click's sign for text that is left as it is
    if (test is None) is not every:
        raise click.UsageError("Name a test, or write --all.")
    wanted = reading.Wanted(source=source or default_source(os.environ), run=run or (None if every else ALL))
    try:
        fixes = [fix(attempts, root) for attempts in _blocked(reading.decisions(wanted), test or "")]
    except (NoTracesError, UnknownRunError) as error:
        problems.end(str(error))
    if not fixes and test:
        problems.end(
            f"No blocked write of a test named {test} is in {wanted.source}. Run it, or name its traces with --traces."
        )
    if only_diff:
        click.echo(combined(fixes, root), nl=False)
    else:
        click.echo("\n\n".join(map(_shown, fixes)) or "No test was blocked.")
        _explain_rest(fixes)


def _blocked(rows: Iterable[DecisionRow], wanted: str) -> Iterator[list[Attempt]]:
    """Yield the unexpected blocks of each test that matches; of several runs of a test, those of the newest."""
    newest: dict[str, tuple[int, str, dict[Attempt, None]]] = {}
    for row in rows:
        test = without_parameters(row.test or "")
        if not row.blocked or wanted not in (row.test or ""):
            continue
        known = newest.get(test)
        run = row.run_id or ""
        if known is None or (run != known[1] and row.time_ns > known[0]):
            known = newest[test] = (row.time_ns, run, {})
        if run == known[1]:
            known[2].setdefault(Attempt.of_row(row))
    yield from (list(attempts) for _, (_, _, attempts) in sorted(newest.items()))


def _shown(one: Fix) -> str:
    attempts = dict.fromkeys(
        f"  {attempt.method} {attempt.url_template or '(a connection)'} on {attempt.server_address}: {attempt.reason}"
        f"{f', called from {attempt.caller}' if attempt.caller else ''}"
        for attempt in one.attempts
    )
    lines = [visible(one.test, _LONGEST) or "(outside of a test)", *(visible(line, _LONGEST) for line in attempts)]
    lines += ["", one.advice]
    if one.diff:
        lines += ["", *(visible(line, _LONGEST) for line in one.diff.splitlines())]
    for library, code in one.mocks:
        lines += ["", f"{'Or m' if one.diff else 'M'}ock the routes with {library}:", *code.splitlines()]
    return "\n".join(lines)


def _explain_rest(fixes: list[Fix]) -> None:
    if any(one.mocks for one in fixes):
        click.echo("\nThe evidence holds writes only: add a route to a mock for each read that the code sends.")
    if len(fixes) > 1:
        safe = sum(bool(one.diff) for one in fixes)
        click.echo(f"{len(fixes)} blocked tests. One line makes {safe} safe: plane-guard fix --all --diff | git apply")
    if fixes:
        click.echo("A test that is about the refusal itself requests the fixture plane_blocked_writes.")

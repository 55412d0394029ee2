"""`plane-guard init`: look at a project and propose what it needs, as a diff."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.escaping import visible

_NEEDED = ("tomlkit", "yaml")
_LONGEST = 1000
_EPILOG = """\b
Examples:
  plane-guard init
  plane-guard init --write
  plane-guard init . >plane-guard.patch
"""


@click.command(epilog=_EPILOG, short_help="Propose the settings, CI step and files that a project needs.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option("--write", is_flag=True, help="Write the changes. Without it nothing is written.")
def init(*, folder: Path, write: bool) -> None:
    """Propose what the project in FOLDER needs, as a diff: settings, requirement, CI step, .gitignore line, a paragraph
    for coding agents.

    The diff goes to stdout, everything else to stderr. Existing settings are never changed.

    \b
    Exit codes:
      0  the changes were printed or written, or there is nothing to change
      2  not possible: packages are missing, or a file could not be written
    """  # noqa: D205, D301  \b is click's sign for text that is left as it is
    if not all(find_spec(module) for module in _NEEDED):
        problems.end('init needs more packages: pip install "plane-guard[dashboard]"')
    from plane_guard_dashboard.adoption import Draft, propose

    draft = propose(Draft(folder))
    click.echo("".join(f"{visible(line, _LONGEST)}\n" for line in draft.diff().splitlines()), nl=False)
    if write:
        try:
            draft.write()
        except OSError as error:
            problems.end(
                f"{error.filename} could not be written ({error.strerror}). Make it writable, or apply the diff."
            )
    for note in draft.notes:
        click.echo(f"note: {visible(note, _LONGEST)}", err=True)
    click.echo(_result(draft.changed, write=write), err=True)


def _result(changed: list[str], *, write: bool) -> str:
    if not changed:
        return "Nothing to change. Run `plane-guard doctor` to see that tests are guarded."
    names = ", ".join(changed)
    return (
        f"Written: {names}" if write else f"Would change {names}. Nothing was written: add --write, or apply the diff."
    )

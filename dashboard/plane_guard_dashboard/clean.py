"""`plane-guard clean`: deletes old evidence, never a file that a process may still write to."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import click

from plane_guard_dashboard.traces import default_source
from plane_guard_instrumentation import _alive, _resource

_AGE = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhdw])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_EVIDENCE = re.compile(r"decisions-(?P<host>.+)-(?P<pid>[0-9]+)-[0-9a-f]+\.jsonl")


class Age(click.ParamType[float]):
    """A time span such as 30d, in seconds."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number and a unit."""
        match = _AGE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not an age. Write a number and a unit, such as 90m, 12h, 30d or 4w.", param, ctx)
        return float(match["number"]) * _SECONDS[match["unit"]]


@click.command()
@click.option("--older-than", "age", type=Age(), required=True, help="Delete what was last written before: 30d, 12h, …")
@click.option("--traces", help="The folder with the evidence.  [default: the trace folder]")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def clean(*, age: float, traces: str | None, dry_run: bool) -> None:
    """Delete old evidence files, never one whose process still runs.

    Example: plane-guard clean --older-than 30d
    """
    folder = Path(traces or default_source(os.environ))
    if not folder.is_dir():
        raise click.ClickException(f"{folder} is not a folder with evidence. Name it with --traces.")
    old = [file for file in sorted(folder.glob("decisions-*.jsonl")) if _is_old(file, age)]
    for file in old:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {file}")
        if not dry_run:
            file.unlink(missing_ok=True)
    click.echo(f"{len(old)} file(s) {'to delete' if dry_run else 'deleted'}")


def _is_old(file: Path, age: float) -> bool:
    name = _EVIDENCE.fullmatch(file.name)
    if name is None or time.time() - file.stat().st_mtime < age:
        return False
    return name["host"] != _resource.host_name() or not _alive.is_running(int(name["pid"]))

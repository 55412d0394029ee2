"""`plane-guard clean`: deletes old evidence, never a file that a process may still write to."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import click

from plane_guard_dashboard._age import Age
from plane_guard_dashboard.traces import default_source
from plane_guard_instrumentation import _alive, _resource

_EVIDENCE = re.compile(r"decisions-(?P<host>.+)-(?P<pid>[0-9]+)-[0-9a-f]+\.jsonl")


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

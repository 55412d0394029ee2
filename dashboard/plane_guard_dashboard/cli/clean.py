"""`plane-guard clean`: deletes old evidence, never a file that a process may still write to."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import click

from plane_guard_dashboard.cli.durations import Age
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.sources import default_source, shown
from plane_guard_dashboard.store.orphans import orphans, remove
from plane_guard_instrumentation.evidence import resource
from plane_guard_instrumentation.runtime import processes

_EVIDENCE = re.compile(r"(?:decisions|spans)-(?P<host>.+)-(?P<pid>[0-9]{1,9})-[0-9a-f]+\.jsonl")
# What the processes of a run have waited for a collector; the run itself removes it, unless it is killed.
_ACCOUNT = re.compile(r"live-export-[0-9a-f]+\.account")
_WAITED = re.compile(r"^([0-9]{1,9})-[0-9]+ ", re.MULTILINE)


_EPILOG = """\b
Examples:
  plane-guard clean --older-than 30d --dry-run
  plane-guard clean --older-than 30d
"""


@click.command(epilog=_EPILOG)
@click.option("--older-than", "age", type=Age(), required=True, help="Delete what was last written before: 30d, 12h, …")
@click.option("--traces", metavar="DIR", help="The folder with the evidence.  [default: the trace folder]")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def clean(*, age: float, traces: str | None, dry_run: bool) -> None:
    """Delete old evidence files, never one whose process still runs.

    What a dashboard has kept of a folder or file that is not there any more goes too, whatever its age.

    Exit code 1: there is no such folder.
    """
    source = traces or default_source(os.environ)
    folder = Path(source)
    if "://" in source or not folder.is_dir():
        raise click.ClickException(f"{shown(source)} is not a folder with evidence. Name it with --traces.")
    old = [file for file in sorted(folder.iterdir()) if file.is_file() and _is_old(file, age)]
    for file in old:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {file}")
        if not dry_run:
            file.unlink(missing_ok=True)
    click.echo(f"{len(old)} file(s) {'to delete' if dry_run else 'deleted'}")
    _clean_caches(dry_run=dry_run)


def _clean_caches(*, dry_run: bool) -> None:
    for folder, origin in orphans(os.environ):
        if dry_run or remove(folder):
            click.echo(f"{'would delete' if dry_run else 'deleted'} {folder}, the cache of {visible(origin, 1000)}")


def _is_old(file: Path, age: float) -> bool:
    evidence, account = _EVIDENCE.fullmatch(file.name), _ACCOUNT.fullmatch(file.name)
    if not (evidence or account) or time.time() - file.stat().st_mtime < age:
        return False
    if evidence:
        return evidence["host"] != resource.host_name() or not processes.is_running(int(evidence["pid"]))
    waited = _WAITED.findall(file.read_text(encoding="utf-8", errors="replace"))
    return not any(processes.is_running(int(pid)) for pid in set(waited))

"""`plane-guard clean`: delete old evidence, but no file that a process may still write to."""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.cli.process_start import started_at
from plane_guard_dashboard.durations import Age
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.sources import default_source, shown
from plane_guard_dashboard.shipping import checkpoint
from plane_guard_dashboard.store.orphans import orphans, remove
from plane_guard_dashboard.wording import plural
from plane_guard_instrumentation.evidence import resource
from plane_guard_instrumentation.runtime import processes

if TYPE_CHECKING:
    from collections.abc import Callable

_EVIDENCE = re.compile(r"(?:decisions|spans)-(?P<host>.+)-(?P<pid>[0-9]{1,9})-(?P<start>[0-9a-f]+)\.jsonl")
# The waiting times of a run's live export. The run removes the file unless it is killed.
_ACCOUNT = re.compile(r"live-export-[0-9a-f]+\.account")
_WAITED = re.compile(r"^([0-9]{1,9})-[0-9]+ ", re.MULTILINE)
_YEAR_2000 = 946_684_800
_CLOCK_TOLERANCE = 60  # seconds by which the boot time may shift when the clock is set
_LONGEST = 1000


_EPILOG = """\b
Examples:
  plane-guard clean --older-than 30d --dry-run
  plane-guard clean --older-than 30d
"""


class InUseError(Exception):
    """Another process writes to a cache."""


@dataclass(slots=True)
class Summary:
    """The outcome for each file that is old enough."""

    dry_run: bool
    deleted: int = 0
    in_use: int = 0
    failed: list[str] = field(default_factory=list)

    def delete(self, path: Path, remove: Callable[[Path], object], note: str = "") -> None:
        """Delete a file or folder and then say so."""
        try:
            if not self.dry_run:
                remove(path)
        except (FileNotFoundError, InUseError):  # another process deleted it meanwhile, or writes to it
            return
        except OSError as error:
            self.failed.append(f"{path}: {error.strerror or error}")
            return
        self.deleted += not note
        click.echo(visible(f"{'would delete' if self.dry_run else 'deleted'} {path}{note}", _LONGEST))

    def print(self) -> None:
        """Print the counts, and each file that remains although it is old."""
        if self.failed:
            problems.warn(*(f"not deleted: {failure}" for failure in self.failed))
        counts = [f"{plural(self.deleted, 'file')} {'to delete' if self.dry_run else 'deleted'}"]
        if self.in_use:
            counts.append(f"{plural(self.in_use, 'old file')} kept, because their processes are running")
        if self.failed:
            counts.append(f"{len(self.failed)} could not be deleted. Run the command as a user who may delete them")
        click.echo(", ".join(counts))


@click.command(epilog=_EPILOG)
@click.option("--older-than", "age", type=Age(), required=True, help="Delete files last written before: 30d, 12h, …")
@click.option("--traces", metavar="DIR", help="The folder with the evidence.  [default: the trace folder]")
@click.option("--dry-run", is_flag=True, help="Only print what would be deleted.")
def clean(*, age: float, traces: str | None, dry_run: bool) -> None:
    """Delete old evidence files, but none whose process is running.

    Caches and upload records of folders and files that no longer exist are deleted, too, whatever their age.

    \b
    Exit codes:
      0  everything that is old is deleted
      1  there is no such folder
      2  something remains that should have been deleted; the messages say what and why
    """  # noqa: D301  \b is click's sign for text that is left as it is
    source = traces or default_source(os.environ)
    folder = Path(source)
    if "://" in source or not os.path.isdir(source):
        raise click.ClickException(f"{shown(source)} is not a folder with evidence. Name it with --traces.")
    summary = Summary(dry_run)
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        names = []
        summary.failed.append(f"{folder}: {error.strerror or error}")
    for name in names:
        _clean_file(folder / name, age, summary)
    _clean_caches(summary)
    summary.print()
    sys.exit(2 if summary.failed else 0)


def _clean_file(file: Path, age: float, summary: Summary) -> None:
    if not (_EVIDENCE.fullmatch(file.name) or _ACCOUNT.fullmatch(file.name)):
        return
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode) or time.time() - state.st_mtime < age:
            return
        in_use = _in_use(file)
    except FileNotFoundError:
        return
    except OSError as error:
        summary.failed.append(f"{file}: {error.strerror or error}")
        return
    if in_use:
        summary.in_use += 1
    else:
        summary.delete(file, os.unlink)


def _in_use(file: Path) -> bool:
    """Return True if a process that is running may still write to the file."""
    evidence = _EVIDENCE.fullmatch(file.name)
    if evidence is None:
        waited = _WAITED.findall(file.read_text(encoding="utf-8", errors="replace"))
        return any(_is_running(int(pid), file.stat().st_ctime) for pid in set(waited))
    if evidence["host"] != resource.host_name():
        return False
    created = int(evidence["start"], 16) / 1e9
    # A name that holds no time says nothing; then the last change of the file, which no program can backdate, counts.
    return _is_running(int(evidence["pid"]), created if created > _YEAR_2000 else file.stat().st_ctime)


def _is_running(pid: int, written: float) -> bool:
    """Return True if the process that wrote a file at some time is running.

    A process that started later has taken its id, which happens all the time to process 1 of containers.
    """
    started = started_at(pid)
    return processes.is_running(pid) and (started is None or started <= written + _CLOCK_TOLERANCE)


def _clean_caches(summary: Summary) -> None:
    for folder, origin in orphans(os.environ):
        summary.delete(folder, _remove_cache, f", the cache of {origin}")
    for record, origin in checkpoint.orphans():
        summary.delete(record, os.unlink, f", the upload record of {origin}")


def _remove_cache(folder: Path) -> None:
    if not remove(folder):
        raise InUseError

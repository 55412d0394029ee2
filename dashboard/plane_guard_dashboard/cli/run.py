"""`plane-guard run`: run any command as a guarded test process, its children included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NoReturn

import click

from plane_guard import process
from plane_guard.settings import OPT_IN_VARIABLE
from plane_guard_instrumentation.runtime import environment

_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128


_EPILOG = """\b
Examples:
  plane-guard run -- python scripts/rehearse.py
  plane-guard run --sandbox-writes -- python scripts/fill_sandbox.py
"""


@click.command(
    epilog=_EPILOG,
    short_help="Run any command as a guarded test process.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--sandbox-writes", is_flag=True, help="Let CMD write to the sandbox projects of the allowlist.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARGS]...")
def run(*, sandbox_writes: bool, command: tuple[str, ...]) -> None:
    """Run CMD as a test process: Plane writes are blocked in it and in every Python child.

    An inherited opt-in or allowlist is removed. A pytest session inside starts with writing off all the same: its
    tests switch it on one by one.

    \b
    Exit codes:
      CMD's own, 128 and the signal's number if a signal ended it
      126  CMD could not be started
      127  there is no such command
    """  # noqa: D301  \b is click's sign for text that is left as it is
    # Before this process reports itself as guarded: a run of nothing must not look like a clean run.
    if shutil.which(command[0]) is None and not os.path.exists(command[0]):
        _refuse(_no_command(command[0]), _NOT_FOUND)
    process.note_evidence("plane-guard run")
    environment.scrub()
    if sandbox_writes:
        os.environ[OPT_IN_VARIABLE] = "1"
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603  the user's own command
    except FileNotFoundError:
        _refuse(_no_command(command[0]), _NOT_FOUND)
    except OSError as error:
        _refuse(f"{command[0]!r} could not be started: {error.strerror}.", _NOT_EXECUTABLE)
    sys.exit(code if code >= 0 else _BY_SIGNAL - code)


def _no_command(name: str) -> str:
    return f"There is no command {name!r}. Write: plane-guard run -- CMD ARGS"


def _refuse(message: str, code: int) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)

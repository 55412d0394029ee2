"""`plane-guard run`: run any command as a guarded test process, its children included, or contained."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NoReturn

import click

from plane_guard import process
from plane_guard.settings import OPT_IN_VARIABLE
from plane_guard_contained import launcher
from plane_guard_contained.launcher import CannotContainError, How
from plane_guard_dashboard import problems
from plane_guard_instrumentation.evidence import coverage
from plane_guard_instrumentation.runtime import environment

_NOT_FOUND, _NOT_EXECUTABLE, _CANNOT_CONTAIN, _BY_SIGNAL = 127, 126, 125, 128


_EPILOG = """\b
Examples:
  plane-guard run -- python scripts/rehearse.py
  plane-guard run --sandbox-writes -- python scripts/fill_sandbox.py
  plane-guard run --contained -- claude
  plane-guard run --contained --sandbox-writes -- npm test
"""
_NOT_CONTAINED = (
    "proxy only: the command was told of the proxy by variables and can bypass it. Use --contained where the kernel "
    "allows it"
)

_UNCHECKED = "Requests that do not use the proxy may have left the run unchecked, as before"


def _read_connect_to(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, int, str, int]]:
    return [_connect_to(value) for value in values]


def _connect_to(value: str) -> tuple[str, int, str, int]:
    parts = value.split(":")
    if len(parts) != len(("host", "port", "host", "port")) or not (parts[1].isdecimal() and parts[3].isdecimal()):
        raise click.BadParameter(f"{value!r} is not HOST:PORT:HOST:PORT, such as api.plane.so:443:127.0.0.1:8443.")
    return parts[0].lower(), int(parts[1]), parts[2], int(parts[3])


@click.command(
    epilog=_EPILOG,
    short_help="Run any command as a guarded test process.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--sandbox-writes", is_flag=True, help="Let CMD write to the sandbox projects of the allowlist.")
@click.option(
    "--contained",
    "how",
    is_flag=False,
    flag_value=How.NAMESPACE.value,
    type=click.Choice([how.value for how in How]),
    metavar="[=proxy-only]",
    help="Let CMD reach the network through a proxy only, which decides by the same rules, whatever the language.",
)
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="A variable with a token, besides Plane's.")
@click.option(
    "--connect-to",
    multiple=True,
    metavar="HOST:PORT:HOST:PORT",
    callback=_read_connect_to,
    help="Let the proxy connect to the second address for the first, as for curl.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARGS]...")
def run(
    *,
    sandbox_writes: bool,
    how: str | None,
    secrets: tuple[str, ...],
    connect_to: list[tuple[str, int, str, int]],
    command: tuple[str, ...],
) -> None:
    """Run CMD as a test process: Plane writes are blocked in it and in every Python child.

    An inherited opt-in or allowlist is removed. A pytest session inside starts with writing off all the same: its
    tests switch it on one by one.

    With --contained nothing that CMD starts reaches the network except through a proxy, and CMD holds placeholders
    instead of tokens. See docs/contained.md.

    \b
    Exit codes:
      CMD's own, 128 and the signal's number if a signal ended it
      125  CMD could not be contained, or the proxy ended before it
      126  CMD could not be started
      127  there is no such command
    """  # noqa: D301  \b is click's sign for text that is left as it is
    # Before this process reports itself as guarded: a run of nothing must not look like a clean run.
    if shutil.which(command[0]) is None and not os.path.exists(command[0]):
        _refuse(_no_command(command[0]), _NOT_FOUND)
    chosen = How(how) if how else None
    if chosen and (missing := launcher.missing()):
        _refuse(missing, _CANNOT_CONTAIN)
    if chosen:
        coverage.report_containment("contained" if chosen is How.NAMESPACE else "proxy only")
    if chosen is How.PROXY_ONLY:
        coverage.report_uncovered("containment", _NOT_CONTAINED)
    process.note_evidence("plane-guard run")
    environment.scrub()
    if sandbox_writes:
        os.environ[OPT_IN_VARIABLE] = "1"
    if chosen:
        _run_contained(command, chosen, secrets, connect_to)
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603  the user's own command
    except FileNotFoundError:
        _refuse(_no_command(command[0]), _NOT_FOUND)
    except OSError as error:
        _refuse(f"{command[0]!r} could not be started: {error.strerror}.", _NOT_EXECUTABLE)
    sys.exit(code if code >= 0 else _BY_SIGNAL - code)


def _run_contained(
    command: tuple[str, ...], how: How, secrets: tuple[str, ...], connect_to: list[tuple[str, int, str, int]]
) -> NoReturn:
    if how is How.NAMESPACE:
        for file, number in launcher.tokens_in_files(os.getcwd(), secrets):
            click.echo(f"plane-guard: {_token_in(file, number)}", err=True)
    try:
        outcome = launcher.run(command, how, secret_names=secrets, connect_to=connect_to)
    except CannotContainError as error:
        _refuse(str(error), error.code)
    for line in _summary(outcome, how):
        click.echo(f"plane-guard: {line}", err=True)
    sys.exit(outcome.code)


def _summary(outcome: launcher.Outcome, how: How) -> list[str]:
    lines = [f"not contained ({_NOT_CONTAINED})"] if how is How.PROXY_ONLY else []
    if outcome.proxy_failed:
        since = "Nothing left the run after that" if how is How.NAMESPACE else _UNCHECKED
        lines.append(f"the proxy ended during the run ({outcome.proxy_failed}). {since}. Run it again.")
    lines += [
        f"refused a connection to {where}{f', {count} times' if count > 1 else ''}. "
        "Only HTTP and TLS leave a contained run."
        for where, count in (outcome.refused or {}).items()
    ]
    if outcome.blocked:
        lines.append(f"blocked {outcome.blocked} request(s). Details: plane-guard report")
    return lines


def _token_in(file: str, line: int) -> str:
    return (
        f"a token is in {file}, line {line}, where the command can read it. Move it out of the project, "
        "into a variable of the shell that starts plane-guard."
    )


def _no_command(name: str) -> str:
    return f"There is no command {name!r}. Write: plane-guard run -- CMD ARGS"


def _refuse(message: str, code: int) -> NoReturn:
    problems.end(f"Error: {message}", code)

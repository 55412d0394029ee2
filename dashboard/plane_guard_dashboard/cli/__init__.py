"""The console script `plane-guard`. Commands are found by name and imported only when called."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from importlib.util import find_spec

import click

from plane_guard.version import __version__

COMMANDS = {
    "clean": "plane_guard_dashboard.cli.clean:clean",
    "dashboard": "plane_guard_dashboard.cli.launch:dashboard",
    "demo": "plane_guard_dashboard.demo:demo",
    "doctor": "plane_guard_dashboard.cli.doctor:doctor",
    "explain": "plane_guard_dashboard.cli.explain:explain",
    "fix": "plane_guard_dashboard.cli.fix:fix_command",
    "init": "plane_guard_dashboard.cli.init:init",
    "report": "plane_guard_dashboard.report.command:report",
    "run": "plane_guard_dashboard.cli.run:run",
    "ship": "plane_guard_dashboard.shipping.command:ship",
    "undo": "plane_guard_dashboard.verification.undo_command:undo",
    "verify": "plane_guard_dashboard.verification.command:verify",
}


class LazyGroup(click.Group):
    """A group whose commands are named in a table; one whose module is not there is not listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, D102
        return [name for name, place in COMMANDS.items() if _exists(place.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: D102
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command | None = getattr(import_module(module), attribute, None)
        return command


def _exists(module: str) -> bool:
    spec = find_spec(module)
    return spec is not None and spec.origin is not None


def _print_anything(stream: object) -> None:
    """On a terminal without a letter, its code is printed instead of a traceback."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


_EPILOG = """Options, examples and exit codes: plane-guard COMMAND --help.

\b
Completion, in the start-up file of bash (for zsh: zsh_source):
  eval "$(_PLANE_GUARD_COMPLETE=bash_source plane-guard)"
"""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="plane-guard")
def main() -> None:
    """Keep test processes from writing to production Plane, and see who tried."""
    _print_anything(sys.stdout)
    _print_anything(sys.stderr)

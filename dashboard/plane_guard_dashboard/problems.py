"""Problems of a command, told on standard error, each with the words that `plane-guard explain` knows it by."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import NoReturn

import click

from plane_guard_dashboard import explanations
from plane_guard_dashboard.escaping import visible

_LONGEST = 1_000


def warn(message: str, *details: str) -> None:
    """Print a message and its details, a line each, and after them where the message is explained."""
    for line in (message, *details):
        click.echo(visible(line, _LONGEST), err=True)
    with suppress(OSError):  # the message counts, not what explains it
        words = explanations.words_of(message, explanations.entries())
        if words:
            click.echo(f'More: plane-guard explain "{words}"', err=True)


def end(message: str, code: int = 2) -> NoReturn:
    """Print a message as `warn` does, and end the command."""
    warn(message)
    sys.exit(code)

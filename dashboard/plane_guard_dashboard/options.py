"""Options that several commands have."""

from __future__ import annotations

import click

traces_option = click.option(
    "--traces",
    "source",
    metavar="DIR|FILE|URL",
    help="A folder, a file or a clickhouse:// address. [default: the trace folder]",
)

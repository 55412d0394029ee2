"""`plane-guard dashboard`: opens the dashboard on this machine."""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from plane_guard_dashboard.cli.options import traces_option
from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState, default_source, shown
from plane_guard_dashboard.store.clickhouse_address import AddressError, is_address, parsed
from plane_guard_dashboard.store.clickhouse_errors import missing_package

_NEEDED = ("streamlit", "duckdb")
_LOOPBACK = "127.0.0.1"
_SAFE = (  # as in .streamlit/config.toml; said here too, so that no other configuration undoes it
    f"--server.address={_LOOPBACK}",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    f"--server.allowedHosts={_LOOPBACK}",
    "--server.allowedHosts=localhost",
    "--browser.gatherUsageStats=false",
    "--runner.postScriptGC=false",
    "--client.showErrorDetails=none",
)


_EPILOG = """\b
Examples:
  plane-guard dashboard
  plane-guard dashboard --traces downloaded-artifact --port 8600
  plane-guard dashboard --traces clickhouse://host/plane_guard
"""


@click.command(epilog=_EPILOG)
@traces_option
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on loopback.")
def dashboard(source: str | None, port: int) -> None:
    """Show who tried to write to production, and what stopped it.

    It runs until Ctrl-C, and only this machine can reach it. Exit code 2: it was not started; the sentence says why.
    """
    chosen = source or default_source(os.environ)
    remote = "://" in chosen
    if remote:
        _check_address(chosen)
    if not all(find_spec(module) for module in _NEEDED):
        _refuse('The dashboard needs more packages: pip install "plane-guard[dashboard]"')
    if not _free(port):
        _refuse(f"Port {port} is taken: end what uses it, or name another one with --port.")
    os.environ["PLANE_GUARD_TRACES"] = chosen if remote else str(Path(chosen).absolute())
    _serve(port)


def _check_address(source: str) -> None:
    if not is_address(source):
        _refuse(str(NoTracesError(SourceState.UNSUPPORTED, shown(source))))
    try:
        parsed(source, os.environ)
    except AddressError as error:
        _refuse(f"{error}.")
    if not find_spec("clickhouse_connect"):
        _refuse(str(missing_package()))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


def _refuse(sentence: str) -> None:
    click.echo(sentence, err=True)
    sys.exit(2)


def _serve(port: int) -> None:
    from streamlit.web import cli

    app = Path(__file__).parents[1] / "app.py"
    click.echo(f"The dashboard is at http://{_LOOPBACK}:{port} (Ctrl-C ends it).")
    cli.main(
        ["run", str(app), f"--server.port={port}", *_SAFE], prog_name="plane-guard dashboard", standalone_mode=False
    )

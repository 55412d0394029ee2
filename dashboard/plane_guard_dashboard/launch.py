"""`plane-guard dashboard`: opens the dashboard on this machine."""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from plane_guard_dashboard._sources import default_source, shown

_NEEDED = ("streamlit", "duckdb")
_LOOPBACK = "127.0.0.1"
_SAFE = (  # as in .streamlit/config.toml; said here too, so that no other configuration undoes it
    f"--server.address={_LOOPBACK}",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
    "--client.showErrorDetails=none",
)


@click.command()
@click.option("--traces", "source", metavar="DIR|FILE", help="Where the traces are. [default: the trace folder]")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on loopback.")
def dashboard(source: str | None, port: int) -> None:
    """Show what tried to write to production, from which test, and why it was stopped."""
    chosen = source or default_source(os.environ)
    if "://" in chosen:
        _refuse(f"{shown(chosen)} is not available yet in this version: name a folder or a file with --traces.")
    if not all(find_spec(module) for module in _NEEDED):
        _refuse('The dashboard needs more packages: pip install "plane-guard[dashboard]"')
    if not _free(port):
        _refuse(f"Port {port} is taken: end what uses it, or name another one with --port.")
    os.environ["PLANE_GUARD_TRACES"] = str(Path(chosen).absolute())
    _serve(port)


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

    app = Path(__file__).with_name("app.py")
    click.echo(f"The dashboard is at http://{_LOOPBACK}:{port} (Ctrl-C ends it).")
    cli.main(
        ["run", str(app), f"--server.port={port}", *_SAFE], prog_name="plane-guard dashboard", standalone_mode=False
    )

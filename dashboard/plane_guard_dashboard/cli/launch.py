"""`plane-guard dashboard`: serve the dashboard on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from importlib.util import find_spec
from pathlib import Path

import click

from plane_guard_dashboard import owners, problems, triage
from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState, default_source, shown
from plane_guard_dashboard.options import traces_option
from plane_guard_dashboard.server import settings
from plane_guard_dashboard.store.clickhouse_address import AddressError, is_address, parsed
from plane_guard_dashboard.store.clickhouse_errors import missing_package

_NEEDED = ("streamlit", "duckdb")
_BASE_PATH = re.compile(r"/?(?:[A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*/?")


_EPILOG = """\b
Examples:
  plane-guard dashboard
  plane-guard dashboard --traces downloaded-artifact --port 8600
  plane-guard dashboard --traces clickhouse://host/plane_guard
"""


@click.command(epilog=_EPILOG)
@traces_option
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on loopback.")
@click.option("--base-path", default="", metavar="PATH", help="Path below which the pages are, as in /plane-guard.")
def dashboard(source: str | None, port: int, base_path: str) -> None:
    """Show who tried to write to production, and what stopped it.

    Runs until Ctrl-C. Only this machine can reach it. Streamlit's settings in the current folder and in STREAMLIT_*
    variables do not apply. Exit code 2: it was not started; the message says why.
    """
    chosen = source or default_source(os.environ)
    remote = "://" in chosen
    if remote:
        _check_address(chosen)
    if not _BASE_PATH.fullmatch(base_path) or {".", ".."} & set(base_path.split("/")):
        problems.end("Invalid --base-path. Use letters, digits and . _ ~ - between slashes, as in /plane-guard.")
    if not all(find_spec(module) for module in _NEEDED):
        problems.end('The dashboard needs more packages: pip install "plane-guard[dashboard]"')
    if not _free(port):
        problems.end(f"Port {port} is in use. Stop the process that uses it, or choose another port with --port.")
    os.environ["PLANE_GUARD_TRACES"] = chosen if remote else str(Path(chosen).absolute())
    os.environ.setdefault(owners.VARIABLE, str(Path.cwd()))
    os.environ[triage.VARIABLE] = str(triage.default_path(os.environ, Path.cwd()).absolute())
    _serve(port, base_path.strip("/"))


def _check_address(source: str) -> None:
    if not is_address(source):
        problems.end(str(NoTracesError(SourceState.UNSUPPORTED, shown(source))))
    try:
        parsed(source, os.environ)
    except AddressError as error:
        problems.end(f"{error}.")
    if not find_spec("clickhouse_connect"):
        problems.end(str(missing_package()))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.LOOPBACK, port))
        except OSError:
            return False
    return True


def _serve(port: int, base_path: str) -> None:
    # Before Streamlit is imported: it reads these variables as defaults of its command line.
    for name in [name for name in os.environ if name.startswith("STREAMLIT_")]:
        del os.environ[name]
    from streamlit.web import cli

    package = Path(__file__).parents[1]
    chosen = {
        **settings.SETTINGS,
        "server.port": port,
        "server.baseUrlPath": base_path,
        "browser.serverPort": port,
        # Otherwise an [auth] section among the secrets of the current folder changes cookies and cross-site checks.
        "secrets.files": [str(package / ".streamlit" / "secrets.toml")],
    }
    below = f"/{base_path}" if base_path else ""
    click.echo(f"The dashboard is at http://{settings.LOOPBACK}:{port}{below} (Ctrl-C stops it).")
    # Streamlit reads .streamlit/config.toml of the working directory; in this one it is ours.
    with contextlib.chdir(package):
        cli.main(
            ["run", str(package / "server" / "app.py"), *settings.arguments(chosen)],
            prog_name="plane-guard dashboard",
            standalone_mode=False,
        )

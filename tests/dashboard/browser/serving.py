"""Starts the real dashboard, in a process and with a cache of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from tests.dashboard.history import history

if TYPE_CHECKING:
    from pathlib import Path

OURS = ("PLANE_", "PYTEST", "OTEL_", "COV_CORE", "STREAMLIT_")
SECONDS_TO_START = 30


def start(folder: Path, elsewhere: Path, *options: str, **environ: str) -> tuple[str, subprocess.Popen[bytes]]:
    """Serve the evidence of a folder from another one.

    Return the address, once it answers, and the process, which the caller ends.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "plane_guard_dashboard", "dashboard", "--traces", str(folder)]
    with (elsewhere / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [*command, "--port", str(port), *options],
            cwd=elsewhere,
            env=environment(elsewhere, elsewhere) | environ,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    base_path = options[options.index("--base-path") + 1].rstrip("/") if "--base-path" in options else ""
    _wait(f"{url}{base_path}/_stcore/health", child)
    return url, child


def past(folder: Path, elsewhere: Path) -> Path:
    """Fill a folder with evidence of some days, and of one run of `plane-guard demo`."""
    history(folder)
    command = [sys.executable, "-m", "plane_guard_dashboard", "demo"]
    environ = environment(folder, elsewhere)
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True, timeout=120)
    return folder


def environment(trace_dir: Path, cache: Path) -> dict[str, str]:
    """That of this process without what steers the guard, the tests or the dashboard."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PLANE_GUARD_TRACE_DIR": str(trace_dir), "XDG_CACHE_HOME": str(cache)}


def _wait(address: str, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            assert child.poll() is None, "the dashboard ended"
            assert time.monotonic() < until, "the dashboard did not start in time"
            time.sleep(0.1)
        else:
            return

"""Virtual environments for clients that exclude each other or that the suite does not need otherwise."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
# niquests comes last, as when it is added to a project: its urllib3-future replaces urllib3.
NIQUESTS = (("requests", "urllib3", "plane-sdk"), ("niquests",))
# Newer releases of pyreqwest-impersonate come without wheels.
EVERY_OTHER_CLIENT = (
    (
        "aiohttp",
        "aiosonic",
        "eventlet",
        "geventhttpclient",
        "grequests",
        "h2",
        "httplib2",
        "httpr",
        "httpx2",
        "impit",
        "primp",
        "pyopenssl",
    ),
    (
        "pyreqwest",
        "pyreqwest-impersonate==0.5.3",
        "requests",
        "rnet",
        "ry",
        "service-identity",
        "tls-client",
        "tornado",
    ),
    ("treq", "urllib3", "websockets", "wreq"),
)


def interpreter(*steps: Sequence[str]) -> str:
    """Return the Python of an environment with this package and others, which are installed in steps.

    It is kept between runs under a name that says what is in it.
    """
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    content = json.dumps([sys.version, str(ROOT), steps, dependencies, CONSTRAINTS.read_text(encoding="utf-8")])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plane-guard" / "clients"
    folder = cache / hashlib.sha256(content.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    python, complete = folder / "venv" / "bin" / "python", folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], check=True)
            for packages in (("-e", str(ROOT)), *steps):
                pip = [str(python), "-m", "pip", "install", "-q", "-c", str(CONSTRAINTS)]
                subprocess.run([*pip, *packages], check=True)
            complete.touch()
    return str(python)

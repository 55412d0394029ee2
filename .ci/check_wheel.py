"""Builds the distribution and uses it as a stranger would: base install, empty environment, a real pytest.

What is shown: the packages import, the `.pth` file and the command are there, and a test's write to production does
not arrive, with the plugin and without it. The same write of a live process does arrive, so the probe can tell.

Wheel and sdist are built twice and have to be the same, byte by byte. An argument names a folder to copy them to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
import venv
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
NOT_INHERITED = ("PLANE_", "PYTEST", "OTEL_", "COVERAGE_", "COV_", "PYTHONPATH", "VIRTUAL_ENV")
PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
WRITE = f"""
import os, httpx
url = os.environ["PROBE_URL"] + "/api/v1/workspaces/acme/projects/{PROD}/work-items/"
assert httpx.post(url, json={{"name": "from a test"}}).status_code == 201
"""
TEST = "def test_write():\n" + "".join(f"    {line}\n" for line in WRITE.strip().splitlines())
WAYS: tuple[tuple[list[str], dict[str, str]], ...] = (
    ([], {}),
    (["-p", "no:plane_guard"], {}),
    ([], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
    ([], {"PLANE_TEST_WRITE_ENABLED": "1", "PLANE_TEST_SANDBOX_PROJECTS": PROD}),
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [name.rpartition("/")[2] for name in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
IMPORTS = """
import importlib.metadata, pathlib, sys
loaded = {name for name in sys.modules if name.startswith(("plane_guard", "opentelemetry", "httpx"))}
assert loaded == {"plane_guard_watch"}, f"not free: {loaded}"
import plane_guard, plane_guard_instrumentation, plane_guard_dashboard.cli
site = pathlib.Path(plane_guard.__file__).parent.parent
assert "site-packages" in site.parts, site
assert (site / "plane_guard.pth").read_text().count("\\n") <= 1, "plane_guard.pth is not one line"
for package in ("plane_guard", "plane_guard_watch", "plane_guard_instrumentation", "plane_guard_dashboard"):
    assert (site / package / "py.typed").exists(), package
print(importlib.metadata.version("plane-guard"))
"""


class Probe(HTTPServer):
    """Counts the writes that arrive."""

    writes = 0


class Answer(BaseHTTPRequestHandler):
    """Accepts every write."""

    server: Probe

    def do_POST(self) -> None:
        """Count a write."""
        self.server.writes += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""


class Stranger:
    """An empty environment and a folder that knows nothing of this checkout."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self._folder = folder
        self._bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    def pip(self, *arguments: str) -> None:
        """Install something, at the pinned versions."""
        self.run(["python", "-m", "pip", "install", "-q", "-c", str(CONSTRAINTS), *arguments])

    def run(self, command: list[str], code: int = 0, environment: Mapping[str, str] | None = None) -> str:
        """Run a command of the environment; what it printed, once it ended with this exit code."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        done = subprocess.run(
            [str(self._bin / command[0]), *command[1:]],
            cwd=self._folder,
            env=inherited | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != code:
            sys.exit(f"{done.stdout}\n{command}: exit code {done.returncode} instead of {code}")
        return done.stdout


def build(folder: Path) -> Path:
    """Build sdist and, from that, the wheel, twice; the wheel, once both are the same and well formed."""
    first, second = folder / "dist", folder / "again"
    for place in (first, second):
        run_tool("build", "--no-isolation", "--outdir", str(place), str(ROOT))
    built = sorted(first.iterdir())
    for file in built:
        expect(file.read_bytes() == (second / file.name).read_bytes(), f"{file.name} differs when it is built again")
    run_tool("twine", "check", "--strict", *map(str, built))
    (wheel,) = first.glob("*.whl")
    run_tool("check_wheel_contents", str(wheel))
    top = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    own = {name for name in top if not name.endswith(".dist-info")}
    expect(own == {*PACKAGES, "plane_guard.pth", "plane_guard.start"}, str(own))
    return wheel


def run_tool(module: str, *arguments: str) -> None:
    """Run a tool of this environment, and end with what it printed if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    expect(done.returncode == 0, f"{done.stdout}\n{' '.join(command)}: exit code {done.returncode}")


def expect(condition: bool, otherwise: str) -> None:  # noqa: FBT001
    """End with what is wrong."""
    if not condition:
        sys.exit(otherwise)


def guards(stranger: Stranger, probe: Probe) -> None:
    """Let a live process write, then tests."""
    here = {"PROBE_URL": f"http://127.0.0.1:{probe.server_port}", "NO_PROXY": "127.0.0.1"}
    stranger.run(["python", "-c", WRITE], environment=here)
    expect(probe.writes == 1, "the write of a live process did not arrive")
    for options, environment in WAYS:
        said = stranger.run(["python", "-m", "pytest", "test_write.py", *options], 1, here | environment)
        how = f"pytest {' '.join(options)} {environment}"
        expect("PlaneWriteBlocked" in said, f"{said}\n{how}: the write was not blocked")
        expect(probe.writes == 1, f"{said}\n{how}: the write arrived")
        if not options and "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in environment:
            expect("Plane writes are blocked" in said, f"{said}\n{how}: no header line")


def main() -> None:
    """Do it all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        wheel = build(folder)
        stranger = Stranger(folder)
        stranger.pip(str(wheel))
        version = stranger.run(["python", "-c", IMPORTS]).strip()
        expect(version in stranger.run(["plane-guard", "--version"]), "plane-guard --version says something else")
        (folder / "test_write.py").write_text(TEST, encoding="utf-8")
        with Probe(("127.0.0.1", 0), Answer) as probe:
            threading.Thread(target=probe.serve_forever, daemon=True).start()
            guards(stranger, probe)
            probe.shutdown()
        stranger.run(["plane-guard", "demo"])
        if len(sys.argv) > 1:
            shutil.copytree(wheel.parent, sys.argv[1], dirs_exist_ok=True)
        print(f"plane-guard {version}: wheel and base install are well.")


if __name__ == "__main__":
    main()

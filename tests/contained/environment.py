"""The environment in which the tests run `plane-guard run --contained`: Python 3.12 or newer, with mitmproxy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("guard", "instrumentation", "containment", "dashboard")
_COMMAND = "from plane_guard_dashboard.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Environment:
    """Two environments: one with plane-guard, and one without it, whose packages it shares."""

    guarded: Path
    bare: Path

    @property
    def command(self) -> list[str]:
        """The command `plane-guard`."""
        return [str(self.guarded), "-c", _COMMAND]


def find(folder: Path) -> Environment:
    """Return the environments, made in a folder; skip the test if none was built here."""
    if sys.platform != "linux":
        pytest.skip("contained runs need Linux")
    build = ROOT / ".ci" / "contained" / "build"
    found = subprocess.run([build, "--cached"], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(found.stderr.strip())
    bare = Path(found.stdout.strip()) / "venv"
    made = folder / "venv"
    subprocess.run([bare / "bin" / "python", "-m", "venv", "--without-pip", made], check=True)
    (site,) = made.glob("lib/python3.*/site-packages")
    (shared,) = bare.glob("lib/python3.*/site-packages")
    start = (ROOT / "instrumentation" / "plane_guard.pth").read_text(encoding="ascii")
    lines = [str(shared), *(str(ROOT / package) for package in PACKAGES), start]
    (site / "plane_guard.pth").write_text("\n".join(lines), encoding="ascii")
    return Environment(made / "bin" / "python", bare / "bin" / "python")

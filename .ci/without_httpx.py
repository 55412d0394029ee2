"""Shows that the guard works where httpx2 is installed and httpx is not: blocks, the fake server, the doctor."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

TEST = """
import httpx2, plane_guard, pytest

PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"

def create(url, project, **options):
    return httpx2.post(f"{url}/api/v1/workspaces/acme/projects/{project}/work-items/", json={"name": "x"}, **options)

def test_production_is_blocked(plane_blocked_writes):
    with pytest.raises(plane_guard.PlaneWriteBlocked, match="opt-in-disabled"):
        create("https://api.plane.so", PROD)

def test_the_fake_server_works(fake_plane):
    assert create(fake_plane.url, fake_plane.project, headers=fake_plane.headers).status_code == 201
    assert len(fake_plane.writes) == 1
"""


def main() -> int:
    """Run the test and the doctor without httpx."""
    if importlib.util.find_spec("httpx") is not None:
        print("httpx is installed: run .ci/matrix httpx2-without-httpx")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(TEST, encoding="utf-8")
        options = ["-q", "-p", "no:respx", "-p", "no:pytest_httpx"]
        tests = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, check=False).returncode
        doctor = subprocess.run([sys.executable, "-m", "plane_guard_dashboard", "doctor"], cwd=folder, check=False)
    return tests or doctor.returncode


if __name__ == "__main__":
    sys.exit(main())

"""Fixtures that every part of the suite uses: a fake Plane server, and children in a folder of their own."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import plane_guard_watch
from plane_guard import hosts, process
from plane_guard_instrumentation.testing import FakePlane
from tests.harness import Child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Children find their guarded ancestors by the marker of this process. The suite starts children that are live, or roots
# of a run of their own, so it removes its own marker. `test_ancestors.py` starts its own guarded parents.
with suppress(OSError):
    os.unlink(plane_guard_watch.STATE.marker)

OTHER_PLUGINS = ("anyio", "asyncio", "hypothesispytest", "pook", "pytest_httpx", "recording", "requests_mock", "respx")


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlane]:
    """A Plane server on loopback with a PROD and a SANDBOX project."""
    with FakePlane() as server:
        # A server of an earlier test may have had the same port, and is still known by it.
        known = process.fixed()
        learned = hosts.entry("127.0.0.1", server.port)
        monkeypatch.setattr(process._State, "fixed", known._replace(hosts=known.hosts - {learned}))
        yield server


@pytest.fixture
def child(tmp_path: Path, plane: FakePlane) -> Child:
    """Children whose environment holds the live-looking credentials of the incident."""
    others = " ".join(f"-p no:{name}" for name in OTHER_PLUGINS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -q {others}\n", encoding="utf-8")
    credentials = {
        "PLANE_API_URL": plane.url,
        "PLANE_API_TOKEN": plane.token,
        "PLANE_PROJECT": plane.prod.id,
        "PLANE_SANDBOX": plane.sandbox.id,
    }
    return Child(tmp_path, credentials)

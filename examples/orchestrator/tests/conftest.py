"""The floor under every test, and the two ways in which the tests watch what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import httpx
import pytest

from src import plane_sync
from src.config import settings
from tests.fake_plane import ISSUES, LIVE_LOOKING_TOKEN, PROD, SANDBOX, SLUG, STATES, FakePlane

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _plane_sandbox_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor: no test writes to Plane unless it opts in itself, and then to the sandbox only."""
    monkeypatch.setattr(settings, "plane_test_write_enabled", False)
    monkeypatch.setattr(settings, "plane_test_sandbox_projects", SANDBOX)


@pytest.fixture
def the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of ORCH-114: live token and production project, captured when the client was imported."""
    monkeypatch.setattr(settings, "plane_api_url", "https://api.plane.so")
    monkeypatch.setattr(settings, "plane_workspace_slug", SLUG)
    monkeypatch.setattr(plane_sync, "PLANE_HEADERS", {"X-API-Key": LIVE_LOOKING_TOKEN})
    monkeypatch.setattr(plane_sync, "PROJECT_ID", PROD)


@pytest.fixture
def client(the_day: None, monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Stands for httpx inside the Plane client; `client.method_calls` is what would have been sent, reads included."""
    mock = MagicMock(spec=httpx)
    monkeypatch.setattr(plane_sync, "httpx", mock)
    monkeypatch.setattr(plane_sync, "find_issue_id", lambda work_item, _: ISSUES[work_item].id)
    monkeypatch.setattr(plane_sync, "get_project_states", lambda _: STATES)
    return mock


@pytest.fixture
def plane(the_day: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlane]:
    """A real server; `plane.writes` is what reached it."""
    with FakePlane() as server:
        monkeypatch.setattr(settings, "plane_api_url", server.url)
        yield server


@pytest.fixture
def opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch sandbox writes on for one test: in the orchestrator's settings, and at the wire."""
    monkeypatch.setattr(settings, "plane_test_write_enabled", True)
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")

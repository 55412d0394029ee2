"""With the adapter's check taken out and a real server at the other end: plane-guard holds at the wire by itself."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from src import plane_sync
from src.config import settings
from tests.fake_plane import ISSUES, LIVE_LOOKING_TOKEN, PROD, SANDBOX, SLUG, FakePlane, Write
from tests.writes import every_write

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked
    from tests.writes import WriteTo

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("without_adapter")]

NOTHING: list[Write] = []
SANDBOX_ISSUE = f"/api/v1/workspaces/{SLUG}/projects/{SANDBOX}/issues/{ISSUES['SBX-1'].id}/"


@pytest.fixture
def without_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody forgot the check, or took it out."""
    monkeypatch.setattr(plane_sync, "_guard_allows_write", lambda *_: True)


@pytest.mark.blocks
def test_the_incident_writes_nothing(plane: FakePlane, plane_blocked_writes: list[PlaneWriteBlocked]) -> None:
    """And though the client swallows both refusals, plane-guard has them."""
    plane_sync.notify_stage_change("ORCH-114", "development", "done")
    assert plane.writes == NOTHING
    assert [(blocked.op, blocked.project_id, blocked.reason) for blocked in plane_blocked_writes] == [
        ("state", PROD, "opt-in-disabled"),
        ("comment", PROD, "opt-in-disabled"),
    ]


@pytest.mark.blocks
@every_write
def test_production_is_not_written(
    write: WriteTo, plane: FakePlane, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    with suppress(RuntimeError):
        write("ORCH-114", PROD)
    assert plane.writes == NOTHING
    assert {blocked.reason for blocked in plane_blocked_writes} == {"opt-in-disabled"}


@pytest.mark.blocks
@every_write
def test_production_is_not_written_with_the_opt_in(
    write: WriteTo, plane: FakePlane, opt_in: None, plane_blocked_writes: list[PlaneWriteBlocked]
) -> None:
    with suppress(RuntimeError):
        write("ORCH-114", PROD)
    assert plane.writes == NOTHING
    assert {blocked.reason for blocked in plane_blocked_writes} == {"prod-project-in-test"}


@pytest.mark.blocks
def test_the_orchestrators_own_opt_in_is_not_the_processs(
    plane: FakePlane, plane_blocked_writes: list[PlaneWriteBlocked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "plane_test_write_enabled", True)
    with suppress(RuntimeError):
        plane_sync.update_issue_state("SBX-1", "done", SANDBOX)
    assert plane.writes == NOTHING
    assert [blocked.reason for blocked in plane_blocked_writes] == ["opt-in-disabled"]


@pytest.mark.blocks
def test_a_production_item_is_not_commented_on_under_the_sandboxs_path(
    plane: FakePlane,
    opt_in: None,
    plane_blocked_writes: list[PlaneWriteBlocked],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Plane would accept it, and ORCH-114 in production would change; plane-guard asks where the item is first."""
    monkeypatch.setattr(plane_sync, "find_issue_id", lambda work_item, _: ISSUES[work_item].id)
    with suppress(RuntimeError):
        plane_sync.add_comment("ORCH-114", "Done.", SANDBOX)
    assert plane.writes == NOTHING
    assert [blocked.reason for blocked in plane_blocked_writes] == ["foreign-reference"]


def test_a_stage_change_reaches_the_sandbox(plane: FakePlane, opt_in: None) -> None:
    plane_sync.notify_stage_change("SBX-1", "development", "done", SANDBOX)
    assert plane.writes == [
        Write("PATCH", SANDBOX_ISSUE, LIVE_LOOKING_TOKEN, {"state": "state-done"}),
        Write("POST", f"{SANDBOX_ISSUE}comments/", LIVE_LOOKING_TOKEN, {"comment_html": "<p>development → done</p>"}),
    ]


@every_write
def test_every_write_reaches_the_sandbox(write: WriteTo, plane: FakePlane, opt_in: None) -> None:
    write("SBX-1", SANDBOX)
    assert plane.writes
    assert all(sent.path.startswith(SANDBOX_ISSUE) for sent in plane.writes)

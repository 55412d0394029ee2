"""What the client would send, with a mock in place of httpx: the adapter's check stands before any network step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from unittest.mock import MagicMock, call

import pytest

from src import plane_sync, plane_write_guard
from tests.fake_plane import ISSUES, LIVE_LOOKING_TOKEN, PROD, SANDBOX, SLUG
from tests.writes import every_write

if TYPE_CHECKING:
    from tests.writes import WriteTo

NOTHING: list[object] = []


def issue_url(project: str, work_item: str) -> str:
    return f"https://api.plane.so/api/v1/workspaces/{SLUG}/projects/{project}/issues/{ISSUES[work_item].id}/"


@pytest.mark.blocks
def test_the_incident_sends_nothing(client: MagicMock) -> None:
    """A stage change of ORCH-114 in a test process that holds the live token: not even a read goes out."""
    plane_sync.notify_stage_change("ORCH-114", "development", "done")
    assert client.method_calls == NOTHING


@pytest.mark.blocks
@every_write
def test_production_is_refused(write: WriteTo, client: MagicMock) -> None:
    write("ORCH-114", PROD)
    assert client.method_calls == NOTHING


@pytest.mark.blocks
@every_write
def test_production_stays_refused_with_the_opt_in(write: WriteTo, client: MagicMock, opt_in: None) -> None:
    write("ORCH-114", PROD)
    assert client.method_calls == NOTHING


@pytest.mark.blocks
@every_write
def test_the_sandbox_is_refused_without_the_opt_in(write: WriteTo, client: MagicMock) -> None:
    write("SBX-1", SANDBOX)
    assert client.method_calls == NOTHING


@pytest.mark.blocks
@every_write
@pytest.mark.parametrize("project", ["", "   "])
def test_a_target_that_says_nothing_is_refused(
    write: WriteTo, project: str, client: MagicMock, opt_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not replaced by the configured project either, even where that is the sandbox."""
    monkeypatch.setattr(plane_sync, "PROJECT_ID", SANDBOX)
    write("SBX-1", project)
    assert client.method_calls == NOTHING


@pytest.mark.blocks
@every_write
@pytest.mark.parametrize("configured", ["", PROD])
def test_no_target_is_the_configured_one_and_as_refused(
    write: WriteTo, configured: str, client: MagicMock, opt_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_sync, "PROJECT_ID", configured)
    write("ORCH-114", None)
    assert client.method_calls == NOTHING


@pytest.mark.blocks
@pytest.mark.parametrize("token", ["", "sandbox-only", LIVE_LOOKING_TOKEN])
def test_no_token_makes_production_writable(
    token: str, client: MagicMock, opt_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_sync, "PLANE_HEADERS", {"X-API-Key": token})
    plane_sync.update_issue_state("ORCH-114", "done")
    assert client.method_calls == NOTHING


@pytest.mark.parametrize("token", ["", "sandbox-only", LIVE_LOOKING_TOKEN])
def test_no_token_keeps_the_sandbox_from_being_written(
    token: str, client: MagicMock, opt_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_sync, "PLANE_HEADERS", {"X-API-Key": token})
    plane_sync.update_issue_state("SBX-1", "done", SANDBOX)
    [sent] = client.method_calls
    assert sent.kwargs["headers"] == {"X-API-Key": token}


def test_a_stage_change_goes_to_the_sandbox(client: MagicMock, opt_in: None) -> None:
    plane_sync.notify_stage_change("SBX-1", "development", "done", SANDBOX)
    url = issue_url(SANDBOX, "SBX-1")
    assert client.method_calls == [
        call.patch(url, headers=plane_sync.PLANE_HEADERS, json={"state": "state-done"}),
        call.post(
            f"{url}comments/", headers=plane_sync.PLANE_HEADERS, json={"comment_html": "<p>development → done</p>"}
        ),
    ]


@every_write
def test_every_write_reaches_the_sandbox_with_the_opt_in(write: WriteTo, client: MagicMock, opt_in: None) -> None:
    write("SBX-1", SANDBOX)
    assert client.method_calls
    assert all(sent.args[0].startswith(issue_url(SANDBOX, "SBX-1")) for sent in client.method_calls)


def test_a_live_process_writes_as_before(client: MagicMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same URL, same headers, same payload, and not a line in the audit log."""
    monkeypatch.setattr(plane_write_guard, "_in_test_process", lambda: False)
    plane_sync.update_issue_state("ORCH-114", "done")
    plane_sync.add_comment("ORCH-114", "Shipped <today> & tested.")
    url, headers = issue_url(PROD, "ORCH-114"), {"X-API-Key": LIVE_LOOKING_TOKEN}
    assert client.method_calls == [
        call.patch(url, headers=headers, json={"state": "state-done"}),
        call.post(
            f"{url}comments/",
            headers=headers,
            json={"comment_html": "<p>Shipped &lt;today&gt; &amp; tested.</p>"},
        ),
    ]


def test_a_live_process_leaves_no_audit_line(
    client: MagicMock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="orchestrator.plane_write_guard")
    monkeypatch.setattr(plane_write_guard, "_in_test_process", lambda: False)
    plane_sync.update_issue_state("ORCH-114", "done")
    assert caplog.records == []


def test_a_stage_change_lets_no_exception_out(client: MagicMock, opt_in: None) -> None:
    """And when the state cannot be written, the comment still is."""
    client.patch.side_effect = ConnectionError("Plane has a bad day")
    plane_sync.notify_stage_change("SBX-1", "development", "done", SANDBOX)
    assert [sent[0] for sent in client.method_calls] == ["patch", "post"]


def test_a_refusal_is_one_error_line(client: MagicMock, caplog: pytest.LogCaptureFixture) -> None:
    plane_sync.update_issue_state("ORCH-114", "done")
    [record] = [record for record in caplog.records if record.name == "orchestrator.plane_write_guard"]
    assert record.levelno == logging.ERROR
    assert all(part in record.getMessage() for part in (PROD, "ORCH-114", "state", "opt-in-disabled"))
    assert LIVE_LOOKING_TOKEN not in record.getMessage()


def test_a_sandbox_write_is_one_info_line(client: MagicMock, opt_in: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="orchestrator.plane_write_guard")
    plane_sync.set_issue_done("SBX-1", SANDBOX)
    [record] = [record for record in caplog.records if record.name == "orchestrator.plane_write_guard"]
    assert record.levelno == logging.INFO
    assert all(part in record.getMessage() for part in ("ALLOWED", SANDBOX, "SBX-1", "state"))

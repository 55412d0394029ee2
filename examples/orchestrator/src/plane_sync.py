"""The orchestrator's Plane client. ORCH-114 went through here; every write now asks the guard first."""

from __future__ import annotations

import html
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from src import plane_write_guard
from src.config import settings

if TYPE_CHECKING:
    from collections.abc import Callable

# Captured at import: the reason why a guard that looks at settings or tokens alone comes too late.
PLANE_HEADERS = {"X-API-Key": settings.plane_api_token}
PROJECT_ID = settings.plane_project_id

STAGES = {
    "backlog": "Backlog",
    "analysis": "Todo",
    "development": "In Progress",
    "done": "Done",
    "cancelled": "Cancelled",
}

log = logging.getLogger("orchestrator.plane_sync")


def update_issue_state(work_item: str, stage: str, project_id: str | None = None) -> None:
    """Move a work item to the state that belongs to a stage."""
    target = _target(project_id)
    if _guard_allows_write(target, plane_write_guard.OP_STATE, work_item):
        _patch_state(work_item, stage_to_state(stage, target), target)


def add_comment(work_item: str, text: str, project_id: str | None = None) -> None:
    """Comment on a work item."""
    target = _target(project_id)
    if _guard_allows_write(target, plane_write_guard.OP_COMMENT, work_item):
        url = f"{_issue_url(work_item, target)}comments/"
        payload = {"comment_html": f"<p>{html.escape(text, quote=False)}</p>"}
        httpx.post(url, headers=PLANE_HEADERS, json=payload).raise_for_status()


def _set_issue_state_direct(
    work_item: str, state_id: str | Callable[[str], str], project_id: str | None = None
) -> None:
    """Move a work item to a state: its id, or how to find it in a project once the guard has said yes."""
    target = _target(project_id)
    if _guard_allows_write(target, plane_write_guard.OP_STATE, work_item):
        _patch_state(work_item, state_id(target) if callable(state_id) else state_id, target)


def set_issue_todo(work_item: str, project_id: str | None = None) -> None:
    """Put a work item into the queue."""
    _set_issue_state_direct(work_item, partial(stage_to_state, "analysis"), project_id)


def set_issue_in_progress(work_item: str, project_id: str | None = None) -> None:
    """Mark a work item as being worked on."""
    _set_issue_state_direct(work_item, partial(stage_to_state, "development"), project_id)


def set_issue_done(work_item: str, project_id: str | None = None) -> None:
    """Mark a work item as done."""
    _set_issue_state_direct(work_item, partial(stage_to_state, "done"), project_id)


def set_issue_cancelled(work_item: str, project_id: str | None = None) -> None:
    """Mark a work item as cancelled."""
    _set_issue_state_direct(work_item, partial(stage_to_state, "cancelled"), project_id)


def notify_stage_change(work_item: str, from_stage: str, to_stage: str, project_id: str | None = None) -> None:
    """Tell Plane about a stage change. The pipeline does not stop because Plane has a bad day."""
    for write in (
        partial(update_issue_state, work_item, to_stage, project_id),
        partial(add_comment, work_item, f"{from_stage} → {to_stage}", project_id),
    ):
        try:
            write()
        except Exception:
            log.warning("%s: Plane was not told all of %s → %s", work_item, from_stage, to_stage, exc_info=True)


def find_issue_id(work_item: str, project_id: str) -> str:
    """The id of a work item that people call ORCH-114; a `LookupError` if it is not in the project."""
    issue = _get(f"issues/{work_item}/")
    if issue["project"] != project_id:
        raise LookupError(f"{work_item} is not in project {project_id}")
    return str(issue["id"])


def get_project_states(project_id: str) -> dict[str, str]:
    """The states of a project: name to id."""
    return {state["name"]: state["id"] for state in _get(f"projects/{project_id}/states/")["results"]}


def stage_to_state(stage: str, project_id: str) -> str:
    """The id of the state that belongs to a stage."""
    return get_project_states(project_id)[STAGES.get(stage, stage)]


def _guard_allows_write(project_id: str, op: str, work_item: str) -> bool:
    """Ask the guard, now, and log what it said."""
    allowed, reason = plane_write_guard.decide(project_id, op, work_item)
    if not allowed:
        plane_write_guard.audit_block(project_id, op, reason, work_item)
    elif reason != plane_write_guard.R_LIVE_RUNTIME:
        plane_write_guard.audit_allow(project_id, op, reason, work_item)
    return allowed


def _target(project_id: str | None) -> str:
    """The project to write to. Only `None` means the configured one: an empty id is a mistake, not a default."""
    return PROJECT_ID if project_id is None else project_id


def _patch_state(work_item: str, state_id: str, project_id: str) -> None:
    url = _issue_url(work_item, project_id)
    httpx.patch(url, headers=PLANE_HEADERS, json={"state": state_id}).raise_for_status()


def _issue_url(work_item: str, project_id: str) -> str:
    return f"{_workspace_url()}projects/{project_id}/issues/{find_issue_id(work_item, project_id)}/"


def _workspace_url() -> str:
    return f"{settings.plane_api_url.rstrip('/')}/api/v1/workspaces/{settings.plane_workspace_slug}/"


def _get(path: str) -> Any:
    response = httpx.get(_workspace_url() + path, headers=PLANE_HEADERS)
    response.raise_for_status()
    return response.json()

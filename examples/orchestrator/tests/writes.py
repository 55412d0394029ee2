"""Every way in which the orchestrator writes to Plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from src import plane_sync

if TYPE_CHECKING:
    from collections.abc import Callable

    WriteTo = Callable[[str, str | None], None]

WRITES: dict[str, WriteTo] = {
    "update_issue_state": lambda item, project: plane_sync.update_issue_state(item, "done", project),
    "add_comment": lambda item, project: plane_sync.add_comment(item, "Done.", project),
    "_set_issue_state_direct": lambda item, project: plane_sync._set_issue_state_direct(item, "state-done", project),
    "notify_stage_change": lambda item, project: plane_sync.notify_stage_change(item, "development", "done", project),
    **{name: getattr(plane_sync, name) for name in dir(plane_sync) if name.startswith("set_issue_")},
}

every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)

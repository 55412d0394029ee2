"""The adapter's answers, the floor under the tests, and that nothing switches the guard off."""

from __future__ import annotations

import pytest

from src import plane_write_guard as guard
from src.config import Settings, settings
from tests.fake_plane import PROD, SANDBOX


def test_the_floor_is_there_without_asking() -> None:
    assert settings.plane_test_write_enabled is False
    assert settings.plane_test_sandbox_projects == SANDBOX


@pytest.mark.parametrize("op", [guard.OP_STATE, guard.OP_COMMENT])
@pytest.mark.parametrize("project", [PROD, SANDBOX, "", "  ", None])
def test_without_the_opt_in_everything_is_refused(project: str | None, op: str) -> None:
    assert guard.decide(project, op) == (False, guard.R_OPT_IN_DISABLED)


@pytest.mark.parametrize("op", [guard.OP_STATE, guard.OP_COMMENT])
@pytest.mark.parametrize(
    ("project", "answer"),
    [
        (SANDBOX, (True, guard.R_SANDBOX)),
        (PROD, (False, guard.R_PROD_IN_TEST)),
        ("", (False, guard.R_AMBIGUOUS)),
        ("  ", (False, guard.R_AMBIGUOUS)),
        (None, (False, guard.R_AMBIGUOUS)),
    ],
)
def test_with_the_opt_in_the_target_decides(
    project: str | None, op: str, answer: tuple[bool, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "plane_test_write_enabled", True)
    assert guard.decide(project, op, "ORCH-114") == answer


def test_an_allowlist_of_nothing_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "plane_test_write_enabled", True)
    monkeypatch.setattr(settings, "plane_test_sandbox_projects", "")
    assert guard.decide(SANDBOX, guard.OP_STATE) == (False, guard.R_PROD_IN_TEST)


def test_this_is_a_test_process() -> None:
    assert guard._in_test_process()


def test_a_live_process_may_write_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_in_test_process", lambda: False)
    assert guard.decide(PROD, guard.OP_STATE) == (True, guard.R_LIVE_RUNTIME)


def test_there_is_no_kill_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are these and no others; a variable that sounds like a switch is none."""
    assert set(Settings.model_fields) == {
        "plane_api_url",
        "plane_api_token",
        "plane_workspace_slug",
        "plane_project_id",
        "gitea_token",
        "plane_test_write_enabled",
        "plane_test_sandbox_projects",
    }
    for name in ("ORCH_PLANE_WRITE_GUARD_ENABLED", "PLANE_WRITE_GUARD_ENABLED", "PLANE_GUARD_ENABLED"):
        monkeypatch.setenv(name, "false")
    assert not hasattr(Settings(), "plane_write_guard_enabled")
    assert guard.decide(PROD, guard.OP_STATE) == (False, guard.R_OPT_IN_DISABLED)


def test_the_opt_in_is_off_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCH_PLANE_TEST_WRITE_ENABLED", raising=False)
    monkeypatch.delenv("ORCH_PLANE_TEST_SANDBOX_PROJECTS", raising=False)
    assert Settings().plane_test_write_enabled is False
    assert Settings().plane_test_sandbox_projects == SANDBOX

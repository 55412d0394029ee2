"""Each piece of advice in a refusal, followed by machine: it works, or the text says that nothing will."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
import respx

from plane_guard import Decision, Op, PlaneWriteBlocked, Reason, Settings, advice, classify
from plane_guard.vocabulary import PROTECTED_OPS
from tests.guard.plane import PROD, SANDBOX, project_path, write

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane

pytestmark = pytest.mark.usefixtures("plane_blocked_writes")
OPT_IN, FAKE_PLANE, ALLOWLIST = "plane_sandbox_writes", "def test_it(fake_plane)", "PLANE_TEST_SANDBOX_PROJECTS"
NOTHING = ("No setting allows it", "no setting allows it")
REASONS = [reason for reason in Reason if reason not in {Reason.LIVE_RUNTIME, Reason.SANDBOX_ALLOWED}]
WRITING = Settings(write_enabled=True)


def refused(url: str, project: str, headers: dict[str, str]) -> str:
    with pytest.raises(PlaneWriteBlocked) as refusal:
        httpx.post(f"{url}/api/v1/workspaces/acme/projects/{project}/labels/", json={"name": "x"}, headers=headers)
    return str(refusal.value)


def follow(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the lines of a refusal that set variables."""
    for name, value in re.findall(r'monkeypatch.setenv\("(\w+)", "([^"]+)"\)', text):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("writing", [False, True])
def test_a_fake_server_is_allowlisted_by_the_lines_of_its_refusal(
    plane: FakePlane, monkeypatch: pytest.MonkeyPatch, *, writing: bool
) -> None:
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", str(writing))
    text = refused(plane.url, plane.prod.id, plane.headers)
    assert "a fake server on this machine" in text
    follow(text, monkeypatch)
    url = f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/"
    assert httpx.post(url, json={"name": "x"}, headers=plane.headers).status_code == 201


def test_the_fixture_that_a_refusal_names_makes_the_write_work(fake_plane: FakePlane) -> None:
    url = f"{fake_plane.url}/api/v1/workspaces/{fake_plane.workspace}/projects/{fake_plane.project}/labels/"
    assert httpx.post(url, json={"name": "x"}, headers=fake_plane.headers).status_code == 201


def said(reason: Reason, op: Op, project: str = PROD, settings: Settings = WRITING) -> str:
    """Return the refusal of a write to a server that is not on this machine."""
    found = write("POST", project_path(project, "labels/"))._replace(op=op)
    decision = Decision(allowed=False, reason=reason)
    return advice.refusal(found, decision, "httpx", advice.detail(found, decision, settings, layer="httpx"))


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("reason", REASONS)
def test_each_refusal_advises_what_can_work_and_nothing_else(reason: Reason, op: Op) -> None:
    for project in (SANDBOX, PROD):
        text = said(reason, op, project)
        assert "a fake server on this machine" not in text
        assert ALLOWLIST not in text
        if op in PROTECTED_OPS and reason not in {Reason.GUARD_ERROR, Reason.UNGUARDED_CLIENT}:
            assert any(words in text for words in NOTHING)
            assert OPT_IN not in text
            assert FAKE_PLANE not in text
        if reason is not Reason.OPT_IN_DISABLED:
            assert OPT_IN not in text
        assert ("respx" in text) is (reason is not Reason.UNGUARDED_CLIENT)
        assert text.splitlines()[-1] == f"More: plane-guard explain {reason}"
        assert text.startswith(f"{op} in project {project}")


@pytest.mark.parametrize("reason", [Reason.OPT_IN_DISABLED, Reason.AMBIGUOUS_TARGET])
@pytest.mark.parametrize("path", ["/api/v1/workspaces/acme/stickies/", "/api/v1/workspaces/acme/projects/"])
def test_above_projects_nothing_but_a_mock_is_advised(reason: Reason, path: str) -> None:
    found = write("POST", path)
    decision = Decision(allowed=False, reason=reason)
    text = advice.refusal(found, decision, "httpx", advice.detail(found, decision, WRITING, layer="httpx"))
    assert "above projects" in text
    assert (OPT_IN in text, FAKE_PLANE in text, "respx" in text) == (False, False, True)


def test_the_allowlist_in_force_is_named() -> None:
    other = "9b1c6f0e-4c57-4c55-9d64-2f0f7f5b2a10"
    text = said(Reason.PROD_PROJECT_IN_TEST, Op.LABEL, settings=Settings("1", [other]))
    assert f"(The sandbox allowlist is {other}; this project is not on it.)" in text
    assert SANDBOX not in text
    nothing = said(Reason.PROD_PROJECT_IN_TEST, Op.LABEL, settings=Settings("1", []))
    assert "(The sandbox allowlist is empty; this project is not on it.)" in nothing
    protected = said(Reason.PROD_PROJECT_IN_TEST, Op.LABEL, settings=Settings("1", [PROD], [PROD]))
    assert "(The project is protected, which overrides every allowlist.)" in protected


def test_the_mock_answers_a_call_above_projects() -> None:
    found = classify("POST", "https://api.plane.so/api/v1/workspaces/acme/stickies/")
    assert found is not None
    text = advice.refusal(found, Decision(allowed=False, reason=Reason.AMBIGUOUS_TARGET), "httpx", "")
    [pattern] = re.findall(r'url__regex=r"([^"]+)"', text)
    with respx.mock:
        respx.post(url__regex=pattern).respond(200, json={})
        assert httpx.post("https://api.plane.so/api/v1/workspaces/acme/stickies/", json={}).status_code == 200

"""The advice of each reason for a write of each op, followed by machine: the second attempt lands, or nothing helps."""

from __future__ import annotations

import json
import re
import socket
import sys
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from plane_guard import Op, PlaneWriteBlocked, classify, process
from plane_guard.vocabulary import PROTECTED_OPS
from plane_guard_instrumentation.enforcement import ownership
from tests.instrumentation.testing import test_app_api as app
from tests.instrumentation.testing.fake_plane_cases import LEGITIMATE, S, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child
    from tests.instrumentation.testing.fake_plane_cases import Case

pytestmark = pytest.mark.usefixtures("plane_blocked_writes")


class Write(NamedTuple):
    """A write to the sandbox that a server takes."""

    method: str
    target: str
    body: object = None

    def aimed(self, aim: Callable[[str], str]) -> Write:
        """Return the write with its target and body changed."""
        return Write(self.method, aim(self.target), json.loads(aim(json.dumps(self.body))))


ITEM = S + "/work-items/{s_item}/"
MORE = [
    Write("POST", S + "/work-items/", {"name": "x", "parent": "{s_item}"}),
    Write("PATCH", ITEM, {"priority": "low"}),
    Write("PATCH", ITEM, {"parent": "{s_other}"}),
    Write("POST", f"{ITEM}links/", {"url": "https://x.example"}),
    Write("PATCH", S + "/labels/{s_label}/", {"name": "x"}),
    Write("PATCH", S + "/modules/{s_module}/", {"name": "x"}),
    Write("POST", S + "/members/", {"member": "{s_member}", "role": 15}),
    Write("POST", f"{ITEM}worklogs/", {"duration": 5, "description": "x"}),
    Write("POST", S + "/milestones/", {"title": "x"}),
    Write("POST", S + "/no-such-route/", {"name": "x"}),
]
# A comment of the app is proven through the item that the test wrote to before, which these do not.
_LATER = ("/comments/{s_comment}/reactions/", "/api/v1/workspaces/acme/projects/{prod}/")
CASES: list[Case | app.Case] = [*LEGITIMATE, *app.LEGITIMATE]
FROM_TABLES = [
    Write(case.method, case.target, case.body) for case in CASES if not any(words in case.target for words in _LATER)
]


def op_of(write: Write) -> Op:
    some_id = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"
    names = dict.fromkeys(re.findall(r"\{(\w+)\}", f"{write.target}{write.body}"), some_id)
    url = f"https://api.plane.so{fill(write.target, names)}"
    found = classify(write.method, url, json.dumps(fill(write.body, names)), "application/json")
    assert found is not None
    return found.op


def _with_ops() -> list[object]:
    """Return every write, those of an op that came before for the exhaustive tests only."""
    seen: set[Op] = set()
    found: list[object] = []
    for write in (*MORE, *FROM_TABLES):
        op = op_of(write)
        marks = [pytest.mark.exhaustive] if op in seen else []
        found.append(pytest.param(write, op, id=f"{op}: {write.method} {write.target}", marks=marks))
        seen.add(op)
    return found


EACH_OP = pytest.mark.parametrize(("write", "op"), _with_ops())
# `fake_plane` has no such routes, so it answers 404 to what arrives.
NOT_SERVED = {Op.WORKLOG, Op.MILESTONE, Op.UNKNOWN}
ABOVE_PROJECTS = (
    Write("POST", "/api/v1/workspaces/acme/invitations/", {"email": "lin@example.com", "role": 15}),
    Write("DELETE", "/api/users/me/"),
)


def send(plane: FakePlane, write: Write) -> int:
    """Send a write with the credentials of the API that its path belongs to, and return the status."""
    ownership.forget()
    names, is_v1 = app.names(plane), write.target.startswith("/api/v1/")
    names["SANDBOX"] = names["sandbox"].upper()
    with httpx.Client(
        base_url=plane.url, headers=plane.headers if is_v1 else {}, cookies=None if is_v1 else plane.cookies
    ) as client:
        body = None if write.body is None else fill(write.body, names)
        return client.request(write.method, str(fill(write.target, names)), json=body).status_code


def lands(plane: FakePlane, write: Write, op: Op) -> bool:
    status = send(plane, write)
    return status == 404 if op in NOT_SERVED else status < 300


def refusal(plane: FakePlane, write: Write, reason: str) -> str:
    with pytest.raises(PlaneWriteBlocked) as refused:
        send(plane, write)
    assert refused.value.reason == reason
    assert plane.writes == []
    return str(refused.value)


def follow(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the lines of a refusal that set variables."""
    for name, value in re.findall(r'monkeypatch.setenv\("(\w+)", "([^"]+)"\)', text):
        monkeypatch.setenv(name, value)


def to_production(text: str) -> str:
    return (
        text.replace("{s_", "{p_")
        .replace("{sandbox}", "{prod}")
        .replace("{p_other}", "{p_first}")
        .replace("{p_second}", "{p_item}")
    )


def nothing_helps(text: str, op: Op) -> bool:
    """Return if the text says that nothing helps, which it says of protected ops and of no other."""
    said = "No setting allows it" in text
    assert said is (op in PROTECTED_OPS)
    return said


@EACH_OP
def test_the_opt_in(plane: FakePlane, monkeypatch: pytest.MonkeyPatch, write: Write, op: Op) -> None:
    text = refusal(plane, write, "opt-in-disabled")
    follow(text, monkeypatch)
    if nothing_helps(text, op):
        monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
        refusal(plane, write, "protected-operation")
    else:
        assert lands(plane, write, op)


@EACH_OP
@pytest.mark.usefixtures("plane_sandbox_writes")
def test_the_allowlist_of_a_fake_server(
    plane: FakePlane, monkeypatch: pytest.MonkeyPatch, write: Write, op: Op
) -> None:
    production = write.aimed(to_production)
    text = refusal(plane, production, "prod-project-in-test")
    follow(text, monkeypatch)
    if not nothing_helps(text, op):
        assert lands(plane, production, op)


@EACH_OP
@pytest.mark.usefixtures("plane_sandbox_writes")
def test_the_spelling_of_the_project(plane: FakePlane, write: Write, op: Op) -> None:
    text = refusal(plane, write.aimed(lambda text: text.replace("{sandbox}", "{SANDBOX}")), "ambiguous-target")
    if not nothing_helps(text, op):
        assert "names the sandbox project by its lower-case id" in text
        assert lands(plane, write, op)


@EACH_OP
@pytest.mark.usefixtures("plane_sandbox_writes")
def test_an_object_of_the_sandbox(plane: FakePlane, write: Write, op: Op) -> None:
    foreign = write.aimed(lambda text: text.replace("{sandbox}", "{keep}"))
    foreign = foreign.aimed(to_production).aimed(lambda text: text.replace("{keep}", "{sandbox}"))
    if op in PROTECTED_OPS or foreign == write:
        return  # it names no object, or is refused whatever it names
    text = refusal(plane, foreign, "foreign-reference")
    assert not nothing_helps(text, op)
    assert "Use objects of the sandbox project" in text
    assert lands(plane, write, op)


def test_a_client_that_is_guarded(plane: FakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process._State, "fixed", process.fixed())
    process.learn_host("127.0.0.1", plane.port)
    with pytest.raises(PlaneWriteBlocked, match="Use httpx") as refused:
        socket.create_connection(("127.0.0.1", plane.port))
    assert refused.value.reason == "unguarded-client"
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert send(plane, MORE[0]) == 201


@pytest.mark.parametrize("write", ABOVE_PROJECTS, ids=lambda write: write.target)
def test_above_projects_the_text_says_that_no_setting_helps(
    plane: FakePlane, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    monkeypatch.setattr(process._State, "fixed", process.fixed())
    process.learn_host("127.0.0.1", plane.port)
    text = refusal(plane, write, "opt-in-disabled")
    assert "no setting allows it" in text
    assert "plane_sandbox_writes" not in text
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert "no setting allows it" in refusal(plane, write, "ambiguous-target")


def test_every_op_has_a_write() -> None:
    assert {op_of(write) for write in (*MORE, *FROM_TABLES, *ABOVE_PROJECTS)} == set(Op)


def test_after_a_guard_error_doctor_names_what_to_fix(child: Child, plane: FakePlane) -> None:
    child.write(
        "test_it.py",
        f"""
        import httpx
        def test_it(plane_sandbox_writes):
            url = "{plane.url}/api/v1/workspaces/acme/projects/{plane.sandbox.id}/labels/"
            assert httpx.post(url, json={{"name": "x"}}, headers={plane.headers!r}).status_code == 201
        """,
    )
    malformed = {"PLANE_GUARD_PROTECTED_PROJECTS": "no project"}
    refused = child.pytest(**malformed)
    assert "guard-error" in refused.stdout
    assert "Run `plane-guard doctor`. It names the setting or folder to fix." in refused.stdout
    assert plane.writes == []
    doctor = child.run([sys.executable, "-m", "plane_guard_dashboard", "doctor"], **malformed)
    assert doctor.returncode != 0
    assert "PLANE_GUARD_PROTECTED_PROJECTS" in doctor.stdout
    assert child.pytest().returncode == 0
    assert len(plane.writes) == 1

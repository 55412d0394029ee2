"""The advice of each reason for a write of each op, followed by machine: the second attempt lands, or nothing helps."""

from __future__ import annotations

import json
import re
import socket
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
# No route of `fake_plane` has these ops, or they are above projects, where no setting helps.
NOT_OF_FAKE_PLANE = {Op.WORKLOG, Op.MILESTONE, Op.WORKSPACE, Op.UNKNOWN}


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
        assert send(plane, write) < 300


@EACH_OP
@pytest.mark.usefixtures("plane_sandbox_writes")
def test_the_allowlist_of_a_fake_server(
    plane: FakePlane, monkeypatch: pytest.MonkeyPatch, write: Write, op: Op
) -> None:
    production = write.aimed(to_production)
    text = refusal(plane, production, "prod-project-in-test")
    follow(text, monkeypatch)
    if not nothing_helps(text, op):
        assert send(plane, production) < 300


@EACH_OP
@pytest.mark.usefixtures("plane_sandbox_writes")
def test_the_spelling_of_the_project(plane: FakePlane, write: Write, op: Op) -> None:
    text = refusal(plane, write.aimed(lambda text: text.replace("{sandbox}", "{SANDBOX}")), "ambiguous-target")
    if not nothing_helps(text, op):
        assert "names the sandbox project by its lower-case id" in text
        assert send(plane, write) < 300


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
    assert send(plane, write) < 300


def test_a_client_that_is_guarded(plane: FakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process._State, "fixed", process.fixed())
    process.learn_host("127.0.0.1", plane.port)
    with pytest.raises(PlaneWriteBlocked, match="Use httpx") as refused:
        socket.create_connection(("127.0.0.1", plane.port))
    assert refused.value.reason == "unguarded-client"
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    assert send(plane, MORE[0]) == 201


def test_every_op_of_the_fake_server_has_a_write() -> None:
    assert {op_of(write) for write in (*MORE, *FROM_TABLES)} == set(Op) - NOT_OF_FAKE_PLANE

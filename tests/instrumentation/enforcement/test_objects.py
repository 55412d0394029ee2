"""What a real Plane server does with objects of production under a sandbox path, with the guard in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from plane_guard import PlaneWriteBlocked, process
from plane_guard_instrumentation.enforcement import ownership
from tests.instrumentation.testing import test_app_api as app
from tests.instrumentation.testing.fake_plane_cases import FOREIGN, LEGITIMATE, fill, known

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.instrumentation.testing.fake_plane_cases import Case

pytestmark = pytest.mark.usefixtures("plane_sandbox_writes", "plane_blocked_writes")
S, A = "/api/v1/workspaces/acme/projects/{sandbox}", "/api/workspaces/acme/projects/{sandbox}"


# Refused by design. A comment is proven below its item, which these cases do not write to first.
REFUSED = {
    "archive the project": "protected-operation",
    "change production": "prod-project-in-test",
    "react to a comment": "foreign-reference",
    "take a reaction back": "foreign-reference",
}


@pytest.fixture(autouse=True)
def _no_proofs() -> None:
    ownership.forget()


def send(plane: FakePlane, method: str, target: str, body: object = None) -> httpx.Response:
    """Send a request with the credentials of the API that its path belongs to."""
    is_v1 = target.startswith("/api/v1/")
    with httpx.Client(
        base_url=plane.url, headers=plane.headers if is_v1 else {}, cookies=None if is_v1 else plane.cookies
    ) as client:
        if body is None:
            return client.request(method, target)
        return client.request(method, target, json=fill(body, ids(plane)))


def ids(plane: FakePlane) -> dict[str, str]:
    return {**known(plane), **app.names(plane)}


def attempt(plane: FakePlane, case: Case | app.Case) -> str:
    """Return what became of a case: a status, or the reason of the refusal."""
    try:
        return str(send(plane, case.method, str(fill(case.target, ids(plane))), case.body).status_code)
    except PlaneWriteBlocked as refusal:
        return refusal.reason


@pytest.mark.parametrize("case", [*FOREIGN, *app.MEASURED, *app.PUBLIC], ids=lambda case: case.name)
def test_nothing_under_a_sandbox_path_touches_production(plane: FakePlane, case: Case | app.Case) -> None:
    before = plane.snapshot(plane.prod.id)
    attempt(plane, case)
    assert plane.changes_of(plane.prod.id) == []
    assert plane.snapshot(plane.prod.id) == before


@pytest.mark.parametrize("case", app.MEASURED, ids=lambda case: case.name)
def test_what_the_app_api_would_do_to_production_is_a_foreign_reference(plane: FakePlane, case: app.Case) -> None:
    assert attempt(plane, case) == "foreign-reference"
    assert plane.writes == []


@pytest.mark.parametrize("case", [*LEGITIMATE, *app.LEGITIMATE], ids=lambda case: case.name)
def test_a_write_that_stays_in_the_sandbox_lands(plane: FakePlane, case: Case | app.Case) -> None:
    assert attempt(plane, case) == REFUSED.get(case.name, str(case.status))


@pytest.mark.parametrize("case", app.PUBLIC, ids=lambda case: case.name)
def test_public_boards_and_accounts_are_above_projects(plane: FakePlane, case: app.Case) -> None:
    assert attempt(plane, case) == "ambiguous-target"
    assert plane.writes == []


def test_an_account_is_above_projects(plane: FakePlane) -> None:
    send(plane, "GET", A.format(**ids(plane)) + "/")  # the host is learned
    with pytest.raises(PlaneWriteBlocked, match="ambiguous-target"):
        send(plane, "DELETE", "/api/users/me/")
    assert plane.writes == []


@pytest.mark.parametrize("case", [*app.MEASURED, *app.PUBLIC], ids=lambda case: case.name)
def test_without_the_opt_in_nothing_of_it_arrives(
    plane: FakePlane, case: app.Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANE_TEST_WRITE_ENABLED")
    assert attempt(plane, case) == "opt-in-disabled"
    assert plane.writes == []


def test_an_archived_item_is_proven_by_its_activity(plane: FakePlane) -> None:
    item = send(plane, "POST", S.format(**ids(plane)) + "/work-items/", {"name": "old"}).json()["id"]
    path = S.format(**ids(plane)) + f"/work-items/{item}/"
    assert send(plane, "PATCH", path, {"archived_at": "2026-11-01"}).status_code == 200
    ownership.forget()
    assert send(plane, "GET", path).status_code == 404
    assert send(plane, "PATCH", path, {"name": "older"}).status_code == 200
    assert send(plane, "POST", f"{path}comments/", {"comment_html": "x"}).status_code == 201


def test_an_archived_item_of_production_is_refused(plane: FakePlane) -> None:
    item = plane.prod.archived["ORCH-98"]
    with pytest.raises(PlaneWriteBlocked, match="it is not there") as refusal:
        send(plane, "POST", S.format(**ids(plane)) + f"/work-items/{item}/comments/", {"comment_html": "x"})
    assert f"/work-items/{item}/ answered HTTP 404" in str(refusal.value)
    assert plane.writes == []


def test_a_reaction_to_a_comment_is_proven_through_the_item_that_the_test_wrote_to(plane: FakePlane) -> None:
    at = A.format(**ids(plane))
    item = plane.sandbox.items["SBX-1"]
    comment = send(plane, "POST", f"{at}/issues/{item}/comments/", {"comment_html": "<p>x</p>"}).json()["id"]
    reactions = f"{at}/comments/{comment}/reactions/"
    assert send(plane, "POST", reactions, {"reaction": "128077"}).status_code == 201
    assert send(plane, "DELETE", f"{reactions}128077/").status_code == 204


def test_a_reaction_to_a_comment_of_production_is_refused(plane: FakePlane) -> None:
    at, item = A.format(**ids(plane)), plane.sandbox.items["SBX-1"]
    send(plane, "POST", f"{at}/issues/{item}/comments/", {"comment_html": "<p>x</p>"})
    before = len(plane.writes)
    with pytest.raises(PlaneWriteBlocked, match="comment"):
        send(plane, "POST", f"{at}/comments/{ids(plane)['p_comment']}/reactions/", {"reaction": "128077"})
    assert len(plane.writes) == before


def test_a_comment_without_an_item_in_this_test_says_what_to_do(plane: FakePlane) -> None:
    with pytest.raises(PlaneWriteBlocked, match="Write the comment in the same test first"):
        send(plane, "POST", A.format(**ids(plane)) + f"/comments/{ids(plane)['s_comment']}/reactions/", {})


def test_a_thousand_writes_to_one_item_take_one_lookup(plane: FakePlane) -> None:
    path = S.format(**ids(plane)) + f"/work-items/{plane.sandbox.items['SBX-1']}/"
    with httpx.Client(base_url=plane.url, headers=plane.headers) as client:
        for number in range(1_000):
            assert client.patch(path, json={"name": f"n{number}"}).status_code == 200
    assert [request.method for request in plane.requests].count("GET") == 1


def test_a_proof_lasts_for_sixty_seconds_of_real_time(plane: FakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    now = ownership._now_ns()
    path = S.format(**ids(plane)) + f"/work-items/{plane.sandbox.items['SBX-1']}/"

    def lookups(seconds: float) -> int:
        monkeypatch.setattr(ownership, "_CLOCKS", (lambda: now + int(seconds * 1_000_000_000),))
        send(plane, "PATCH", path, {"name": "x"})
        return [request.method for request in plane.requests].count("GET")

    assert [lookups(0), lookups(60), lookups(60.1), lookups(59), lookups(61)] == [1, 1, 2, 3, 3]


@pytest.mark.parametrize("number", [1, 2])
def test_a_proof_lasts_for_one_test(plane: FakePlane, number: int) -> None:
    path = S.format(**ids(plane)) + f"/work-items/{plane.sandbox.items['SBX-1']}/"
    for _ in range(number):
        send(plane, "PATCH", path, {"name": "x"})
    assert [request.method for request in plane.requests].count("GET") == 1


def test_an_opt_in_that_is_withdrawn_during_a_lookup_no_longer_counts(
    plane: FakePlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ownership.prove

    def prove(*arguments: Any) -> Any:
        proof = yield from real(*arguments)
        monkeypatch.delenv("PLANE_TEST_WRITE_ENABLED")
        return proof

    monkeypatch.setattr(ownership, "prove", prove)
    assert process.settings(is_loopback=True).write_enabled
    with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
        send(plane, "PATCH", S.format(**ids(plane)) + f"/work-items/{plane.sandbox.items['SBX-1']}/", {"name": "x"})
    assert plane.writes == []


def test_a_lookup_that_names_another_project_makes_the_target_production(plane: FakePlane) -> None:
    with pytest.raises(PlaneWriteBlocked, match="it is in another project"):
        send(plane, "DELETE", A.format(**ids(plane)) + f"/project-deploy-boards/{ids(plane)['p_board']}/")

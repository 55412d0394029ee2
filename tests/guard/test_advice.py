"""The advice in a refusal: what is known of it, and only remedies that can work."""

from __future__ import annotations

from typing import Any

import pytest

from plane_guard import Decision, PlaneWrite, Reason, Settings, advice, classify
from plane_guard.advice import PROXY_LAYER, REMEDIES
from tests.guard.plane import ITEM, PROD, SANDBOX

LABELS = "/api/v1/workspaces/acme/projects/{}/labels/"
REMOTE, LOCAL = "https://api.plane.so", "http://127.0.0.1:8000"
FAKE_SERVER = (
    "This is a fake server on this machine. Allowlist its project, never a production one, in that test:\n"
    f'  monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", "{PROD}")\n'
    '  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")\n'
    "or request the fixture fake_plane, which does both."
)
LISTED = f"(The sandbox allowlist is {SANDBOX}; this project is not on it.)"
ON_IT = "(The project is on the sandbox allowlist.)"
PROTECTED = "(The project is protected, which overrides every allowlist.)"


def write(path: str, origin: str = REMOTE, method: str = "POST") -> PlaneWrite:
    found = classify(method, origin + path, b"{}", "application/json")
    assert found is not None
    return found


def said(found: PlaneWrite, reason: Reason, fact: str = "", layer: str = "", **settings: Any) -> list[str]:
    """The facts, then the pieces of advice."""
    return advice.detail(found, Decision(allowed=False, reason=reason), Settings(**settings), fact, layer=layer).split(
        "\n", 1
    )


SANDBOX_WRITE, PROD_WRITE = write(LABELS.format(SANDBOX)), write(LABELS.format(PROD))
FAKE_WRITE, UNRESOLVED = write(LABELS.format(PROD), LOCAL), write(LABELS.format("ORCH"))
ABOVE, MEMBER = write("/api/v1/workspaces/acme/members/"), write(f"/api/workspaces/acme/projects/{SANDBOX}/members/")
OFF, ELSEWHERE, FOREIGN = Reason.OPT_IN_DISABLED, Reason.PROD_PROJECT_IN_TEST, Reason.FOREIGN_REFERENCE
NOTHING: dict[str, Any] = {}
CASES: dict[str, tuple[PlaneWrite, Reason, dict[str, Any], str, tuple[str, ...]]] = {
    "an error": (PROD_WRITE, Reason.GUARD_ERROR, NOTHING, "", (REMEDIES[Reason.GUARD_ERROR],)),
    "a client": (ABOVE, Reason.UNGUARDED_CLIENT, NOTHING, "", (REMEDIES[Reason.UNGUARDED_CLIENT],)),
    "above projects": (ABOVE, Reason.AMBIGUOUS_TARGET, NOTHING, "", (advice._ABOVE_PROJECTS,)),
    "members": (MEMBER, OFF, NOTHING, ON_IT, (REMEDIES[Reason.PROTECTED_OPERATION],)),
    "the sandbox": (SANDBOX_WRITE, OFF, NOTHING, ON_IT, (advice._OPT_IN, advice._FAKE_PLANE)),
    "production": (PROD_WRITE, OFF, NOTHING, LISTED, (advice._TO_SANDBOX, advice._OPT_IN, advice._FAKE_PLANE)),
    "opted in": (PROD_WRITE, ELSEWHERE, NOTHING, LISTED, (advice._TO_SANDBOX, advice._FAKE_PLANE)),
    "a fake server": (FAKE_WRITE, ELSEWHERE, NOTHING, LISTED, (FAKE_SERVER,)),
    "a fake server, off": (FAKE_WRITE, OFF, NOTHING, LISTED, (FAKE_SERVER,)),
    "protected": (
        FAKE_WRITE,
        ELSEWHERE,
        {"protected_projects": [PROD]},
        PROTECTED,
        (advice._TO_SANDBOX, advice._FAKE_PLANE),
    ),
    "an empty allowlist": (
        PROD_WRITE,
        ELSEWHERE,
        {"sandbox_projects": []},
        "(The sandbox allowlist is empty; this project is not on it.)",
        (advice._TO_SANDBOX, advice._FAKE_PLANE),
    ),
    "two on the allowlist": (
        PROD_WRITE,
        ELSEWHERE,
        {"sandbox_projects": [SANDBOX, ITEM]},
        f"(The sandbox allowlist is {', '.join(sorted((SANDBOX, ITEM)))}; this project is not on it.)",
        (advice._TO_SANDBOX, advice._FAKE_PLANE),
    ),
    "ambiguous, off": (UNRESOLVED, OFF, NOTHING, "", (REMEDIES[Reason.AMBIGUOUS_TARGET], advice._OPT_IN)),
    "ambiguous": (UNRESOLVED, Reason.AMBIGUOUS_TARGET, NOTHING, "", (REMEDIES[Reason.AMBIGUOUS_TARGET],)),
    "foreign": (SANDBOX_WRITE, FOREIGN, NOTHING, "", (REMEDIES[FOREIGN], advice._FAKE_PLANE)),
    "foreign, a fake server": (FAKE_WRITE, FOREIGN, NOTHING, "", (REMEDIES[FOREIGN], advice._FAKE_LOOKUP)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_refusal_says_what_is_known_and_what_can_work(
    case: tuple[PlaneWrite, Reason, dict[str, Any], str, tuple[str, ...]],
) -> None:
    found, reason, settings, fact, remedies = case
    assert said(found, reason, **settings) == [fact, "\n".join(remedies)]
    assert said(found, reason, "(A fact.)", **settings)[0] == f"(A fact.) {fact}".strip()


def test_a_refusal_without_a_fact_starts_with_what_the_settings_say() -> None:
    found = advice.detail(SANDBOX_WRITE, Decision(allowed=False, reason=OFF), Settings(), layer="httpx")
    assert found.splitlines()[0] == ON_IT


def test_a_client_of_the_proxy_gets_no_advice_about_python() -> None:
    assert said(SANDBOX_WRITE, OFF, layer=PROXY_LAYER) == [ON_IT, advice._OPT_IN_CONTAINED]
    assert said(PROD_WRITE, ELSEWHERE, layer=PROXY_LAYER) == [LISTED, advice._TO_SANDBOX]


def test_only_what_names_no_project_is_above_projects() -> None:
    assert [advice.is_above_projects(found) for found in (ABOVE, MEMBER, UNRESOLVED, PROD_WRITE)] == [
        True, False, False, False,
    ]  # fmt: skip
    assert not advice.is_above_projects(ABOVE._replace(url_template=""))
    assert not advice.is_above_projects(ABOVE._replace(unprovable="the body cannot be read"))


def test_each_reason_has_its_general_remedy() -> None:
    assert advice.what_to_do("guard-error") == REMEDIES[Reason.GUARD_ERROR]
    assert (advice.what_to_do("sandbox-allowed"), advice.what_to_do("unheard-of")) == ("", "")


def test_the_facts_and_the_remedies_of_a_detail_are_told_apart() -> None:
    text = advice.refusal(PROD_WRITE, Decision(allowed=False, reason=ELSEWHERE), "httpx", "(A fact.)\nDo this.")
    assert f"Why: {advice.WHY[ELSEWHERE]} (A fact.)\nDo this.\n" in text

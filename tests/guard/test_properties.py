"""Properties: nothing raises, and whatever is allowed to the sandbox leads nowhere else, for any reader of the path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from plane_guard import DEFAULT_HOSTS, Op, PlaneWrite, Reason, Settings, cache, classify, decide
from plane_guard.keys import is_project_key
from plane_guard.paths import might_be_plane
from tests.guard.hostile import REQUESTS, Hostile, path_of, projects_picked
from tests.guard.plane import PROD, SANDBOX, WRITING

if TYPE_CHECKING:
    from collections.abc import Collection

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
profile = settings(
    max_examples=100_000 if THOROUGH else 300,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.text(),
    st.binary(),
    st.none() | st.booleans() | st.integers() | st.floats(),
    st.sampled_from([SANDBOX, f"{SANDBOX}\n", Op.UPDATE, object(), ..., iter(()), ValueError("x"), WRITING]),
    st.recursive(
        st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=4
    ),
)
PAIRS = st.lists(st.tuples(st.sampled_from(["Host", "host", b"Content-Type", "x-original-url"]) | st.text(), ANYTHING))


@profile
@given(parts=st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING, PAIRS | ANYTHING, ANYTHING))
def test_classify_answers_whatever_it_is_given(parts: tuple[Any, ...]) -> None:
    method, url, body, content_type, headers, hosts = parts
    for address in (url, f"https://h/api/v1/workspaces/a/projects/{SANDBOX}/work-items/{url}"):
        write = classify(method, address, body, content_type, headers=headers, hosts=hosts)
        assert isinstance(write, (PlaneWrite, type(None)))


@profile
@given(project=ANYTHING, op=ANYTHING | st.sampled_from(Op), item=ANYTHING, chosen=ANYTHING, in_test=ANYTHING)
def test_decide_answers_whatever_it_is_given_and_allows_only_the_sandbox(
    project: Any, op: Any, item: Any, chosen: Any, in_test: Any
) -> None:
    decision = decide(project, op, item, settings=WRITING, in_test=in_test)
    assert decision.reason in Reason
    assert decision.allowed in {False, in_test is False or project == SANDBOX}
    assert isinstance(decide(project, op, item, settings=chosen, in_test=in_test).allowed, bool)


@profile
@given(opt_in=ANYTHING, allowed=ANYTHING, protected=ANYTHING, hosts=ANYTHING)
def test_settings_hold_only_what_is_well_formed(opt_in: Any, allowed: Any, protected: Any, hosts: Any) -> None:
    table = {"sandbox_projects": allowed, "protected_projects": protected, "hosts": hosts}
    environ = {"PLANE_TEST_WRITE_ENABLED": opt_in} if isinstance(opt_in, str) else {}
    for found in (Settings.from_environ(environ, table), Settings(opt_in, allowed, protected, hosts)):
        assert all(map(is_project_key, found.sandbox_projects | found.protected_projects))
        assert all(key.lower() in str(allowed).lower() for key in found.sandbox_projects)
        assert (type(found.write_enabled), type(found.protection_known)) == (bool, bool)


@profile
@given(request=REQUESTS)
def test_what_is_allowed_leads_to_the_sandbox_for_every_reader(request: Hostile) -> None:
    write = classify(request.method, request.url, request.body, headers=request.headers)
    picked = set(projects_picked(path_of(request.url)).values())
    if picked and request.method != "GET":
        assert write is not None
        assert set(filter(is_project_key, picked)) <= {write.project_id, *write.projects}
    if write is None:
        event("no write")
        return
    assert might_be_plane(path_of(request.url).encode())
    allowed = decide(write.project_id, write.op, settings=WRITING, in_test=True).allowed
    event(f"allowed: {allowed}, to be proven: {bool(write.references or write.unprovable)}")
    assert not allowed or picked <= {SANDBOX}


@profile
@given(first=REQUESTS, second=REQUESTS, hosts=st.sampled_from([DEFAULT_HOSTS, frozenset(), {"localhost", "plane"}]))
def test_what_was_said_of_one_request_changes_nothing_for_another(
    first: Hostile, second: Hostile, hosts: Collection[str]
) -> None:
    second = second._replace(url=first.url)

    def asked(request: Hostile, hosts: Collection[str] = DEFAULT_HOSTS) -> PlaneWrite | None:
        return classify(request.method, request.url, request.body, headers=request.headers, hosts=hosts)

    cache.forget()
    alone = asked(second, hosts)
    cache.forget()
    asked(first)
    asked(first, hosts)
    asked(second)
    assert asked(second, hosts) == alone


DISAGREEMENTS = {
    f"/api/v1/workspaces/acme/projects/{SANDBOX}/../{PROD}/labels/": {SANDBOX, PROD},
    f"/api/v1/workspaces/acme/projects/{SANDBOX}%2f..%2F{PROD}/": {SANDBOX, PROD},
    f"/api/v1/workspaces/acme/projects/%25{ord(PROD[0]):x}{PROD[1:]}/": {PROD},
    f"/api/workspaces/acme/projects/{PROD};/": {PROD},
    f"/base/api/assets/v2/workspaces/acme/projects/{PROD}/": {PROD},
    "/api/v2/workspaces/acme/projects/ORCH/": {"acme/ORCH"},
    "/api/v1/workspaces/acme/projects/ORCH/": set(),
    f"/api/v1/workspaces/acme/projects/{PROD.upper()}/": set(),
}


@pytest.mark.parametrize(("path", "projects"), DISAGREEMENTS.items(), ids=DISAGREEMENTS.keys())
def test_the_readers_of_these_tests_disagree_as_real_ones_do(path: str, projects: set[str]) -> None:
    assert set(projects_picked(path).values()) == projects

"""Who emits, in OpenTelemetry's names: CI systems, git, what the user adds, and the trace that a job is a part of."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.evidence import traces
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import checkout as _checkout
from plane_guard_instrumentation.evidence import ci, resource, sanitize, trace_context

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Child

SHA = "0123456789abcdef0123456789abcdef01234567"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKFLOW": "CI",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_NUMBER": "7",
    "GITHUB_JOB": "test",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/tracker",
    "GITHUB_REPOSITORY_OWNER": "acme",
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_REF_NAME": "12/merge",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_HEAD_REF": "feature/x",
    "GITHUB_BASE_REF": "main",
    "GITHUB_SHA": SHA,
    "RUNNER_NAME": "runner-1",
    "GITHUB_ACTOR": "ada",
    "GITHUB_TRIGGERING_ACTOR": "grace",
}
ON_GITHUB = {
    "cicd.pipeline.name": "CI",
    "cicd.pipeline.run.id": "42",
    "cicd.pipeline.run.url.full": "https://github.com/acme/tracker/actions/runs/42",
    "cicd.pipeline.task.name": "test",
    "cicd.worker.name": "runner-1",
    "user.name": "grace",
    "vcs.change.id": "12",
    "vcs.owner.name": "acme",
    "vcs.provider.name": "github",
    "vcs.ref.base.name": "main",
    "vcs.ref.head.name": "feature/x",
    "vcs.ref.head.revision": SHA,
    "vcs.ref.head.type": "branch",
    "vcs.repository.name": "tracker",
    "vcs.repository.url.full": "https://github.com/acme/tracker",
}
ON_GITEA = ON_GITHUB | {"cicd.pipeline.run.url.full": "https://github.com/acme/tracker/actions/runs/7"}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_NAME": "nightly",
    "CI_PIPELINE_ID": "99",
    "CI_PIPELINE_URL": "https://gitlab.example/acme/tracker/-/pipelines/99",
    "CI_JOB_NAME": "pytest",
    "CI_JOB_ID": "1001",
    "CI_JOB_URL": "https://gitlab.example/acme/tracker/-/jobs/1001",
    "CI_RUNNER_ID": "5",
    "CI_RUNNER_DESCRIPTION": "shared-5",
    "GITLAB_USER_LOGIN": "ada",
    "CI_PROJECT_NAME": "tracker",
    "CI_PROJECT_NAMESPACE": "acme",
    "CI_PROJECT_URL": "https://gitlab.example/acme/tracker",
    "CI_COMMIT_REF_NAME": "v1.2",
    "CI_COMMIT_TAG": "v1.2",
    "CI_COMMIT_SHA": SHA,
    "CI_MERGE_REQUEST_IID": "3",
}
ON_GITLAB = {
    "cicd.pipeline.name": "nightly",
    "cicd.pipeline.run.id": "99",
    "cicd.pipeline.run.url.full": "https://gitlab.example/acme/tracker/-/pipelines/99",
    "cicd.pipeline.task.name": "pytest",
    "cicd.pipeline.task.run.id": "1001",
    "cicd.pipeline.task.run.url.full": "https://gitlab.example/acme/tracker/-/jobs/1001",
    "cicd.worker.id": "5",
    "cicd.worker.name": "shared-5",
    "user.name": "ada",
    "vcs.change.id": "3",
    "vcs.owner.name": "acme",
    "vcs.provider.name": "gitlab",
    "vcs.ref.head.name": "v1.2",
    "vcs.ref.head.revision": SHA,
    "vcs.ref.head.type": "tag",
    "vcs.repository.name": "tracker",
    "vcs.repository.url.full": "https://gitlab.example/acme/tracker",
}
JENKINS = {
    "JENKINS_URL": "https://ci.example/",
    "JOB_NAME": "tracker/main",
    "BUILD_ID": "77",
    "BUILD_URL": "https://ci.example/job/tracker/77/",
    "STAGE_NAME": "Test",
    "NODE_NAME": "agent-2",
    "CHANGE_AUTHOR": "ada",
    "GIT_URL": "git@github.com:acme/tracker.git",
    "GIT_BRANCH": "origin/main",
    "GIT_COMMIT": SHA,
    "CHANGE_ID": "8",
    "CHANGE_TARGET": "main",
}
ON_JENKINS = {
    "cicd.pipeline.name": "tracker/main",
    "cicd.pipeline.run.id": "77",
    "cicd.pipeline.run.url.full": "https://ci.example/job/tracker/77/",
    "cicd.pipeline.task.name": "Test",
    "cicd.worker.name": "agent-2",
    "user.name": "ada",
    "vcs.change.id": "8",
    "vcs.provider.name": "github",
    "vcs.ref.base.name": "main",
    "vcs.ref.head.name": "main",
    "vcs.ref.head.revision": SHA,
    "vcs.ref.head.type": "branch",
    "vcs.repository.url.full": "https://github.com/acme/tracker",
}
SYSTEMS = {
    "GitHub": (GITHUB, ON_GITHUB),
    "Gitea": (GITHUB | {"GITEA_ACTIONS": "true"}, ON_GITEA | {"vcs.provider.name": "gitea"}),
    "Forgejo": (GITHUB | {"FORGEJO_ACTIONS": "true"}, ON_GITEA | {"vcs.provider.name": "forgejo"}),
    "GitLab": (GITLAB, ON_GITLAB),
    "Jenkins": (JENKINS, ON_JENKINS),
}


@pytest.mark.parametrize(("environment", "expected"), SYSTEMS.values(), ids=SYSTEMS.keys())
def test_a_ci_system_is_told_in_opentelemetrys_names(
    tmp_path: Path, environment: dict[str, str], expected: dict[str, str]
) -> None:
    assert resource.context(environment, str(tmp_path)) == expected


@pytest.mark.parametrize(
    ("environment", "agent"),
    [
        ({"CLAUDECODE": "1"}, "claude-code"),
        ({"CODEX_SANDBOX": "seatbelt"}, "codex"),
        ({"CODEX_THREAD_ID": "7"}, "codex"),
        ({"CURSOR_AGENT": "1"}, "cursor"),
        ({"GEMINI_CLI": "1"}, "gemini-cli"),
        ({"AI_AGENT": "devin@1", "CLAUDECODE": "1"}, "devin@1"),
        ({"CLAUDECODE": ""}, None),
    ],
)
def test_a_coding_agent_is_named_beside_the_ci_system(
    tmp_path: Path, environment: dict[str, str], agent: str | None
) -> None:
    found = resource.context(GITHUB | environment, str(tmp_path))
    assert (found.pop(names.AGENT, None), found) == (agent, ON_GITHUB)


@pytest.mark.parametrize("system", ci.SYSTEMS, ids=lambda system: system.marker)
def test_every_name_of_a_ci_table_may_be_emitted(system: ci.System) -> None:
    assert [name for name in system.table if name not in names.RESOURCE_KINDS] == []


def test_the_tables_are_loaded_for_every_ci_system_that_they_know() -> None:
    assert tuple(system.marker for system in ci.SYSTEMS) == resource.CI_MARKERS


def test_a_push_is_no_change_and_half_an_address_is_none() -> None:
    environment = GITHUB | {"GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "main"}
    del environment["GITHUB_SERVER_URL"]
    found = ci.attributes(environment)

    assert found["vcs.ref.head.name"] == "main"
    assert found.keys().isdisjoint({"vcs.change.id", "vcs.repository.url.full", "cicd.pipeline.run.url.full"})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with one commit on a branch, whose origin carries a credential."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    for command in (
        ("init", "-q", "-b", "fix/ORCH-114"),
        ("remote", "add", "origin", "https://bot:hunter2hunter2@github.com/acme/tracker.git"),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"),
    ):
        subprocess.run([git, *command], cwd=tmp_path, check=True)
    return tmp_path


def git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_tells_branch_revision_and_origin(checkout: Path) -> None:
    inside = checkout / "deep" / "inside"
    inside.mkdir(parents=True)

    assert resource.context({}, str(inside)) == {
        "vcs.repository.name": checkout.name,
        "vcs.ref.head.name": "fix/ORCH-114",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": git(checkout, "rev-parse", "HEAD"),
        "vcs.repository.url.full": "https://github.com/acme/tracker",
        "vcs.provider.name": "github",
    }


def test_a_worktree_a_packed_branch_and_a_detached_head_are_read_too(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    git(checkout, "worktree", "add", "-q", "-b", "other", str(checkout / "tree"))
    git(checkout, "pack-refs", "--all")
    worktree = _checkout.attributes(str(checkout / "tree"))
    git(checkout, "checkout", "-q", "--detach")

    assert (worktree["vcs.ref.head.name"], worktree["vcs.ref.head.revision"]) == ("other", head)
    assert worktree["vcs.repository.url.full"].endswith("/acme/tracker")
    assert _checkout.attributes(str(checkout))["vcs.ref.head.revision"] == head
    assert "vcs.ref.head.name" not in _checkout.attributes(str(checkout))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@github.com:acme/tracker.git", "https://github.com/acme/tracker"),
        ("ssh://git@git.example:2222/acme/tracker.git", "https://git.example/acme/tracker"),
        ("https://github.com/acme/tracker.git", "https://github.com/acme/tracker"),
        ("/srv/git/tracker.git", ""),
        ("../tracker", ""),
        ("file:///srv/git/tracker", ""),
    ],
)
def test_an_origin_has_one_address_whatever_way_git_takes(url: str, expected: str) -> None:
    assert _checkout.web_form(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:secret@host:8443/a/b?token=x#y", "https://host:8443/a/b"),
        ("https://host", "https://host"),
        ("https://a@b@host/x", "https://host/x"),
        ("ftp://host/x", None),
        ("https:///x", None),
        ("", None),
        (None, None),
    ],
)
def test_a_web_address_keeps_nothing_that_could_be_a_credential(url: str | None, expected: str | None) -> None:
    assert sanitize.web_address(url) == expected


def test_what_the_user_adds_counts_but_nothing_of_ours_is_taken_from_there(tmp_path: Path) -> None:
    ours = resource.of_this_process()
    added = (
        "service.name=tracker,deployment.environment.name=ci%20east,vcs.ref.head.name=mine,broken,"
        "plane_guard.run.id=forged,plane_guard.version=9,process.pid=1,secret.thing=x,test.case.name=forged"
    )
    found = resource.attributes({"OTEL_RESOURCE_ATTRIBUTES": added}, str(tmp_path))

    assert found["service.name"] == "tracker"
    assert found["deployment.environment.name"] == "ci east"
    assert found["vcs.ref.head.name"] == "mine"
    assert {name: found[name] for name in (names.RUN_ID, names.VERSION, names.PID)} == {
        name: ours[name] for name in (names.RUN_ID, names.VERSION, names.PID)
    }
    assert found.keys().isdisjoint({"secret.thing", "test.case.name"})


def test_the_service_name_variable_comes_first(tmp_path: Path) -> None:
    environment = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=one", "OTEL_SERVICE_NAME": "two"}

    assert resource.attributes(environment, str(tmp_path))["service.name"] == "two"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_decisions_and_sessions_are_children_of_the_jobs_span(child: Child, flags: str) -> None:
    child.write("test_it.py", ATTEMPT)
    child.pytest(TRACEPARENT=f"00-{TRACE}-{SPAN}-{flags}", TRACESTATE="vendor=a,other=b")

    [row] = child.decisions()
    [session] = child.sessions()
    assert (row.trace_id, row.parent_span_id) == (TRACE, SPAN)
    assert (session.trace_id, session.parent_span_id) == (TRACE, SPAN)
    [file] = (child.folder / ".plane-guard").glob("*.jsonl")
    lines = file.read_text().splitlines()
    assert len(re.findall('"traceState":"vendor=a,other=b"', "".join(lines))) == len(lines)


def test_the_current_span_is_nearer_than_the_jobs(child: Child) -> None:
    code = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
    def test_in_a_span():
        with trace.get_tracer("t").start_as_current_span("s") as span:
            test_it()
        print("SPAN", format(span.get_span_context().span_id, "016x"))
    """
    from textwrap import dedent

    child.write("test_it.py", ATTEMPT + dedent(code))
    result = child.pytest("-s", "-k", "in_a_span", TRACEPARENT=f"00-{TRACE}-{SPAN}-01")

    [row] = child.decisions()
    assert f"SPAN {row.parent_span_id}" in result.stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_a_malformed_parent_is_none(text: str) -> None:
    assert trace_context.read({"TRACEPARENT": text}) is None


def test_a_parent_of_a_later_version_and_a_malformed_state_are_read_as_far_as_known() -> None:
    found = trace_context.read({"TRACEPARENT": f"01-{TRACE}-{SPAN}-01-more", "TRACESTATE": "no equals sign"})

    assert found is not None
    assert (found.trace_id, found.span_id, found.flags, found.state) == (TRACE, SPAN, 1, "")


def test_the_reader_shows_where_a_decision_comes_from(child: Child) -> None:
    child.write("test_it.py", ATTEMPT)
    child.pytest(**GITHUB)

    [row] = traces.read(child.folder / ".plane-guard").decisions
    assert row.context.items() >= ON_GITHUB.items()


ATTEMPT = """
import os, httpx, pytest
def test_it():
    with pytest.raises(RuntimeError):
        httpx.post(f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/a/projects/{os.environ["PLANE_PROJECT"]}/labels/')
"""

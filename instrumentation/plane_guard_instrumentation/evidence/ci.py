"""Pipeline, job and repository as CI systems describe them in variables: one table per system.

A source is the name of a variable, or a template such as ``{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}``, which counts if
all its variables are set. The first source with a value wins.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

# Compiled in CI only.
_VARIABLE = r"\{(\w+)\}"
_CHANGE = r"refs/(?:pull|merge-requests)/(?P<id>[0-9]+)/.*"
_BRANCH, _TAG = "branch", "tag"


class System(NamedTuple):
    """One CI system: the variable that only it sets, its ``vcs.provider.name`` (if it has one) and its table."""

    marker: str
    provider: str
    table: Mapping[str, tuple[str, ...]]


_ACTIONS = {
    "cicd.pipeline.name": ("GITHUB_WORKFLOW",),
    "cicd.pipeline.run.id": ("GITHUB_RUN_ID",),
    "cicd.pipeline.run.url.full": ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",),
    "cicd.pipeline.task.name": ("GITHUB_JOB",),
    "cicd.worker.name": ("RUNNER_NAME",),
    "user.name": ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"),
    "vcs.owner.name": ("GITHUB_REPOSITORY_OWNER",),
    "vcs.repository.name": ("GITHUB_REPOSITORY",),
    "vcs.repository.url.full": ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",),
    "vcs.ref.base.name": ("GITHUB_BASE_REF",),
    "vcs.ref.head.name": ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
    "vcs.ref.head.revision": ("GITHUB_SHA",),
    "vcs.ref.head.type": ("GITHUB_REF_TYPE",),
    "vcs.change.id": ("GITHUB_REF",),
}
# Gitea and Forgejo use the names of GitHub, but their addresses contain the number of a run instead of its id.
_GITEA = _ACTIONS | {
    "cicd.pipeline.run.url.full": ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}",)
}
_GITLAB = {
    "cicd.pipeline.name": ("CI_PIPELINE_NAME", "CI_PROJECT_PATH"),
    "cicd.pipeline.run.id": ("CI_PIPELINE_ID",),
    "cicd.pipeline.run.url.full": ("CI_PIPELINE_URL",),
    "cicd.pipeline.task.name": ("CI_JOB_NAME",),
    "cicd.pipeline.task.run.id": ("CI_JOB_ID",),
    "cicd.pipeline.task.run.url.full": ("CI_JOB_URL",),
    "cicd.worker.id": ("CI_RUNNER_ID",),
    "cicd.worker.name": ("CI_RUNNER_DESCRIPTION",),
    "user.name": ("GITLAB_USER_LOGIN",),
    "vcs.owner.name": ("CI_PROJECT_NAMESPACE",),
    "vcs.repository.name": ("CI_PROJECT_NAME",),
    "vcs.repository.url.full": ("CI_PROJECT_URL",),
    "vcs.ref.base.name": ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME",),
    "vcs.ref.head.name": ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"),
    "vcs.ref.head.revision": ("CI_COMMIT_SHA",),
    "vcs.change.id": ("CI_MERGE_REQUEST_IID",),
}
_JENKINS = {
    "cicd.pipeline.name": ("JOB_NAME",),
    "cicd.pipeline.run.id": ("BUILD_ID", "BUILD_NUMBER"),
    "cicd.pipeline.run.url.full": ("BUILD_URL",),
    "cicd.pipeline.task.name": ("STAGE_NAME",),
    "cicd.worker.name": ("NODE_NAME",),
    "user.name": ("CHANGE_AUTHOR", "BUILD_USER_ID"),
    "vcs.repository.url.full": ("GIT_URL", "GIT_URL_1"),
    "vcs.ref.base.name": ("CHANGE_TARGET",),
    "vcs.ref.head.name": ("CHANGE_BRANCH", "TAG_NAME", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"),
    "vcs.ref.head.revision": ("GIT_COMMIT",),
    "vcs.change.id": ("CHANGE_ID",),
}
SYSTEMS = (
    System("FORGEJO_ACTIONS", "forgejo", _GITEA),
    System("GITEA_ACTIONS", "gitea", _GITEA),
    System("GITHUB_ACTIONS", "github", _ACTIONS),
    System("GITLAB_CI", "gitlab", _GITLAB),
    System("JENKINS_URL", "", _JENKINS),
)


def attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of the CI system that set these variables; empty outside of CI."""
    system = next((system for system in SYSTEMS if environ.get(system.marker)), None)
    if system is None:
        return {}
    found = {name: value for name, sources in system.table.items() if (value := _first(sources, environ))}
    if system.provider:
        found["vcs.provider.name"] = system.provider
    return _normalized(found, environ)


def _normalized(found: dict[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes without prefixes such as ``refs/heads/`` or the owner of the repository."""
    if "/" in found.get("vcs.repository.name", ""):
        found["vcs.repository.name"] = found["vcs.repository.name"].rpartition("/")[2]
    if not environ.get("CHANGE_ID") and found.get("vcs.change.id", "").startswith("refs/"):
        change = re.fullmatch(_CHANGE, found.pop("vcs.change.id"))
        found |= {"vcs.change.id": change["id"]} if change else {}
    if "vcs.ref.head.name" in found:
        found["vcs.ref.head.name"] = found["vcs.ref.head.name"].removeprefix("origin/")
        is_tag = bool(environ.get("CI_COMMIT_TAG") or environ.get("TAG_NAME"))
        found["vcs.ref.head.type"] = _TAG if is_tag or found.get("vcs.ref.head.type") == _TAG else _BRANCH
    return found


def _first(sources: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next(filter(None, (_value(source, environ) for source in sources)), "")


def _value(source: str, environ: Mapping[str, str]) -> str:
    needed = re.findall(_VARIABLE, source)
    if not needed:
        return environ.get(source, "").strip()
    if not all(environ.get(name) for name in needed):
        return ""
    return re.sub(_VARIABLE, lambda match: environ[match[1]].strip().rstrip("/"), source)

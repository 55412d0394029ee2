"""Who emits: resource attributes by OpenTelemetry's semantic conventions, read without starting a process."""

from __future__ import annotations

import os
from pathlib import Path

from plane_guard_instrumentation import _attributes as names
from plane_guard_instrumentation import _floor, _redact

_DEFAULT_SERVICE = "plane-guard"
_MOST_FOLDERS = 40
# attribute: the first of these variables that is set (GitHub Actions and its relatives, then GitLab CI)
_FROM_ENVIRONMENT = {
    "cicd.pipeline.name": ("GITHUB_WORKFLOW", "CI_PIPELINE_NAME"),
    "cicd.pipeline.run.id": ("GITHUB_RUN_ID", "CI_PIPELINE_ID"),
    "cicd.pipeline.task.name": ("GITHUB_JOB", "CI_JOB_NAME"),
    "cicd.pipeline.run.url.full": ("CI_PIPELINE_URL",),
    "vcs.ref.head.name": ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"),
    "vcs.ref.head.revision": ("GITHUB_SHA", "CI_COMMIT_SHA"),
    "vcs.change.id": ("CI_MERGE_REQUEST_IID",),
}


def version() -> str:
    """The installed version of plane-guard."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("plane-guard")
    except PackageNotFoundError:
        return "0+unknown"


def host_name() -> str:
    """This machine's name."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "host")


def attributes() -> dict[str, str | int]:
    """The resource of everything that this process emits."""
    found: dict[str, str | int | None] = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or _DEFAULT_SERVICE,
        names.VERSION: version(),
        names.RUN_ID: _floor.start().run_id,
        "process.pid": os.getpid(),
        "process.parent_pid": os.getppid(),
        "host.name": host_name(),
        names.WORKER: os.environ.get("PYTEST_XDIST_WORKER"),
        **_checkout(),
        **{
            name: next(filter(None, map(os.environ.get, sources)), None)
            for name, sources in _FROM_ENVIRONMENT.items()
            if any(map(os.environ.get, sources))
        },
    }
    return {name: _redact.clean(value) if isinstance(value, str) else value for name, value in found.items() if value}


def _checkout() -> dict[str, str | int | None]:
    """Branch, revision and folder of the git checkout or worktree that the process works in."""
    try:
        here = Path.cwd()
        for folder in (here, *list(here.parents)[:_MOST_FOLDERS]):
            git = folder / ".git"
            if git.exists():
                return {"vcs.repository.name": folder.name, **_head(git)}
    except (OSError, ValueError):
        pass
    return {}


def _head(git: Path) -> dict[str, str | int | None]:
    if git.is_file():
        git = (git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return {"vcs.ref.head.revision": head}
    reference = head.removeprefix("ref:").strip()
    common = git / "commondir"
    store = (git / common.read_text(encoding="utf-8").strip()) if common.exists() else git
    loose = store / reference
    found: dict[str, str | int | None] = {"vcs.ref.head.name": reference.removeprefix("refs/heads/")}
    if loose.exists():
        found["vcs.ref.head.revision"] = loose.read_text(encoding="utf-8").strip()
    return found

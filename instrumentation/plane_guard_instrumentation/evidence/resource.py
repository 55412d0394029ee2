"""The resource of everything that this process emits, by OpenTelemetry's semantic conventions.

It is read from the environment and the working directory that the process started with, because a test may have
changed both since. No process is started for it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from plane_guard.version import __version__
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import redaction, sanitize
from plane_guard_instrumentation.evidence.system import SYSTEM
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation.evidence.sanitize import Attributes

_DEFAULT_SERVICE = "plane-guard"
_SERVICE_VARIABLE = "OTEL_SERVICE_NAME"
_ATTRIBUTES_VARIABLE = "OTEL_RESOURCE_ATTRIBUTES"
_WORKER_VARIABLE = "PYTEST_XDIST_WORKER"
# Set by launchers and conftests after the interpreter started.
_READ_NOW = (_SERVICE_VARIABLE, _ATTRIBUTES_VARIABLE, _WORKER_VARIABLE)
_REPOSITORY = "vcs.repository.url.full"
_PROVIDER = "vcs.provider.name"
_PROVIDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket")
# The markers of `ci.SYSTEMS`. Its tables are imported in CI only, and `checkout` in a checkout only.
CI_MARKERS = ("FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL")
# The variables that coding agents set for what they start, and the agent of each; empty if the value names it.
_AGENTS = {
    "AI_AGENT": "",
    "CLAUDECODE": "claude-code",
    "CODEX_SANDBOX": "codex",
    "CODEX_THREAD_ID": "codex",
    "CURSOR_AGENT": "cursor",
    "GEMINI_CLI": "gemini-cli",
}
_HOST = r"https?://(?:[^/]*@)?(?P<name>[^/:]+)"  # compiled if there is a repository


class _State:
    def __init__(self) -> None:
        self.resources: dict[int, Attributes] = {}


_state = _State()


def version() -> str:
    """Return the version of plane-guard."""
    return __version__


def host_name() -> str:
    """Return this machine's name."""
    return SYSTEM.host_name


def of_this_process() -> Attributes:
    """Return the resource of this process, read once. A forked child reads its own."""
    pid = SYSTEM.getpid()
    found = _state.resources.get(pid)
    return found if found is not None else _state.resources.setdefault(pid, attributes(_environ()))


def _environ() -> dict[str, str]:
    return SYSTEM.environ | {name: value for name in _READ_NOW if (value := os.environ.get(name))}


def attributes(environ: Mapping[str, str], folder: str = "") -> Attributes:
    """Return the resource that these variables and this folder, or the one at the start, describe."""
    added = from_user(environ)
    found: dict[str, object] = {
        **context(environ, folder),
        **added,
        names.SERVICE: environ.get(_SERVICE_VARIABLE) or added.get(names.SERVICE) or _DEFAULT_SERVICE,
        names.HOST: added.get(names.HOST) or host_name(),
        names.VERSION: version(),
        names.RUN_ID: run.current().run_id,
        names.PID: SYSTEM.getpid(),
        names.PARENT_PID: SYSTEM.getppid(),
        names.WORKER: environ.get(_WORKER_VARIABLE),
    }
    return sanitize.sanitize(found, redaction.of_environment())


def context(environ: Mapping[str, str], folder: str = "") -> Attributes:
    """Return repository, branch, pipeline and agent. What the CI system says takes precedence over the checkout."""
    found = _of_checkout(folder or SYSTEM.folder) | _of_ci(environ)
    if _REPOSITORY in found:
        found |= _of_repository(found[_REPOSITORY], found.get(_PROVIDER))
    agent = next((agent or environ[name] for name, agent in _AGENTS.items() if environ.get(name)), None)
    return sanitize.sanitize({**found, names.AGENT: agent}, redaction.of_environment())


def top_of_checkout(start: str) -> str:
    """Return the top folder of the git checkout or worktree around a folder, or an empty string."""
    folder = start
    while not SYSTEM.exists(f"{folder.rstrip(SYSTEM.sep)}{SYSTEM.sep}.git"):
        folder = folder.rstrip(SYSTEM.sep).rpartition(SYSTEM.sep)[0]
        if not folder:
            return ""
    return folder


def _of_checkout(start: str) -> dict[str, str]:
    folder = top_of_checkout(start)
    if not folder:
        return {}
    from plane_guard_instrumentation.evidence import checkout

    return checkout.attributes(folder)


def _of_ci(environ: Mapping[str, str]) -> dict[str, str]:
    if not any(map(environ.get, CI_MARKERS)):
        return {}
    from plane_guard_instrumentation.evidence import ci

    return ci.attributes(environ)


def _of_repository(url: str, provider: str | None) -> dict[str, str]:
    from plane_guard_instrumentation.evidence import checkout

    address = checkout.web_form(url)
    host = re.match(_HOST, address)
    known = next((name for name in _PROVIDERS if host and name in host["name"].split(".")), "")
    return {_REPOSITORY: address, _PROVIDER: provider or known}


def from_user(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what ``OTEL_RESOURCE_ATTRIBUTES`` adds under the prefixes that may be added to."""
    text = environ.get(_ATTRIBUTES_VARIABLE, "")
    if not text:
        return {}
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in text.split(","))
    found = {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals}
    return {name: value for name, value in found.items() if name.startswith(names.EMITTED_UNDER)}

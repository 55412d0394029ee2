"""Who emits: resource attributes by OpenTelemetry's semantic conventions, read without starting a process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard.version import __version__
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import redaction, sanitize
from plane_guard_instrumentation.runtime import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation.evidence.sanitize import Attributes

_DEFAULT_SERVICE = "plane-guard"
_USERS_VARIABLE = "OTEL_RESOURCE_ATTRIBUTES"
_REPOSITORY = "vcs.repository.url.full"
_PROVIDER = "vcs.provider.name"
_PROVIDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket")
# The markers of `_ci.SYSTEMS`, whose tables are loaded in CI only; so is what reads a checkout, in a checkout.
CI_MARKERS = ("FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL")
_HOST = r"https?://(?:[^/]*@)?(?P<name>[^/:]+)"  # compiled where there is a repository


def version() -> str:
    """The version of plane-guard."""
    return __version__


def host_name() -> str:
    """This machine's name."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "host")


def attributes() -> Attributes:
    """The resource of everything that this process emits."""
    users = from_user(os.environ)
    found: dict[str, object] = {
        **context(),
        **users,
        names.SERVICE: os.environ.get("OTEL_SERVICE_NAME") or users.get(names.SERVICE) or _DEFAULT_SERVICE,
        names.HOST: users.get(names.HOST) or host_name(),
        names.VERSION: version(),
        names.RUN_ID: environment.start().run_id,
        names.PID: os.getpid(),
        names.PARENT_PID: os.getppid(),
        names.WORKER: os.environ.get("PYTEST_XDIST_WORKER"),
    }
    return sanitize.permitted(found, redaction.of_environment())


def context() -> Attributes:
    """Repository, branch and pipeline: what git says, and over it what the CI system says."""
    found = _of_checkout() | _of_ci()
    if _REPOSITORY in found:
        found |= _of_repository(found[_REPOSITORY], found.get(_PROVIDER))
    return sanitize.permitted(found, redaction.of_environment())


def _of_checkout() -> dict[str, str]:
    here = folder = _here()
    while not os.path.exists(os.path.join(folder, ".git")):
        below, folder = folder, os.path.dirname(folder)
        if folder == below:
            return {}
    from plane_guard_instrumentation.evidence import checkout

    return checkout.attributes(Path(here))


def _of_ci() -> dict[str, str]:
    if not any(map(os.environ.get, CI_MARKERS)):
        return {}
    from plane_guard_instrumentation.evidence import ci

    return ci.attributes(os.environ)


def _of_repository(url: str, provider: str | None) -> dict[str, str]:
    from plane_guard_instrumentation.evidence import checkout

    address = checkout.web_form(url)
    host = re.match(_HOST, address)
    known = next((name for name in _PROVIDERS if host and name in host["name"].split(".")), "")
    return {_REPOSITORY: address, _PROVIDER: provider or known}


def from_user(environ: Mapping[str, str]) -> dict[str, str]:
    """What ``OTEL_RESOURCE_ATTRIBUTES`` adds under OpenTelemetry's names for who and where."""
    text = environ.get(_USERS_VARIABLE, "")
    if not text:
        return {}
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in text.split(","))
    found = {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals}
    return {name: value for name, value in found.items() if name.startswith(names.EMITTED_UNDER)}


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep

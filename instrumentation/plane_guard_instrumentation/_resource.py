"""Who emits: resource attributes by OpenTelemetry's semantic conventions, read without starting a process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard._version import __version__
from plane_guard_instrumentation import _allowed, _checkout, _ci, _floor, _redact
from plane_guard_instrumentation import _attributes as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_instrumentation._allowed import Attributes

_DEFAULT_SERVICE = "plane-guard"
_USERS_VARIABLE = "OTEL_RESOURCE_ATTRIBUTES"
_REPOSITORY = "vcs.repository.url.full"
_PROVIDER = "vcs.provider.name"
_PROVIDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket")
_HOST = re.compile(r"https?://(?:[^/]*@)?(?P<name>[^/:]+)")


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
        names.RUN_ID: _floor.start().run_id,
        names.PID: os.getpid(),
        names.PARENT_PID: os.getppid(),
        names.WORKER: os.environ.get("PYTEST_XDIST_WORKER"),
    }
    return _allowed.permitted(found, _redact.of_environment())


def context() -> Attributes:
    """Repository, branch and pipeline: what git says, and over it what the CI system says."""
    found = _checkout.attributes(_here()) | _ci.attributes(os.environ)
    repository = _checkout.web_form(found.get(_REPOSITORY, ""))
    host = _HOST.match(repository)
    provider = next((name for name in _PROVIDERS if host and name in host["name"].split(".")), None)
    derived = {_REPOSITORY: repository, _PROVIDER: found.get(_PROVIDER) or provider}
    return _allowed.permitted({**found, **derived}, _redact.of_environment())


def from_user(environ: Mapping[str, str]) -> dict[str, str]:
    """What ``OTEL_RESOURCE_ATTRIBUTES`` adds under OpenTelemetry's names for who and where."""
    text = environ.get(_USERS_VARIABLE, "")
    if not text:
        return {}
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in text.split(","))
    found = {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals}
    return {name: value for name, value in found.items() if name.startswith(names.EMITTED_UNDER)}


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:
        return Path(os.sep)

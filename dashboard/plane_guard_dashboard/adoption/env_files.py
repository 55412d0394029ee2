"""Facts about Plane in the `.env` files of a project. Values of tokens are never kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard import DEFAULT_HOSTS
from plane_guard.hosts import client_hosts, is_loopback
from plane_guard.keys import is_project_key

if TYPE_CHECKING:
    from plane_guard_dashboard.adoption.draft import Draft

PATTERNS = (".env", ".env.*", "*.env", "config/.env*", "docker/.env*")
_LINE = re.compile(
    r"^\s*(?:export\s+)?(?P<name>[A-Z][A-Z0-9_]*)\s*=\s*(?P<quote>['\"]?)(?P<value>[^'\"#\s]*)(?P=quote)", re.MULTILINE
)


@dataclass(slots=True)
class Facts:
    """Project keys and hosts by the file and variable that name them."""

    sandboxes: dict[str, str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)


def facts(draft: Draft) -> Facts:
    """Return what the `.env` files say. A project counts as a sandbox only if its variable is called one."""
    found = Facts()
    for file in draft.find(*PATTERNS):
        for match in _LINE.finditer(draft.read(file) or ""):
            _note(found, match["name"], match["value"], f"{match['name']} in {file}")
    for key in found.sandboxes:
        found.projects.pop(key, None)
    return found


def _note(found: Facts, name: str, value: str, origin: str) -> None:
    if "SANDBOX" in name:
        found.sandboxes.update({key: origin for key in value.split(",") if is_project_key(key)})
    elif "PLANE" in name and "PROJECT" in name:
        found.projects.update({key: origin for key in value.split(",") if is_project_key(key)})
    for host in client_hosts({name: value}) - DEFAULT_HOSTS:
        if not is_loopback(host.partition(":")[0]):
            found.hosts.setdefault(host, origin)

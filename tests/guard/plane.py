"""The two projects of these tests, and short ways to speak of writes to them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from plane_guard import DEFAULT_SANDBOX_PROJECT, PlaneWrite, Settings, classify

if TYPE_CHECKING:
    from collections.abc import Iterable

SANDBOX = DEFAULT_SANDBOX_PROJECT
PROD = "df6a1b2c-90d7-4f0e-8a3b-5c4d3e2f1a0b"
ITEM = "11111111-2222-4333-8444-555555555555"
OTHER_ITEM = "66666666-7777-4888-8999-aaaaaaaaaaaa"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

WRITING = Settings(write_enabled=True)
NOT_WRITING = Settings()


def project_path(project: str = SANDBOX, below: str = "", surface: str = "v1/") -> str:
    """The path of a project, or of something below it."""
    return f"/api/{surface}workspaces/acme/projects/{project}/{below}"


def names(table: Iterable[str]) -> list[str]:
    """Names of cases that pytest can be asked for: the keys of a table without what its command line would misread."""
    return [f"{at} {re.sub(r'[^ ,.;=?@/A-Za-z0-9-]+', '_', key)}" for at, key in enumerate(table)]


def url(path: str, origin: str = "https://plane.example.com") -> str:
    """A path on a host that is not configured as Plane's: recognised by its shape alone."""
    return f"{origin}{path}"


def write(
    method: str, path: str, body: object = None, content_type: str | None = JSON, headers: object = ()
) -> PlaneWrite:
    """What the guard makes of a request that must be a write."""
    if not isinstance(body, (str, bytes, type(None), type(iter([])))) and isinstance(body, (dict, list)):
        body = json.dumps(body)
    found = classify(method, url(path), body, content_type, headers=headers)  # type: ignore[arg-type]
    assert found is not None, f"{method} {path} is a write"
    return found

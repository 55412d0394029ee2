"""The requests that the measures send: a work item in the sandbox, and the answer that proves that it is there."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING

from plane_guard import DEFAULT_SANDBOX_PROJECT
from plane_guard_instrumentation.enforcement import check, ownership

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "api.plane.so"
ORIGIN = f"https://{HOST}"
ITEM = "3f1c9a52-7b64-4d0e-9a37-5e2d8c41b0f6"
ITEMS = f"/api/v1/workspaces/acme/projects/{DEFAULT_SANDBOX_PROJECT}/work-items/"
DETAIL = f"{ITEMS}{ITEM}/"
FIELDS = (
    ("Host", HOST),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("User-Agent", "python-httpx/0.28.1"),
    ("X-API-Key", "plane_api_0123456789abcdef"),
)
_BODY = {"name": "A work item of a realistic size", "priority": "high", "labels": ["backend"], "estimate": 3}


def sandbox_writes(number: int = 64) -> Callable[[], check.OutgoingRequest]:
    """Updates of one work item, each with another body, by turns."""
    bodies = (json.dumps({**_BODY, "name": f"A work item, version {turn}"}).encode() for turn in range(number))
    return cycle([_sent(body) for body in bodies]).__next__


def prove(_: object) -> ownership.LookupResponse:
    """Answer as Plane does for an item that is in the sandbox."""
    shown = {"id": ITEM, "project": DEFAULT_SANDBOX_PROJECT}
    return ownership.LookupResponse(200, (), json.dumps(shown).encode())


def _sent(body: bytes) -> check.OutgoingRequest:
    fields = (*FIELDS, ("Content-Length", str(len(body))), ("Content-Type", "application/json"))
    headers = tuple((name.encode(), value.encode()) for name, value in fields)
    return check.OutgoingRequest("httpx", "PATCH", ORIGIN + DETAIL, headers, body, ORIGIN)

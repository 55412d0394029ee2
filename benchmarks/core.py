"""The growth of `classify` with its input: twice the input may take twice the time, and little more.

Peer: the same call with half as much.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import plane, timing
from benchmarks.registry import Effort, Figure, measure
from plane_guard import classify

if TYPE_CHECKING:
    from collections.abc import Callable

_MEGABYTE = 1_000_000
_HOSTILE_SIZE = 100_000
_JSON = "application/json"
# What makes a regular expression or a parser try many ways before it gives up.
HOSTILE: dict[str, Callable[[int], tuple[str, bytes, str]]] = {
    "slashes": lambda size: ("/" * size, b"", _JSON),
    "dot segments": lambda size: ("/.." * (size // 3), b"", _JSON),
    "percent signs": lambda size: ("/%" * (size // 2), b"", _JSON),
    "double encoding": lambda size: ("/api/" + "%25" * (size // 3), b"", _JSON),
    "semicolons": lambda size: ("/api;" * (size // 5), b"", _JSON),
    "api segments": lambda size: ("/api/workspaces" * (size // 15), b"", _JSON),
    "projects": lambda size: ("/api/workspaces/a" + "/projects/x" * (size // 11), b"", _JSON),
    "hyphens": lambda size: (f"{plane.ITEMS}{'a-' * (size // 2)}/", b"", _JSON),
    "hexadecimal digits": lambda size: (
        f"{plane.ITEMS}nowhere/",
        json.dumps({"x": "a1" * (size // 2)}).encode(),
        _JSON,
    ),
    "deep JSON": lambda size: (plane.ITEMS, b"[" * size, _JSON),
    "brackets": lambda size: (plane.ITEMS, b"[]" * (size // 2) + b"=1", "application/x-www-form-urlencoded"),
    "parts": lambda size: (plane.ITEMS, b"--b\r\n" * (size // 5) + b"--b--", "multipart/form-data; boundary=b"),
    "content types": lambda size: (plane.ITEMS, b"x", "multipart/form-data;" + " boundary=" * (size // 10)),
}


@measure("classify a JSON body of 1 MB", against="one of half a megabyte", goal=2.3, slip=4.0, unit="times")
def large_body(effort: Effort) -> Figure:
    """The longest realistic URL, and a body as a bulk update has it."""
    return _doubled(_bulk_update, _MEGABYTE, effort)


@measure("classify a JSON body of 1 MB, on its own", against="json.loads of it", goal=12.0, slip=60.0, unit="times")
def beside_json(effort: Effort) -> Figure:
    """Each id that the body names is gathered, so that it can be proven."""
    url, body, kind = _bulk_update(_MEGABYTE)
    ours = partial(_classify, url, body, kind)
    return timing.ratio(timing.calls(lambda: json.loads(body), ours, rounds=effort.of(15, 3), number=1))


@measure(
    f"classify hostile input of {_HOSTILE_SIZE:,} bytes, the worst of {len(HOSTILE)} kinds",
    against="half as much of it",
    goal=2.5,
    slip=5.0,
    unit="times",
)
def hostile(effort: Effort) -> Figure:
    """A regular expression that blows up would show here as a ratio of four and more."""
    found = {name: _doubled(make, _HOSTILE_SIZE, effort) for name, make in HOSTILE.items()}
    worst = max(found, key=lambda name: found[name].value)
    return found[worst]._replace(ours=f"{found[worst].ours}, {worst}")


def _doubled(make: Callable[[int], tuple[str, bytes, str]], size: int, effort: Effort) -> Figure:
    half, whole = (partial(_classify, *make(part)) for part in (size // 2, size))
    return timing.ratio(timing.calls(half, whole, rounds=effort.of(15, 5), number=1))


def _classify(url: str, body: bytes, content_type: str) -> None:
    classify("POST", f"https://plane.example.com{url}", body, content_type)


def _bulk_update(size: int) -> tuple[str, bytes, str]:
    one = {
        "id": plane.ITEM,
        "name": "A work item",
        "description_html": "<p>" + "text " * 40 + "</p>",
        "priority": "low",
    }
    number = size // len(json.dumps(one))
    url = f"{plane.ITEMS}bulk-update/?expand=state,labels,assignees&fields=" + ",".join(
        f"field_{n}" for n in range(500)
    )
    return url, json.dumps({"items": [one] * number}).encode(), _JSON

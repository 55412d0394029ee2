"""Taking credentials out of the few free texts that are emitted: node ids, file paths, function names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKENS = re.compile(r"plane_[a-z]{2,12}_[0-9A-Za-z_-]{8,}|\b[Bb]earer[ =:]+\S+|://[^/@\s]+@")
_SHORTEST_SECRET = 6
_LONGEST_TEXT = 1_024
_MASK = "***"


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that looks like a Plane token or is one of the request's own credentials."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MASK)
    return _TOKENS.sub(_MASK, text)[:_LONGEST_TEXT]


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The credentials that a request carries in its header fields, and their parts."""
    found: list[str] = []
    for name, value in headers:
        if name.lower() in {b"x-api-key", b"authorization", b"proxy-authorization", b"cookie"}:
            text = value.decode("latin-1")
            found += [text, *re.split(r"[ ;=]+", text)]
    return sorted(filter(None, found), key=len, reverse=True)

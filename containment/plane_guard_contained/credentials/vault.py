"""Placeholders for tokens: the command holds the placeholder, the proxy the token.

A placeholder looks like the token that it stands for, so clients that check the form accept it. It is random, so it
occurs nowhere by chance.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Field = tuple[bytes, bytes]

KNOWN = frozenset({
    "PLANE_ACCESS_TOKEN", "PLANE_API_KEY", "PLANE_API_TOKEN", "PLANE_BEARER_TOKEN", "PLANE_CLIENT_SECRET",
    "PLANE_DST_API_KEY", "PLANE_KEY", "PLANE_OAUTH_TOKEN", "PLANE_PAT", "PLANE_PERSONAL_ACCESS_TOKEN",
    "PLANE_REFRESH_TOKEN", "PLANE_SRC_API_KEY", "PLANE_TOKEN",
})  # fmt: skip
"""Variables in which clients of Plane expect a token."""

PLANE_TOKEN = re.compile(r"plane_(?:api|oauth|pat)_[0-9A-Za-z_-]{16,}")
"""The form of the tokens that Plane issues."""

_PREFIX = re.compile(r"plane_[a-z]{2,8}_")
_SHORTEST = 8
_RANDOM_BYTES = 16
_MARK = "placeholder"
_BASIC = re.compile(rb"(?i)(basic +)([A-Za-z0-9+/=_-]{4,8192})")


@dataclass(frozen=True, slots=True)
class Secret:
    """A token and what stands for it in the command's environment. Its `repr` shows neither."""

    variable: str
    placeholder: str
    value: str = field(repr=False)


def find(environ: Mapping[str, str], named: Iterable[str] = ()) -> list[Secret]:
    """Return the tokens in the environment: in the known variables, in those named, and wherever one of Plane is."""
    wanted = {*KNOWN, *named}
    found = {name: value for name, value in environ.items() if _is_secret(name, value, wanted)}
    return [Secret(name, _placeholder(value), value) for name, value in sorted(found.items())]


def replaced(environ: Mapping[str, str], found: Sequence[Secret]) -> dict[str, str]:
    """Return the environment with a placeholder wherever the value of a token is, in whatever variable."""
    result = dict(environ)
    for secret in sorted(found, key=lambda secret: -len(secret.value)):
        result = {name: value.replace(secret.value, secret.placeholder) for name, value in result.items()}
    return result


def _is_secret(name: str, value: str, wanted: set[str]) -> bool:
    return len(value) >= _SHORTEST and (name in wanted or PLANE_TOKEN.fullmatch(value) is not None)


def _placeholder(value: str) -> str:
    prefix = _PREFIX.match(value)
    return f"{prefix[0] if prefix else ''}{_MARK}_{secrets.token_hex(_RANDOM_BYTES)}"


class Vault:
    """The tokens, as the proxy holds them."""

    def __init__(self, found: Iterable[Secret] = ()) -> None:
        self._pairs = [(secret.placeholder.encode(), secret.value.encode()) for secret in found]

    def occurs_in(self, *texts: bytes) -> bool:
        """Return if a placeholder is in one of these texts."""
        return any(placeholder in text for placeholder, _ in self._pairs for text in texts)

    def occurs_in_fields(self, fields: Iterable[Field]) -> bool:
        """Return if a placeholder is in a header field, plain or in basic authentication."""
        return any(self.inserted([one]) != [one] for one in fields)

    def inserted(self, fields: Iterable[Field]) -> list[Field]:
        """Return header fields with the tokens in place of their placeholders."""
        return [(name, self._inserted_in(value)) for name, value in fields]

    def _inserted_in(self, value: bytes) -> bytes:
        for placeholder, token in self._pairs:
            value = value.replace(placeholder, token)
        match = _BASIC.fullmatch(value) if self._pairs else None
        if match is None:
            return value
        try:
            pair = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            return value
        return match[1] + base64.b64encode(self._inserted_in(pair)) if self.occurs_in(pair) else value

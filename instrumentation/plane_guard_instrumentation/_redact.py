"""Taking credentials out of the few free texts that are emitted: node ids, file paths, function names, branch names."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from plane_guard._memory import remembering

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKENS = re.compile(r"plane_[a-z]{2,12}_[0-9A-Za-z_-]{8,}|\b[Bb]earer[ =:]+\S+|://[^/@\s]+@")
_SHORTEST_SECRET = 6
_SHORTEST_IN_ENVIRONMENT = 12
_LONGEST_TEXT = 1_024
_MASK = "***"
_HEADERS = frozenset({b"x-api-key", b"authorization", b"proxy-authorization", b"cookie"})
_BASIC = re.compile(r"[Bb]asic +(?P<pair>[A-Za-z0-9+/=_-]{4,4096})")
_SECRET_NAME = re.compile(
    r"(?:.*[_-])?(?:token|secret|passw(?:or)?d|pwd|credentials?|pat|(?:api|access|private|secret)[_-]?key)(?:[_-].*)?",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"://(?P<pair>[^/@\s]+)@")
_LISTS_OF_SECRETS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_NO_SECRET = re.compile(r"(?i:true|false|none)|[/.~].*|[0-9]+")


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that looks like a Plane token or is one of the credentials known here."""
    return _remembered_clean(text, tuple(secrets))


def _clean(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MASK)
    return _TOKENS.sub(_MASK, text)[:_LONGEST_TEXT]


def credentials(headers: Iterable[tuple[bytes, bytes]], url: str = "") -> list[str]:
    """The credentials that a request carries in its header fields and its address, and their parts."""
    values = [bytes(value) for name, value in headers if name.lower() in _HEADERS]
    return list(_remembered_credentials(url if "@" in url or "?" in url else "", *values))


def _credentials(url: str, *values: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for value in values:
        text = value.decode("latin-1")
        found += [text, *re.split(r"[ ;=]+", text), *_of_basic(text)]
    for pair in _USER_INFO.findall(url):
        found += [pair, *pair.split(":", 1)]
    found += [value for name, value in _query(url) if _SECRET_NAME.fullmatch(name)]
    return tuple(_longest_first(found))


def of_environment(environ: Mapping[str, str] | None = None) -> list[str]:
    """The credentials that this process's environment holds, by the names of its variables."""
    return _held_in(environ) if environ is not None else _remembered()


class _State:
    environment: tuple[Mapping[bytes, bytes], list[str]] | None = None


def _remembered() -> list[str]:
    """What was found in an environment that has not changed since: comparing is a fraction of searching."""
    raw: Mapping[bytes, bytes] | None = getattr(os.environ, "_data", None)
    if raw is None:
        return _held_in(os.environ)
    last = _State.environment
    if last is None or last[0] != raw:
        before = dict(raw)
        last = before, _held_in(os.environ)
        _State.environment = last if raw == before else None
    return last[1].copy()


def _held_in(environ: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for name, value in environ.items():
        if name in _LISTS_OF_SECRETS:
            found += re.split(r"[=,;\s]+|%20", value)
        elif _SECRET_NAME.fullmatch(name) and _NO_SECRET.fullmatch(value) is None:
            found.append(value)
        if "://" in value:
            found += [part for pair in _USER_INFO.findall(value) for part in (pair, *pair.split(":", 1))]
    return _longest_first(value for value in found if len(value) >= _SHORTEST_IN_ENVIRONMENT)


def _longest_first(found: Iterable[str]) -> list[str]:
    return sorted(filter(None, dict.fromkeys(found)), key=len, reverse=True)


def _query(url: str) -> list[tuple[str, str]]:
    pairs = (pair.partition("=") for pair in url.partition("?")[2].partition("#")[0].split("&"))
    return [(name, value) for name, _, value in pairs]


def _of_basic(text: str) -> list[str]:
    import base64
    import binascii

    match = _BASIC.fullmatch(text)
    if match is None:
        return []
    try:
        pair = base64.b64decode(match["pair"]).decode("latin-1")
    except (binascii.Error, ValueError):
        return []
    return [pair, *pair.split(":", 1)]


# They are asked for with the same few texts again and again: by test, by file, by client.
_remembered_clean = remembering(_clean)
_remembered_credentials = remembering(_credentials)

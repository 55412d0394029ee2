"""Taking credentials out of the few free texts that are emitted: node ids, file paths, function names, branch names."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

from plane_guard.cache import remembering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SHORTEST_SECRET = 6
_SHORTEST_IN_ENVIRONMENT = 12
_LONGEST_TEXT = 1_024
_MASK = "***"
_HEADERS = frozenset({b"x-api-key", b"authorization", b"proxy-authorization", b"cookie"})
_LISTS_OF_SECRETS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
# Compiled by `prepare`, or where a text holds one of the signs: few do, and most processes judge nothing.
_TOKENS = r"plane_[a-z]{2,12}_[0-9A-Za-z_-]{8,}|\b[Bb]earer[ =:]+\S+|://[^/@\s]+@"
_SIGNS = ("plane_", "earer", "://")
_BASIC = r"[Bb]asic +(?P<pair>[A-Za-z0-9+/=_-]{4,4096})"
_USER_INFO = r"://(?P<pair>[^/@\s]+)@"
_SECRET_WORDS = frozenset({
    "token", "secret", "passwd", "password", "pwd", "credential", "credentials", "pat",
    "apikey", "accesskey", "privatekey", "secretkey",
})  # fmt: skip
_SECRET_PAIRS = ("_api_key_", "_access_key_", "_private_key_", "_secret_key_")

compiled: Callable[[str], re.Pattern[str]] = cache(re.compile)


def prepare() -> None:
    """Compile now what the first decision needs: a test may have replaced more than its clients by then."""
    for pattern in (_TOKENS, _BASIC, _USER_INFO):
        compiled(pattern)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that looks like a Plane token or is one of the credentials known here."""
    return _remembered_clean(text, tuple(secrets))


def _clean(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MASK)
    if any(sign in text for sign in _SIGNS):
        text = compiled(_TOKENS).sub(_MASK, text)
    return text[:_LONGEST_TEXT]


def credentials(headers: Iterable[tuple[bytes, bytes]], url: str = "") -> list[str]:
    """The credentials that a request carries in its header fields and its address, and their parts."""
    values = [bytes(value) for name, value in headers if name.lower() in _HEADERS]
    return list(_remembered_credentials(url if "@" in url or "?" in url else "", *values))


def _credentials(url: str, *values: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for value in values:
        text = value.decode("latin-1")
        found += [text, *re.split(r"[ ;=]+", text), *_of_basic(text)]
    for pair in compiled(_USER_INFO).findall(url) if "://" in url else ():
        found += [pair, *pair.split(":", 1)]
    found += [value for name, value in _query(url) if _is_secret(name)]
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
        elif _is_secret(name) and not _is_plain(value):
            found.append(value)
        if "://" in value and "@" in value:
            found += [part for pair in compiled(_USER_INFO).findall(value) for part in (pair, *pair.split(":", 1))]
    return _longest_first(value for value in found if len(value) >= _SHORTEST_IN_ENVIRONMENT)


def _is_secret(name: str) -> bool:
    """Whether a variable or a field of this name holds a credential: one of its words says so, or two of them."""
    words = name.casefold().replace("-", "_")
    return not _SECRET_WORDS.isdisjoint(words.split("_")) or any(pair in f"_{words}_" for pair in _SECRET_PAIRS)


def _is_plain(value: str) -> bool:
    """Whether what stands in such a variable is a switch, a path or a number."""
    is_path = value.startswith(("/", ".", "~")) and "\n" not in value
    return is_path or value.lower() in {"true", "false", "none"} or (value.isascii() and value.isdigit())


def _longest_first(found: Iterable[str]) -> list[str]:
    return sorted(filter(None, dict.fromkeys(found)), key=len, reverse=True)


def _query(url: str) -> list[tuple[str, str]]:
    pairs = (pair.partition("=") for pair in url.partition("?")[2].partition("#")[0].split("&"))
    return [(name, value) for name, _, value in pairs]


def _of_basic(text: str) -> list[str]:
    import base64
    import binascii

    match = compiled(_BASIC).fullmatch(text)
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

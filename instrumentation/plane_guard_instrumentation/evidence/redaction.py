"""Masks credentials in the few free texts that are emitted: node ids, file paths, function names, branch names."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

from plane_guard.cache import remembering
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SHORTEST_SECRET = 6
_SHORTEST_IN_ENVIRONMENT = 12
_SHORTEST_IN_OTHER_HEADER = 8
_LONGEST_TEXT = 1_024
_MASK = "***"
_HEADERS = frozenset({b"x-api-key", b"authorization", b"proxy-authorization", b"cookie"})
# Headers of ordinary requests. Their values are common words, which would be masked all over a node id.
_HARMLESS_HEADERS = frozenset({
    b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"baggage", b"cache-control", b"connection",
    b"content-encoding", b"content-length", b"content-type", b"date", b"expect", b"host", b"keep-alive", b"origin",
    b"pragma", b"range", b"referer", b"te", b"traceparent", b"tracestate", b"trailer", b"transfer-encoding", b"upgrade",
    b"user-agent",
})  # fmt: skip
_LISTS_OF_SECRETS = (
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
)
# Compiled by `prepare`, or if a text contains one of the signs. Few do, and most processes decide nothing.
_TOKENS = (
    r"plane_[a-z]{2,12}_[0-9A-Za-z_-]{8,}|\b[Bb]earer[ =:]+\S+|://[^/@\s]+@"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|sk-|AKIA)[0-9A-Za-z_-]{16,}"
)
_SIGNS = ("plane_", "earer", "://", "gh", "glpat-", "xox", "sk-", "AKIA")
_BASIC = r"[Bb]asic +(?P<pair>[A-Za-z0-9+/=_-]{4,4096})"
_USER_INFO = r"://(?P<pair>[^/@\s]+)@"
# A generated value has digits and letters. A header such as `X-Client: nightly-tests` has not.
_LOOKS_GENERATED = r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])\S+"
_SECRET_WORDS = frozenset({
    "token", "secret", "passwd", "password", "pwd", "credential", "credentials", "pat",
    "apikey", "accesskey", "privatekey", "secretkey",
})  # fmt: skip
_SECRET_PAIRS = ("_api_key_", "_access_key_", "_private_key_", "_secret_key_", "_auth_token_")

compiled: Callable[[str], re.Pattern[str]] = cache(re.compile)


def prepare() -> None:
    """Compile what decisions need, before a test replaces what this uses."""
    for pattern in (_TOKENS, _BASIC, _USER_INFO, _LOOKS_GENERATED):
        compiled(pattern)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with ``secrets``, and everything that looks like a token, masked."""
    return _remembered_clean(text, tuple(secrets))


def _clean(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MASK)
    if any(sign in text for sign in _SIGNS):
        text = compiled(_TOKENS).sub(_MASK, text)
    return text[:_LONGEST_TEXT]


def credentials(headers: Iterable[tuple[bytes, bytes]], url: str = "") -> list[str]:
    """Return the credentials in the headers and the URL of a request, and their parts, longest first."""
    certain: list[bytes] = []
    possible: list[bytes] = []
    for name, value in headers:
        lower = name.lower()
        if lower in _HARMLESS_HEADERS:
            continue
        if lower in _HEADERS or _is_secret(lower.decode("latin-1")):
            certain.append(bytes(value))
        elif len(value) >= _SHORTEST_IN_OTHER_HEADER:
            possible.append(bytes(value))
    return list(_remembered_credentials(url if "@" in url or "?" in url else "", tuple(certain), tuple(possible)))


def _credentials(url: str, certain: tuple[bytes, ...], possible: tuple[bytes, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for value in certain:
        text = value.decode("latin-1")
        found += [text, *re.split(r"[ ;=]+", text), *_of_basic(text)]
    found += [text for value in possible if _may_be_secret(text := value.decode("latin-1"))]
    for pair in compiled(_USER_INFO).findall(url) if "://" in url else ():
        found += [pair, *pair.split(":", 1)]
    found += [value for name, value in _query(url) if _is_secret(name)]
    return tuple(_longest_first(found))


def _may_be_secret(text: str) -> bool:
    """Return if the value of a custom header may be a credential. A header may also name the test, by its node id."""
    return "::" not in text and compiled(_LOOKS_GENERATED).fullmatch(text) is not None


def of_environment(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the credentials in environment variables, recognized by the names of the variables.

    Without an argument: those of this process, now and when the guard was installed. A test may have cleared it since.
    """
    return _held_in(environ) if environ is not None else _of_this_process()


class _State:
    at_start: tuple[str, ...] | None = None
    last: tuple[Mapping[bytes, bytes], list[str]] | None = None


def _of_this_process() -> list[str]:
    if _State.at_start is None:
        _State.at_start = tuple(_held_in(SYSTEM.environ))
    # Comparing the environment with the last one takes a fraction of searching it.
    raw: Mapping[bytes, bytes] | None = getattr(os.environ, "_data", None)
    if raw is None:
        return _longest_first([*_State.at_start, *_held_in(os.environ)])
    last = _State.last
    if last is None or last[0] != raw:
        before = dict(raw)
        last = before, _longest_first([*_State.at_start, *_held_in(os.environ)])
        _State.last = last if raw == before else None
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
    """Return if a variable, header or query parameter of this name holds a credential."""
    words = name.casefold().replace("-", "_")
    return not _SECRET_WORDS.isdisjoint(words.split("_")) or any(pair in f"_{words}_" for pair in _SECRET_PAIRS)


def _is_plain(value: str) -> bool:
    """Return if the value of such a variable is a switch, a path or a number."""
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


# Called with the same few texts again and again: tests, files, clients.
_remembered_clean = remembering(_clean)
_remembered_credentials = remembering(_credentials)

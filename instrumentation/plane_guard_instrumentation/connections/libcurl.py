"""Patches for pycurl and curl_cffi: libcurl opens its connections in C, where Python sees neither names nor addresses.

A handle gets no URL of a known Plane host. Redirects are followed in C as well, so each handle is also told to connect
to a closed port of this machine instead of a known Plane host, and the error that follows becomes a refusal.
"""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from plane_guard import process
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import learning

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard import PlaneWriteBlocked

    Method = Callable[..., Any]

_URL = 10_002
_CONNECT_TO = 10_243
_EFFECTIVE_URL = 0x100001
_CLOSED = "127.0.0.1:1"
# libcurl takes `host/path`, `http:/host` and `http:///host` for what a person meant, and a backslash for a letter.
_PLACE = re.compile(
    r"\s*(?:[a-z][a-z0-9+.-]*:(?=/))?/*(?:[^/?#]*@)?(?P<host>\[[^/?#\]]*\]|[^/?#:]*)(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
_WITH_PORT = re.compile(r"(?:\[.*\]|[^:]*):\d+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def patch_pycurl_setopt(original: Method, layer: str) -> Method:
    """Return a `setopt` of pycurl that judges the URL, and diverts redirects to known Plane hosts."""

    @functools.wraps(original)
    def setopt(self: Any, option: int, value: Any) -> Any:
        __tracebackhide__ = True
        if option == _CONNECT_TO:
            value = [*_diversions(), *value]
        result = original(self, option, _judged(value, layer) if option == _URL else value)
        if option == _URL:
            self.setopt(_CONNECT_TO, [])
        return result

    return setopt


def patch_curl_cffi_setopt(original: Method, layer: str) -> Method:
    """Return a `setopt` of curl_cffi that judges the URL, and diverts redirects to known Plane hosts."""

    @functools.wraps(original)
    def setopt(self: Any, option: int, value: Any) -> Any:
        __tracebackhide__ = True
        if option != _URL:
            return original(self, option, value)
        result = original(self, option, _judged(value, layer))
        if self._curl is not None:
            from curl_cffi._wrapper import lib  # type: ignore[import-not-found,unused-ignore]

            lib._curl_easy_setopt(self._curl, _CONNECT_TO, _slist(tuple(_diversions())))  # noqa: SLF001  no public name
        return result

    return setopt


def patch_perform(original: Method, layer: str) -> Method:
    """Return a `perform` of pycurl that raises the refusal of a redirect to a known Plane host."""

    @functools.wraps(original)
    def perform(self: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        try:
            return original(self, *arguments, **options)
        except Exception as error:
            refusal = _refusal(self, layer)
            if refusal is None:
                raise
            raise refusal from error

    return perform


def patch_info_read(original: Method, layer: str) -> Method:
    """Return an `info_read` of pycurl's multi interface whose error messages say what was refused."""

    @functools.wraps(original)
    def info_read(self: Any, *arguments: Any) -> Any:
        remaining, succeeded, failed = original(self, *arguments)
        explained = [(curl, number, str(_refusal(curl, layer) or message)) for curl, number, message in failed]
        return remaining, succeeded, explained

    return info_read


def patch_get_error(original: Method, layer: str) -> Method:
    """Return a `_get_error` of curl_cffi, sync and async, that makes a refusal of a diverted redirect."""

    @functools.wraps(original)
    def get_error(self: Any, *arguments: Any) -> Any:
        error = original(self, *arguments)
        return error if error is None else _refusal(self, layer) or error

    return get_error


def _judged(url: Any, layer: str) -> Any:
    __tracebackhide__ = True
    learning.learn_host(url if isinstance(url, bytes) else str(url))
    known_hosts.refuse_unpatched(*_place(url), layer)
    return url


def _diversions() -> list[str]:
    """Return libcurl's rules to connect elsewhere instead of to a known Plane host."""
    hosts = sorted(process.fixed().hosts)
    return [f"{entry if _WITH_PORT.fullmatch(entry) else f'{entry}:'}:{_CLOSED}" for entry in hosts]


@functools.lru_cache(maxsize=8)
def _slist(rules: tuple[str, ...]) -> Any:
    """Return a list in C. libcurl does not copy it, so it is kept for the life of the process."""
    from curl_cffi._wrapper import ffi, lib  # type: ignore[import-not-found,unused-ignore]

    found = ffi.NULL
    for rule in rules:
        found = lib.curl_slist_append(found, rule.encode())
    return found


def _refusal(curl: Any, layer: str) -> PlaneWriteBlocked | None:
    """Return the refusal of the URL that a handle used last, if it is one of a known Plane host."""
    with suppress(Exception):
        host, port = _place(curl.getinfo(_EFFECTIVE_URL))
        if known_hosts.plane_host(host, port):
            return known_hosts.refusal(host, port, layer)
    return None


def _place(url: object) -> tuple[str, int | None]:
    text = url.decode(errors="replace") if isinstance(url, bytes) else str(url)
    found = _PLACE.match(text)
    if found is None:
        return "", None
    default = _DEFAULT_PORTS.get(text.strip().partition(":")[0].lower())
    return unquote(found["host"].strip("[]")), int(found["port"]) if found["port"] else default

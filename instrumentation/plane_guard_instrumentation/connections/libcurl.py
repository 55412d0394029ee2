"""The floor under libcurl, which opens its connections where Python does not look: no URL of a Plane host."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import learning

if TYPE_CHECKING:
    from collections.abc import Callable

    SetOption = Callable[[Any, int, Any], Any]

_CURLOPT_URL = 10002
# libcurl takes `host/path`, `http:/host` and `http:///host` for what a person meant, and a backslash for a letter.
_PLACE = re.compile(
    r"\s*(?:[a-z][a-z0-9+.-]*:(?=/))?/*(?:[^/?#]*@)?(?P<host>\[[^/?#\]]*\]|[^/?#:]*)(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)


def guard_url(original: SetOption, layer: str) -> SetOption:
    """Judge the URL that a handle is given."""

    @functools.wraps(original)
    def setopt(self: Any, option: int, value: Any) -> Any:
        __tracebackhide__ = True
        if option == _CURLOPT_URL:
            learning.learn_host(value if isinstance(value, bytes) else str(value))
            known_hosts.refuse_unpatched(*_place(value), layer)
        return original(self, option, value)

    return setopt


def _place(url: object) -> tuple[str, int | None]:
    text = url.decode(errors="replace") if isinstance(url, bytes) else str(url)
    found = _PLACE.match(text)
    if found is None:
        return "", None
    return unquote(found["host"].strip("[]")), int(found["port"]) if found["port"] else None

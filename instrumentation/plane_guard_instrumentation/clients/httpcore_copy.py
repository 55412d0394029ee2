"""Copies of httpcore's requests, with nothing in them that another holder of the first could change."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard_instrumentation.enforcement import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import httpcore

_CORES = frozenset({"httpcore", "httpcore2"})
_OWN_STREAMS = _CORES | {"httpx", "httpx2"}
_PARTS = {"method", "url", "headers", "stream", "extensions"}
_URL_PARTS = {"scheme", "host", "port", "target"}
_PORT = {int, type(None)}
_NEW: Callable[[type], Any] = object.__new__
_known_streams: dict[int, type] = {}  # by identity: a class may not be hashable, or say that it equals another


def copied(request: httpcore.Request) -> httpcore.Request:
    """A request of the same content.

    Its class makes it, whose checks are not in vain: the first may have been changed since it was made.
    """
    core, extensions = core_of(request), dict(request.extensions)
    url = url_with(core, request.url, request.url.target)
    if "target" in extensions:  # a forwarding proxy is sent this instead of the URL's
        extensions["target"] = url.target
    body: Any = body_in_memory(request.stream)
    own: httpcore.Request = core.Request(
        request.method, url, headers=list(request.headers), content=body, extensions=extensions
    )
    return own


def copier_of_reads(core: ModuleType) -> Callable[[Any], httpcore.Request | None]:
    """What copies a request that is nothing but a read, and made of the very types that are to be expected.

    Then its class has nothing to check, which would take most of the time. It makes ``None`` of everything else, and of
    everything in a live process.
    """
    example = core.Request("GET", "http://localhost/")
    request_type, url_type, stream_type = type(example), type(example.url), type(example.stream)
    if vars(example).keys() != _PARTS or vars(example.url).keys() != _URL_PARTS:
        return lambda _: None  # some other version of the library

    def copied_read(request: Any) -> Any:
        if not process.test_evidence():
            return None
        try:
            url, fields, given = request.url, request.headers, request.extensions
            if not (type(request) is request_type and type(url) is url_type and type(fields) is list):
                return None
            method, scheme, host, port, target = request.method, url.scheme, url.host, url.port, url.target
            if not (type(method) is type(scheme) is type(host) is type(target) is bytes and type(port) in _PORT):
                return None
            headers, body, extensions = fields.copy(), body_in_memory(request.stream), dict(given)
            if type(body) is not bytes or "target" in extensions or not check.is_plain_read(method, headers):
                return None
        except Exception:  # noqa: BLE001  what cannot be read is left to `copied`
            return None
        own, own_url = _NEW(request_type), _NEW(url_type)
        own_url.scheme, own_url.host, own_url.port, own_url.target = scheme, host, port, target
        own.method, own.url, own.headers, own.stream = method, own_url, headers, stream_type(body)
        own.extensions = extensions
        return own

    return copied_read


def body_in_memory(stream: object) -> object:
    """The body, if sending it again would send the same bytes; the stream itself where that is not known."""
    kind = type(stream)
    if id(kind) in _known_streams or _is_own_stream(kind):
        return b"".join(stream)  # type: ignore[arg-type]
    return stream


def _is_own_stream(kind: type) -> bool:
    is_own = kind.__name__ == "ByteStream" and kind.__module__.partition(".")[0] in _OWN_STREAMS
    if is_own:
        _known_streams[id(kind)] = kind
    return is_own


def url_with(core: ModuleType, url: httpcore.URL, target: bytes | str) -> httpcore.URL:
    """A copy of a URL, with this target."""
    own: httpcore.URL = core.URL(scheme=url.scheme, host=url.host, port=url.port, target=target)
    return own


def core_of(request: httpcore.Request) -> ModuleType:
    """Httpcore or httpcore2, whichever the request is an instance of."""
    names = (base.__module__.partition(".")[0] for base in type(request).__mro__)
    return sys.modules[next(name for name in names if name in _CORES)]

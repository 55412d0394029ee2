"""A request taken apart: the few things about it that decide where it goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Headers = Mapping[object, object] | Iterable[tuple[object, object]]

_METHOD_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_PATH_OVERRIDES = ("x-original-url", "x-rewrite-url", "x-script-name", "script-name")
_KNOWN = frozenset({*_METHOD_OVERRIDES, *_PATH_OVERRIDES, "host", "content-type", "content-encoding"})
_IDNA = "idna"
_DOTS = ".\u3002\uff0e\uff61"  # all that IDNA takes for a dot
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Request(NamedTuple):
    """``hosts`` starts with the URL's own; ``odd``: the headers could send it elsewhere than the URL says."""

    method: str
    hosts: tuple[str, ...]
    port: int | None
    path: str
    body: object
    content_type: str
    content_encoding: str
    overridden: bool
    odd: bool

    @property
    def verb(self) -> str:
        """The method as a server reads it; Plane's ignores the case."""
        return self.method.upper()


def read_request(
    method: object,
    url: object,
    body: object,
    content_type: str | None,
    headers: Headers,
) -> Request:
    """Take a request apart; raises on what is no request at all."""
    fields = _known_fields(headers)
    default_port, authority, path = _split(text(url))
    own = _authority(authority, default_port)
    others = [_authority(value, default_port) for value in fields.get("host", ())]
    if "://" in path:
        port, host, _ = _split(path.lstrip("/"))
        others.append(_authority(host, port))
    overridden = any(name in fields for name in (*_METHOD_OVERRIDES, *_PATH_OVERRIDES))
    return Request(
        method=text(method),
        hosts=tuple(dict.fromkeys((own[0], *(host for host, _ in others)))),
        port=own[1],
        path=path,
        body=body,
        content_type=content_type or ",".join(fields.get("content-type", ())),
        content_encoding=",".join(fields.get("content-encoding", ())).strip().lower(),
        overridden=overridden,
        odd=overridden or any(other != own for other in others),
    )


def text(value: object) -> str:
    """A header, method or URL as text, whatever a client holds it as."""
    if isinstance(value, (bytes, bytearray)):
        return "".join(map(chr, value))
    return str(value)


def host_name(authority: str) -> str:
    """A host as it is compared: lower case, no trailing dot, international names in their ASCII form."""
    name = authority.strip().lower().rstrip(_DOTS)
    if not name.isascii():
        try:
            name = name.encode(_IDNA).decode()
        except UnicodeError:
            return name
    return name


def _known_fields(headers: Headers) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        key = text(name).lower()
        if key in _KNOWN:
            fields.setdefault(key, []).append(text(value))
    return fields


def _split(url: str) -> tuple[int | None, str, str]:
    scheme, separator, rest = url.partition("://")
    default_port = _DEFAULT_PORTS.get(scheme.lower())
    if not separator or not scheme.isalnum():
        default_port, rest = None, url.removeprefix("//") if url.startswith("//") else f"/{url.lstrip('/')}"
    end = min((at for at in map(rest.find, "/\\?#") if at >= 0), default=len(rest))
    path = rest[end:]
    for mark in "?#":
        path = path.partition(mark)[0]
    return default_port, rest[:end], path


def _authority(authority: str, default_port: int | None) -> tuple[str, int | None]:
    host_and_port = authority.rpartition("@")[2]
    if host_and_port.startswith("["):
        host, _, port = host_and_port[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = host_and_port.partition(":")
    known = port.isascii() and port.isdigit() and len(port) <= 5  # noqa: PLR2004
    return host_name(host), int(port) if known else default_port

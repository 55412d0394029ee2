"""A request taken apart: the few things about it that decide where it goes."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from plane_guard.hosts import host_name

Headers = Mapping[object, object] | Iterable[tuple[object, object]]
Fields = dict[str, tuple[str, ...]]

_METHOD_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_PATH_OVERRIDES = ("x-original-url", "x-rewrite-url", "x-script-name", "script-name")
OVERRIDES = frozenset({*_METHOD_OVERRIDES, *_PATH_OVERRIDES})
_KNOWN = OVERRIDES | {"host", "content-type", "content-encoding"}
_IN_BYTES = {name.encode(): name for name in _KNOWN}  # one table for both would be an error under `python -bb`
_IN_TEXT = {name: name for name in _KNOWN}
_BYTE_BY_BYTE = "latin-1"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Request(NamedTuple):
    """``hosts`` starts with the URL's own; ``odd``: the headers could send it elsewhere than the URL says."""

    method: str
    hosts: tuple[str, ...]
    port: int | None
    path: str
    odd: bool

    @property
    def verb(self) -> str:
        """The method as a server reads it; Plane's ignores the case."""
        return self.method.upper()


class _Address(NamedTuple):
    """What a URL says; ``inner`` is the host and port of another URL that its path holds."""

    own: tuple[str, int | None]
    default_port: int | None
    path: str
    inner: tuple[str, int | None] | None


def read_fields(headers: Headers) -> Fields:
    """The header fields that decide something, by name in lower case; raises on what are no header fields."""
    fields: Fields = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if type(name) is bytes:  # noqa: SIM108  # pragma: no mutate  nearly always; as text it would be the same
            known = _IN_BYTES.get(name.lower())
        else:
            known = _IN_TEXT.get(text(name).lower())
        if known is not None:
            fields[known] = (*fields.get(known, ()), text(value))
    return fields


def in_one(fields: Fields, name: str) -> str:
    """The values of one field in one text, as HTTP lets a recipient combine them (RFC 9110, section 5.3)."""
    return ",".join(fields.get(name, ()))


def is_overridden(fields: Fields) -> bool:
    """Whether a header field could make a server read another method or path than the request's own."""
    return not OVERRIDES.isdisjoint(fields)


def read_request(method: str, url: str, hosts: tuple[str, ...] = (), *, overridden: bool = False) -> Request:
    """Take a request apart whose header fields name these hosts; raises on what is no request at all."""
    address = _read_address(url)
    own = address.own
    others = [_host_and_port(value, address.default_port) for value in hosts]
    if address.inner is not None:
        others.append(address.inner)
    return Request(
        method=method,
        hosts=tuple(dict.fromkeys((own[0], *(host for host, _ in others)))),
        port=own[1],
        path=address.path,
        odd=overridden or any(other != own for other in others),
    )


def text(value: object) -> str:
    """A header, method or URL as text, whatever a client holds it as."""
    if type(value) is str:  # pragma: no mutate  nearly always; what follows would say the same
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode(_BYTE_BY_BYTE)
    return str.__str__(str(value))  # the text itself, whatever a subclass says that it equals


def _read_address(url: str) -> _Address:
    default_port, authority, path = _split(url)
    inner = None
    if "://" in path:
        port, host, _ = _split(path.lstrip("/"))
        inner = _host_and_port(host, port)
    return _Address(_host_and_port(authority, default_port), default_port, path, inner)


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


def _host_and_port(authority: str, default_port: int | None) -> tuple[str, int | None]:
    host_and_port = authority.rpartition("@")[2]
    if host_and_port.startswith("["):
        host, _, port = host_and_port[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = host_and_port.partition(":")
    known = port.isascii() and port.isdigit() and len(port) <= 5  # noqa: PLR2004
    return host_name(host), int(port) if known else default_port

"""The parts of a request that decide where it goes."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from plane_guard.hosts import host_name, matches

Headers = Mapping[object, object] | Iterable[tuple[object, object]]
Fields = dict[str, tuple[str, ...]]
Address = tuple[str, int | None]

_METHOD_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_PATH_OVERRIDES = ("x-original-url", "x-rewrite-url", "x-script-name", "script-name")
OVERRIDES = frozenset({*_METHOD_OVERRIDES, *_PATH_OVERRIDES})
_KNOWN = OVERRIDES | {"host", "content-type", "content-encoding"}
_IN_BYTES = {name.encode(): name for name in _KNOWN}  # one table for both would be an error under `python -bb`
_IN_TEXT = {name: name for name in _KNOWN}
_BYTE_BY_BYTE = "latin-1"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Request(NamedTuple):
    """A request's method, path and the servers that it names.

    ``addresses`` are host and port, the URL's own first. ``is_ambiguous`` means that the headers could send the request
    elsewhere than the URL says.
    """

    method: str
    addresses: tuple[Address, ...]
    path: str
    is_ambiguous: bool

    @property
    def verb(self) -> str:
        """The method as a server reads it; Plane ignores the case."""
        return self.method.upper()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names, the URL's own first."""
        return tuple(dict.fromkeys(host for host, _ in self.addresses))

    @property
    def port(self) -> int | None:
        """The port of the URL."""
        return self.addresses[0][1]

    def is_at(self, hosts: Collection[str]) -> bool:
        """Return if one of the servers is one of these hosts."""
        return any(matches(hosts, host, port) for host, port in self.addresses)


class _Url(NamedTuple):
    """A URL taken apart; ``inner`` is the address of another URL that its path holds."""

    own: Address
    default_port: int | None
    path: str
    inner: Address | None


def read_fields(headers: Headers) -> Fields:
    """Return the header fields that decide something, by lower-case name; raise if they are not header fields."""
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
    """Return the values of a field as one text, combined as RFC 9110, section 5.3 allows."""
    return ",".join(fields.get(name, ()))


def is_overridden(fields: Fields) -> bool:
    """Return if a header field could make a server read another method or path than the request's own."""
    return not OVERRIDES.isdisjoint(fields)


def read_request(method: str, url: str, hosts: tuple[str, ...] = (), *, overridden: bool = False) -> Request:
    """Take apart a request whose header fields name these hosts; raise if it is not a request."""
    url_parts = _read_url(url)
    others = [_host_and_port(value, url_parts.default_port) for value in hosts]
    if url_parts.inner is not None:
        others.append(url_parts.inner)
    return Request(
        method=method,
        addresses=tuple(dict.fromkeys((url_parts.own, *others))),
        path=url_parts.path,
        is_ambiguous=overridden or any(other != url_parts.own for other in others),
    )


def text(value: object) -> str:
    """Return a header, method or URL as text, whatever type a client holds it as."""
    if type(value) is str:  # pragma: no mutate  nearly always; what follows would say the same
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode(_BYTE_BY_BYTE)
    return str.__str__(str(value))  # the text itself, whatever a subclass says that it equals


def _read_url(url: str) -> _Url:
    default_port, authority, path = _split(url)
    inner = None
    if "://" in path:
        port, host, _ = _split(path.lstrip("/"))
        inner = _host_and_port(host, port)
    return _Url(_host_and_port(authority, default_port), default_port, path, inner)


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


def _host_and_port(authority: str, default_port: int | None) -> Address:
    host_and_port = authority.rpartition("@")[2]
    if host_and_port.startswith("["):
        host, _, port = host_and_port[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = host_and_port.partition(":")
    known = port.isascii() and port.isdigit() and len(port) <= 5  # noqa: PLR2004
    return host_name(host), int(port) if known else default_port

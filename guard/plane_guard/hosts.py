"""Hosts of Plane: the default ones, those that settings and clients' variables name, and the spelling to compare.

An entry is ``host`` or ``host:port``; an IPv6 address with a port is ``[address]:port``.
"""

from __future__ import annotations

from itertools import repeat

TYPE_CHECKING = False  # importing `typing` for it would cost more than everything else here
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DEFAULT_HOSTS = frozenset(
    {"api.plane.so", "app.plane.so", "mcp.plane.so", "pi.plane.so", "silo.plane.so", "sites.plane.so"}
)
LIVE_HOST = "app.plane.so"
"""The host of the live editor of pages."""

CLIENT_VARIABLES = {
    "PLANE_API_HOST_URL": "the MCP server for Node",
    "PLANE_API_URL": "plane-compose",
    "PLANE_BASE_URL": "plane-sdk, plane-mcp-server, plane-cli and the Node SDK",
    "PLANE_DST_URL": "plane-migrate",
    "PLANE_INTERNAL_BASE_URL": "plane-mcp-server",
    "PLANE_SERVER_URL": "plane-compose",
    "PLANE_SRC_URL": "plane-migrate",
}
"""The variables that name a Plane server, and the clients that read them."""

_IDNA = "idna"
_DOTS = ".\u3002\uff0e\uff61"  # all that IDNA takes for a dot
_HOST = r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?"
_ADDRESS = r"[0-9a-f:.]{2,45}"
_DEFAULT_PORTS = {"http": 80, "https": 443}
STANDARD_PORTS = frozenset(_DEFAULT_PORTS.values())
_LARGEST_PORT = 65_535


def host_name(authority: str) -> str:
    """Return a host as it is compared: lower case, no trailing dot, international names in their ASCII form."""
    name = authority.strip().lower().rstrip(_DOTS)
    if not name.isascii():
        try:
            name = name.encode(_IDNA).decode()
        except UnicodeError:
            return name
    return name


def entry(host: str, port: int | None = None) -> str:
    """Return the entry for a host, with its port unless that is ``None``."""
    name = host_name(host).strip("[]")  # pragma: no mutate  it is in lower case, and has no X
    if port is None:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def matches(hosts: Collection[str], host: str, port: int | None) -> bool:
    """Return if a host is one of ``hosts``.

    An entry with a port matches that port only. ``port`` is ``None`` where it is unknown, as in a DNS lookup.
    """
    name = entry(host)
    return name in hosts or (port is not None and entry(name, port) in hosts)


def names(hosts: Collection[str], host: str) -> bool:
    """Return if an entry names this host, with whatever port."""
    name = entry(host)
    before_port = f"[{name}]:" if ":" in name else f"{name}:"
    return name in hosts or any(map(str.startswith, hosts, repeat(before_port)))


def read_entry(text: str) -> str | None:
    """Return the entry that a setting such as ``plane.example.com``, ``127.0.0.1:8000`` or a URL names, if any.

    A port that is not a number from 1 to 65535 is dropped, so that every port of the host counts.
    """
    # Most test processes read no hosts but the default ones, and `re` would be compiled for nothing.
    if text in DEFAULT_HOSTS:  # pragma: no mutate
        return text
    import re

    before, separator, after = text.partition("://")
    authority = re.split(r"[/?#]", after if separator else before)[0].rpartition("@")[2]
    if authority.count(":") > 1 and not authority.startswith("["):
        authority = f"[{authority}]"  # an IPv6 address without a port
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")  # pragma: no mutate  an address has one bracket
        pattern, port = _ADDRESS, port.removeprefix(":")
    else:
        host, _, port = authority.partition(":")
        pattern = _HOST
    name = host_name(host)
    return entry(name, _port(port)) if re.fullmatch(pattern, name) else None


def client_hosts(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the hosts that variables of well-known Plane clients name; a value that names none is ignored."""
    values = filter(None, map(environ.get, CLIENT_VARIABLES))
    return frozenset(filter(None, map(_client_host, values)))


def _client_host(url: str) -> str | None:
    found = read_entry(url)
    scheme = url.partition("://")[0].strip().lower()
    if found is not None and is_loopback(found) and scheme in _DEFAULT_PORTS:
        # Other services share the loopback interface, so the port that the URL implies is part of the entry.
        return entry(found, _DEFAULT_PORTS[scheme])
    return found


def is_loopback(host: str) -> bool:
    """Return if a host, as a URL names it, is this machine."""
    name = host_name(host).removeprefix("[").removesuffix("]")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    if not name[-1:].isdigit() and ":" not in name:  # pragma: no mutate  no address, and a parser says so slowly
        return False
    from ipaddress import ip_address  # start-up

    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _port(text: str) -> int | None:
    known = text.isascii() and text.isdigit() and len(text) <= 5  # noqa: PLR2004
    return int(text) if known and 0 < int(text) <= _LARGEST_PORT else None

"""Host names, Plane's own among them, in the one spelling in which they are compared."""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for it would cost more than everything else here
if TYPE_CHECKING:
    from collections.abc import Collection

DEFAULT_HOSTS = frozenset({"api.plane.so", "app.plane.so"})
_IDNA = "idna"
_DOTS = ".\u3002\uff0e\uff61"  # all that IDNA takes for a dot


def host_name(authority: str) -> str:
    """A host as it is compared: lower case, no trailing dot, international names in their ASCII form."""
    name = authority.strip().lower().rstrip(_DOTS)
    if not name.isascii():
        try:
            name = name.encode(_IDNA).decode()
        except UnicodeError:
            return name
    return name


def matches(hosts: Collection[str], host: str, port: int | None) -> bool:
    """Return if a host is one of ``hosts``, whose entries are ``host`` or ``host:port``.

    An entry with a port matches that port only. ``port`` is ``None`` where it is unknown, as in a DNS lookup.
    """
    name = host_name(host)
    return name in hosts or (port is not None and f"{name}:{port}" in hosts)


def is_loopback(host: str) -> bool:
    """Return if a host, as a URL names it, is this machine."""
    name = host_name(host).strip("[]")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    from ipaddress import ip_address  # start-up

    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False

"""Host names, Plane's own among them, in the one spelling in which they are compared."""

from __future__ import annotations

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

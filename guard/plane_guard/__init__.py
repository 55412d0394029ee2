"""What is a write to Plane, and may it go out? The decision core: standard library only, no I/O.

A public name is loaded when it is first asked for: importing the package alone costs next to nothing.

PYTEST_DONT_REWRITE: the guard is imported before pytest could rewrite it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for it would cost more than everything else here
if TYPE_CHECKING:
    from plane_guard._audit import audit_allow, audit_block
    from plane_guard._classify import PlaneWrite, classify
    from plane_guard._decide import Decision, decide
    from plane_guard._errors import PlaneWriteBlocked
    from plane_guard._hosts import DEFAULT_HOSTS
    from plane_guard._settings import DEFAULT_SANDBOX_PROJECT, Settings
    from plane_guard._words import Op, Reason

__all__ = [
    "DEFAULT_HOSTS",
    "DEFAULT_SANDBOX_PROJECT",
    "Decision",
    "Op",
    "PlaneWrite",
    "PlaneWriteBlocked",
    "Reason",
    "Settings",
    "audit_allow",
    "audit_block",
    "classify",
    "decide",
]

_HOMES = {
    "DEFAULT_HOSTS": "_hosts",
    "DEFAULT_SANDBOX_PROJECT": "_settings",
    "Decision": "_decide",
    "Op": "_words",
    "PlaneWrite": "_classify",
    "PlaneWriteBlocked": "_errors",
    "Reason": "_words",
    "Settings": "_settings",
    "audit_allow": "_audit",
    "audit_block": "_audit",
    "classify": "_classify",
    "decide": "_decide",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, and what every module has."""
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})

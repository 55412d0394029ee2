"""Decide whether a request is a Plane write and whether it may go out: standard library only, no I/O.

A public name is loaded when it is first asked for: importing the package alone costs next to nothing.

PYTEST_DONT_REWRITE: the guard is imported before pytest could rewrite it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for it would cost more than everything else here
if TYPE_CHECKING:
    from plane_guard.audit import audit_allow, audit_block
    from plane_guard.classification import PlaneWrite, classify
    from plane_guard.decision import Decision, decide
    from plane_guard.errors import PlaneWriteBlocked
    from plane_guard.hosts import DEFAULT_HOSTS
    from plane_guard.process import in_test_process
    from plane_guard.settings import DEFAULT_SANDBOX_PROJECT, Settings
    from plane_guard.vocabulary import Op, Reason

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
    "in_test_process",
]

_HOMES = {
    "DEFAULT_HOSTS": "hosts",
    "DEFAULT_SANDBOX_PROJECT": "settings",
    "Decision": "decision",
    "Op": "vocabulary",
    "PlaneWrite": "classification",
    "PlaneWriteBlocked": "errors",
    "Reason": "vocabulary",
    "Settings": "settings",
    "audit_allow": "audit",
    "audit_block": "audit",
    "classify": "classification",
    "decide": "decision",
    "in_test_process": "process",
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

"""What is a write to Plane, and may it go out? The decision core: standard library only, no I/O.

PYTEST_DONT_REWRITE: the guard is imported before pytest could rewrite it.
"""

from __future__ import annotations

from plane_guard._audit import audit_allow, audit_block
from plane_guard._classify import PlaneWrite, classify
from plane_guard._decide import Decision, decide
from plane_guard._errors import PlaneWriteBlocked
from plane_guard._settings import Settings
from plane_guard._words import DEFAULT_HOSTS, DEFAULT_SANDBOX_PROJECT, Op, Reason

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

PlaneWriteBlocked.__module__ = __name__

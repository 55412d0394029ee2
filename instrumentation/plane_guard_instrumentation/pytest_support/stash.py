"""The keys under which the plugin keeps things on pytest's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked

BLOCKED: pytest.StashKey[list[PlaneWriteBlocked]] = pytest.StashKey()
"""The refusals of a test, in order."""
EXPECTED = pytest.StashKey[bool]()
"""True if the test requested ``plane_blocked_writes``."""

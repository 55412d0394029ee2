"""These tests also judge changed copies of the core, in forks, which must not remember what the real one worked out."""

from __future__ import annotations

import pytest

from plane_guard import cache


@pytest.fixture(autouse=True, scope="session")
def nothing_remembered() -> None:
    """Start with nothing worked out."""
    cache.forget()

"""One fake Plane server for the tests of this folder, reset for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.testing import FakePlane

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[FakePlane]:
    """A server that all tests share, because its start costs more than a reset."""
    with FakePlane() as plane:
        yield plane


@pytest.fixture
def plane(server: FakePlane) -> FakePlane:
    """The server in its first state."""
    server.reset()
    return server

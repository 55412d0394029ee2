"""A stand-in Plane server for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.demo.standin import StandInPlane

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def standin_server() -> Iterator[StandInPlane]:
    """Start one server for all tests."""
    with StandInPlane() as plane:
        yield plane


@pytest.fixture
def plane(standin_server: StandInPlane) -> StandInPlane:
    """Return the server as on its first day."""
    standin_server.reset()
    return standin_server

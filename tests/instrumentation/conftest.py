"""Fixtures of the floor, children to which localhost is a Plane host among them, and a write that needs a proof."""

from __future__ import annotations

import http.client
import shutil
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.enforcement import ownership
from tests.harness import Child
from tests.instrumentation import floor_clients, floor_server
from tests.instrumentation.bystander import Scene
from tests.instrumentation.floor_server import IN_TEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane
    from tests.instrumentation.floor_server import Asked


@pytest.fixture
def scene(plane: FakePlane) -> Scene:
    """A write that needs a proof; none that was given before counts."""
    ownership._proven.clear()
    return Scene(plane)


@pytest.fixture
def connection(plane: FakePlane) -> Iterator[http.client.HTTPConnection]:
    """A connection of `http.client` to the fake server, closed in the end."""
    opened = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=10)
    yield opened
    opened.close()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with floor_server.serving(tmp_path) as asked:
        yield asked


@pytest.fixture
def floored(asked: Asked, tmp_path: Path) -> Child:
    """Children to which localhost is a Plane host, while 127.0.0.1 is none."""
    shutil.copy(floor_clients.__file__, tmp_path)
    return Child(tmp_path, asked.environment | IN_TEST)

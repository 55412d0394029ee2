"""Fixtures of the floor: servers on loopback, and children to which localhost is a Plane host."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.harness import Child
from tests.instrumentation import floor_clients, floor_server
from tests.instrumentation.floor_server import IN_TEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.instrumentation.floor_server import Asked


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with floor_server.serving(tmp_path) as asked:
        yield asked


@pytest.fixture
def floored(asked: Asked, tmp_path: Path) -> Child:
    """Children to which localhost is a Plane host, while 127.0.0.1 is none."""
    shutil.copy(floor_clients.__file__, tmp_path)
    return Child(tmp_path, asked.environment | IN_TEST)

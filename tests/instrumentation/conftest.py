"""Servers that count requests, children to which localhost is a Plane host, and a write that needs a proof."""

from __future__ import annotations

import http.client
import shutil
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.enforcement import ownership
from tests.harness import Child
from tests.instrumentation.connections import counting_servers, uninspected_clients
from tests.instrumentation.connections.counting_servers import IN_TEST
from tests.instrumentation.enforcement.proven_write import ProvenWrite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane
    from tests.instrumentation.connections.counting_servers import RequestCounts


@pytest.fixture
def proven_write(plane: FakePlane) -> ProvenWrite:
    """A write that needs a proof; none that was given before counts."""
    ownership._proven.clear()
    return ProvenWrite(plane)


@pytest.fixture
def connection(plane: FakePlane) -> Iterator[http.client.HTTPConnection]:
    """A connection of `http.client` to the fake server, closed in the end."""
    opened = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=10)
    yield opened
    opened.close()


@pytest.fixture
def request_counts(tmp_path: Path) -> Iterator[RequestCounts]:
    with counting_servers.serving(tmp_path) as counts:
        yield counts


@pytest.fixture
def guarded_child(request_counts: RequestCounts, tmp_path: Path) -> Child:
    """Children to which localhost is a Plane host, while 127.0.0.1 is none."""
    shutil.copy(uninspected_clients.__file__, tmp_path)
    return Child(tmp_path, request_counts.environment | IN_TEST)

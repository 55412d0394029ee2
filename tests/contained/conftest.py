"""Fixtures for contained runs; skipped where there is no Python 3.12 with mitmproxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contained import environment as environments
from tests.contained.machine import Machine, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contained.environment import Environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return environments.find(tmp_path_factory.mktemp("contained"))


@pytest.fixture
def machine(environment: Environment, tmp_path: Path) -> Iterator[Machine]:
    """Servers of Plane and of somebody else, and a folder in which commands run contained."""
    with Machine(environment, tmp_path, Tls(tmp_path)) as made:
        yield made

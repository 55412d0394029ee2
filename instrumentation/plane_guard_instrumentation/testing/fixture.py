"""The pytest fixture `fake_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard.settings import OPT_IN_VARIABLE, SANDBOX_VARIABLE
from plane_guard_instrumentation.testing.variables import (
    PROJECT_VARIABLES,
    TOKEN_VARIABLES,
    URL_VARIABLES,
    WORKSPACE_VARIABLES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_instrumentation.testing.server import FakePlane

_SERVER = pytest.StashKey["FakePlane"]()


@pytest.fixture
def fake_plane(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlane]:
    """A Plane server on loopback for this test: its sandbox project is writable, and Plane's clients are sent to it."""
    plane = _server(pytestconfig)
    plane.reset()
    for name, value in environment(plane).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(OPT_IN_VARIABLE, "1")
    monkeypatch.setenv(SANDBOX_VARIABLE, plane.project)
    yield plane
    # A thread that outlives the test must not find the server as the next test expects it.
    plane.reset()


def environment(plane: FakePlane) -> dict[str, str]:
    """Return the variables that point Plane's clients at the server."""
    values = (
        (URL_VARIABLES, plane.url),
        (TOKEN_VARIABLES, plane.token),
        (WORKSPACE_VARIABLES, plane.workspace),
        (PROJECT_VARIABLES, plane.project),
    )
    return {name: value for names, value in values for name in names}


def _server(config: pytest.Config) -> FakePlane:
    """Return the server of this process. It is started once, because a thread and a socket cost more than a reset."""
    if _SERVER not in config.stash:
        from plane_guard_instrumentation.testing.server import FakePlane

        plane = FakePlane(cloud=True)
        plane.__enter__()
        config.stash[_SERVER] = plane
        config.add_cleanup(lambda: plane.__exit__(None, None, None))
    return config.stash[_SERVER]

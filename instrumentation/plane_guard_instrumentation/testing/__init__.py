"""A fake Plane server for tests: `FakePlane`, and the fixture `fake_plane` that the pytest plugin offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing.database import Change
    from plane_guard_instrumentation.testing.http_server import ReceivedRequest, Reply
    from plane_guard_instrumentation.testing.server import FakePlane, Faults
    from plane_guard_instrumentation.testing.world import ProjectHandle

__all__ = ["Change", "FakePlane", "Faults", "ProjectHandle", "ReceivedRequest", "Reply"]

_MODULES = {
    "Change": "database",
    "FakePlane": "server",
    "Faults": "server",
    "ProjectHandle": "world",
    "ReceivedRequest": "http_server",
    "Reply": "http_server",
}


def __getattr__(name: str) -> object:
    # Imported on first use: every pytest session imports this package for the fixture, few sessions need the server.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

"""`plane-guard demo`: a replay of the incident on this machine, against a fake Plane server."""

from __future__ import annotations

from plane_guard_dashboard.demo.command import demo
from plane_guard_instrumentation.testing import FakePlane

__all__ = ["FakePlane", "demo"]

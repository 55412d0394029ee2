"""`plane-guard demo`: the incident, replayed on this machine against a stand-in Plane server."""

from __future__ import annotations

from plane_guard_dashboard.demo.command import demo
from plane_guard_dashboard.demo.standin import StandInPlane

__all__ = ["StandInPlane", "demo"]

"""The rows of the traces and the engines that query them, with the same queries and columns for each kind of source."""

from __future__ import annotations

from plane_guard_dashboard.store.engine import Engine, EngineError, Health, Source
from plane_guard_dashboard.store.opening import open_engine

__all__ = ["Engine", "EngineError", "Health", "Source", "open_engine"]

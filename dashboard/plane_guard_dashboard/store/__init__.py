"""Where the rows are kept and asked for: one engine per kind of source, the same named queries and columns for all."""

from __future__ import annotations

from plane_guard_dashboard.store.engine import Engine, Health, Source, open_engine

__all__ = ["Engine", "Health", "Source", "open_engine"]

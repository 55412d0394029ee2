"""The engine for a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plane_guard_dashboard.store.engine import Engine


def open_engine(source: str) -> Engine:
    """Return the engine for a folder, a file or a `clickhouse://` address. It has read nothing yet."""
    if source.startswith(("clickhouse://", "clickhouses://")):
        from plane_guard_dashboard.store.clickhouse import ClickHouse

        return ClickHouse(source)
    from plane_guard_dashboard.store.local import Local

    return Local(source)

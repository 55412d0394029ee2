"""A folder of evidence, a cache of its own, and the engine over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.store.queries import Filters

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_dashboard.store.local import Local


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = tmp_path / "evidence"
    found.mkdir()
    return found


def ids(engine: Local) -> list[str]:
    """Every decision that a page could show."""
    engine.refresh()
    found = engine.query("latest", everything())
    return sorted(row["decision_id"] for row in found)


def everything(**more: object) -> dict[str, Any]:
    known = {
        "limit": 100_000,
        "step": 10**9,
        "before_ns": 2**63 - 1,
        "before_id": "~",
        "id": "",
        "trace_id": "",
        "key": "",
    }
    return {
        **Filters().parameters(),
        **known,
        "keys": [],
        "newest": [],
        "this_run": "",
        "other_run": "",
        "with_sandbox": True,
        **more,
    }


def cached(folder: Path) -> list[Path]:
    """The files of the cache."""
    return sorted((folder.parent / "cache").glob("plane-guard/*/*"))

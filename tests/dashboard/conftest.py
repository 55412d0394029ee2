"""Fixtures of the dashboard's tests."""

from __future__ import annotations

import pytest

from plane_guard_dashboard.evidence import otlp


@pytest.fixture(params=["orjson", "standard library"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way to parse a line reads the same."""
    if request.param == "standard library":
        monkeypatch.setattr(otlp, "orjson", None)

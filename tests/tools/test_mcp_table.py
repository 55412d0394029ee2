"""The table of MCP actions is that of the installed server."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from plane_guard import mcp_actions
from tools import mcp_table

if TYPE_CHECKING:
    import pytest


def test_the_table_is_that_of_the_installed_server(capsys: pytest.CaptureFixture[str]) -> None:
    installed = importlib.metadata.version("plane-mcp-server")
    changed = mcp_table.main(["--check"])
    difference = capsys.readouterr().out
    assert not changed, f"{installed} differs from {mcp_actions.VERSION}; run python -m tools.mcp_table\n{difference}"


def test_a_table_that_differs_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_table, "TABLE", mcp_table.TABLE.with_name("missing.py"))
    monkeypatch.setattr(mcp_table, "render", lambda: "label paint update\n")
    assert mcp_table.main(["--check"]) == 1
    assert "+label paint update" in capsys.readouterr().out

"""The page follows the traces: it reruns when there is something new to read, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import streamlit as st

from plane_guard_dashboard import live
from tests.dashboard.evidence import decision, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def reruns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(st, "rerun", lambda: calls.append("rerun"))
    monkeypatch.setattr(st, "session_state", {})
    return calls


def test_only_a_change_of_the_traces_reruns_the_page(tmp_path: Path, reruns: list[str]) -> None:
    write(tmp_path / "a.jsonl", decision())
    live.load(str(tmp_path))
    live.look(str(tmp_path))
    assert not reruns
    write(tmp_path / "a.jsonl", decision())
    live.look(str(tmp_path))
    assert reruns == ["rerun"]


def test_the_first_evidence_reruns_a_page_that_had_none(tmp_path: Path, reruns: list[str]) -> None:
    live.load(str(tmp_path))
    write(tmp_path / "a.jsonl", decision())
    live.look(str(tmp_path))
    assert reruns == ["rerun"]

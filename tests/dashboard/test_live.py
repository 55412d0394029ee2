"""An open page looks again by itself, and reruns or announces only when there is something new."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import streamlit as st

from plane_guard_dashboard.evidence.traces import NoTracesError, SourceState
from plane_guard_dashboard.store import open_engine
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views import live
from plane_guard_dashboard.views.view import View
from tests.dashboard.evidence import decision, write

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path


class Slow:
    """An engine whose first refresh lasts until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.looks = 0

    def refresh(self, progress: Any) -> Hashable:
        self.looks += 1
        progress(1, 4)
        self.begun.set()
        assert self.go.wait(10)
        return "generation"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(st, "rerun", lambda: found.append("rerun"))
    monkeypatch.setattr(st, "button", lambda label, **_: found.append(label))
    monkeypatch.setattr(st, "set_page_config", lambda *, page_title: found.append(page_title))
    monkeypatch.setattr(st, "toast", lambda body, **_: found.append(body))
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(live, "_FRESH", 0)
    monkeypatch.setattr(live, "SECONDS_BETWEEN_RERUNS", 0)
    return found


def opened(folder: Path) -> tuple[live.Watch, View | None]:
    watch = live.Watch(open_engine(str(folder)))
    found = live.load(watch)
    if isinstance(found, NoTracesError):
        return watch, None
    view = View(str(folder), watch.engine, found, Filters(), datetime.now(UTC))
    live.remember(view, "Overview")
    return watch, view


def test_only_a_change_of_the_traces_reruns_a_live_page(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path / "a.jsonl", decision())
    watch, view = opened(tmp_path)
    live.tick(watch, view, "Title", live=True)
    assert not calls
    write(tmp_path / "a.jsonl", decision())
    live.tick(watch, view, "Title", live=True)
    assert calls == ["rerun"]


def test_a_live_page_is_not_rerun_too_often(tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SECONDS_BETWEEN_RERUNS", 60)
    write(tmp_path / "a.jsonl", decision())
    watch, view = opened(tmp_path)
    write(tmp_path / "a.jsonl", decision())
    live.tick(watch, view, "Title", live=True)
    assert not calls


def test_other_pages_announce_what_is_new(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path / "a.jsonl", decision())
    watch, view = opened(tmp_path)
    live.tick(watch, view, "Title", live=False)
    assert not calls
    write(tmp_path / "a.jsonl", decision(), decision())
    live.tick(watch, view, "Title", live=False)
    assert calls == ["(2 new) Title", "2 new decisions: show"]


def test_a_new_attempt_announces_itself_and_the_title_of_the_tab_counts_it(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path / "a.jsonl", decision())
    _, view = opened(tmp_path)
    assert view is not None
    assert live.remember(view, "Overview") == "Overview · plane-guard"
    leak = {"plane_guard.decision.outcome": "allow"}
    write(tmp_path / "a.jsonl", decision(), decision(), decision(leak))
    newer = replace(view, generation=view.engine.refresh())
    assert live.remember(newer, "Overview") == "(3 new) ‼ 1 got through · Overview · plane-guard"
    assert calls == ["1 write to production got through", "2 new attempts on production"]
    assert live.remember(newer, "Attempts") == "‼ 1 got through · Attempts · plane-guard"


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ((0, 0, 1.0), "Reading the traces …"),
        ((250_000_000, 1_000_000_000, 10.0), "Reading the traces: 25% of 1,000 MB, about 30 s left"),
        ((1, 1_000_000, 0.1), "Reading the traces: 0% of 1 MB"),
    ],
)
def test_progress_has_a_percentage_and_the_time_left(progress: tuple[int, int, float], words: str) -> None:
    assert live.progress_text(*progress) == words


def test_ages_are_told_anew_on_a_live_page_only(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SECONDS_UNTIL_AGES_ARE_OLD", 0)
    write(tmp_path / "a.jsonl", decision())
    watch, view = opened(tmp_path)
    live.tick(watch, view, "Title", live=False)
    assert not calls
    live.tick(watch, view, "Title", live=True)
    assert calls == ["rerun"]


def test_the_first_evidence_and_its_loss_rerun_every_page(tmp_path: Path, calls: list[str]) -> None:
    watch, view = opened(tmp_path)
    live.tick(watch, view, "Title", live=True)
    assert not calls
    file = write(tmp_path / "a.jsonl", decision())
    live.tick(watch, view, "Title", live=True)
    assert calls == ["rerun"]
    watch, view = opened(tmp_path)
    file.unlink()
    live.tick(watch, view, "Title", live=False)
    assert calls == ["rerun", "rerun"]


def test_one_look_serves_all_who_ask_within_half_a_second() -> None:
    engine = Slow()
    engine.go.set()
    watch = live.Watch(engine)  # type: ignore[arg-type]
    assert [watch.look() for _ in range(10)] == ["generation"] * 10
    assert engine.looks == 1


def test_whoever_comes_while_another_reads_waits_and_sees_how_far_it_is() -> None:
    engine = Slow()
    watch = live.Watch(engine)  # type: ignore[arg-type]
    reader = threading.Thread(target=watch.look)
    reader.start()
    assert engine.begun.wait(10)
    seen: list[tuple[int, int]] = []

    def show(*progress: int) -> None:
        seen.append((progress[0], progress[1]))
        engine.go.set()

    assert watch.look() is None
    assert watch.look(show) == "generation"
    reader.join()
    assert seen[0] == (1, 4)
    assert engine.looks == 1


def test_the_mark_of_nothing_is_why(tmp_path: Path) -> None:
    found = live.Watch(open_engine(str(tmp_path))).look()
    assert isinstance(found, NoTracesError)
    assert found.state is SourceState.EMPTY

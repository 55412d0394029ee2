"""The data page: where the figures come from, and what they leave out."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.evidence import decision, resource, session
from tests.dashboard.pages.single import HOSTILE, grid, markdown, shown, tables
from tests.dashboard.pages.whole import figures

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.pages.whole import Dashboard


def test_sources_are_listed_with_their_size(dashboard: Dashboard) -> None:
    dashboard.holds(session(), decision())
    app = shown("data", dashboard.folder)
    (row,) = grid(app)
    size = (dashboard.folder / "decisions-box-1.jsonl").stat().st_size
    assert (row["Source"], row["Size"], row["Not read yet"]) == ("decisions-box-1.jsonl", size, 0)
    assert figures(app)["Lines read"] == "2"
    assert "All lines could be read." in markdown(app)


def test_damage_is_told_with_its_place_and_reason(dashboard: Dashboard) -> None:
    dashboard.holds(session(), decision(), raw=b"garbage\n")
    app = shown("data", dashboard.folder)
    assert figures(app)["Bad lines"] == "1"
    assert "1 line and 0 files could not be read" in markdown(app)
    (row,) = grid(app, 1)
    assert (row["File"], row["Byte"]) == ("raw.jsonl", 0)
    assert "JSON" in row["Why"]


def test_duplicates_and_lines_in_the_making_are_counted(dashboard: Dashboard) -> None:
    one = decision()
    dashboard.holds(session(), one, one, raw=b'{"resourceSpans": [')
    now = time.time()
    os.utime(dashboard.folder / "raw.jsonl", (now, now))
    found = figures(shown("data", dashboard.folder))
    assert (found["Duplicates"], found["Pending"], found["Bad lines"]) == ("1", "1", "0")


def test_a_run_without_a_decision_is_listed(dashboard: Dashboard) -> None:
    dashboard.holds(session(), decision(), session(of=resource("silent")))
    assert [row["Run"] for row in grid(shown("data", dashboard.folder), 1)] == ["silent"]


def test_an_operation_that_nobody_knows_is_listed_by_its_template(dashboard: Dashboard) -> None:
    dashboard.holds(session(), decision({"plane_guard.op": "unknown", "url.template": "/api/new/", "n": None}))
    (row,) = grid(shown("data", dashboard.folder), 1)
    assert (row["Method"], row["URL template"], row["Decisions"]) == ("PATCH", "/api/new/", 1)


def test_versions_and_layers_are_counted(dashboard: Dashboard) -> None:
    dashboard.holds(session(), decision(), decision({"plane_guard.decision.outcome": "allow"}))
    app = shown("data", dashboard.folder)
    assert grid(app, 1)[0]["Version"] == "0.1.0"
    counts = {"Decisions": 2, "Allowed": 1, "Blocked": 1, "Got through": 1, "Expected blocks": 0}
    assert grid(app, 2) == [{"Layer": "httpx"} | counts]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_never_markdown(dashboard: Dashboard, text: str) -> None:
    names = ("plane_guard.decision.layer", "url.template", "http.request.method")
    changes = {**dict.fromkeys(names, text), "plane_guard.op": "unknown"}
    silent = resource(text, **{"plane_guard.version": text, "vcs.ref.head.name": text})
    dashboard.holds(session(of=silent), decision(changes))
    app = shown("data", dashboard.folder)
    assert text[:50] not in markdown(app)
    assert len(tables(app)) == 5


def test_a_hostile_place_is_text(tmp_path: Path, dashboard: Dashboard) -> None:
    folder = tmp_path / ":red[x] **b**"
    folder.mkdir()
    dashboard.folder = folder
    dashboard.holds(session(), decision())
    app = shown("data", folder)
    assert ":red[x]" not in markdown(app)
    assert ":red[x] **b**" in app.code[0].value

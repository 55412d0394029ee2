"""Every page on a million decisions: drawn, counted right, and no list longer than a page can hold."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from plane_guard_dashboard.views import live
from tests.dashboard.evidence import SECOND, START, decision, resource, session, write
from tests.dashboard.pages.single import followed, grid, markdown, tables
from tests.dashboard.pages.single import opened as href_of
from tests.dashboard.pages.whole import APP, figures, title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS = 400
LINES_A_RUN = 5
DECISIONS_A_LINE = 500
ATTEMPTS_A_LINE = 25
TESTS = 500
DECISIONS = RUNS * LINES_A_RUN * DECISIONS_A_LINE
ATTEMPTS = RUNS * LINES_A_RUN * ATTEMPTS_A_LINE
SECONDS_TO_READ = 300
ID = "decision-399-4-0"
_LEFT_OUT = (
    *("plane_guard.decision.seq", "plane_guard.decision.layer", "plane_guard.workspace.slug", "plane_guard.test.phase"),
    *("plane_guard.work_item.id", "plane_guard.work_item.key", "http.request.method", "url.template"),
    *("server.address", "server.port", "code.file.path", "code.line.number", "code.function.name"),
)
_ALLOWED = {
    "plane_guard.decision.outcome": "allow",
    "plane_guard.decision.reason": "sandbox-allowed",
    "plane_guard.target": "sandbox",
}


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a million decisions, and the cache that they are in once a page has read them."""
    folder = tmp_path_factory.mktemp("million")
    traces = folder / "traces"
    traces.mkdir()
    sessions = [session(at=START + run * SECOND, of=resource(f"run-{run:03}")) for run in range(RUNS)]
    write(traces / "sessions.jsonl", *sessions)
    with (traces / "decisions.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(_lines(*_template(folder, {}), *_template(folder, _ALLOWED)[1:]))
    yield folder
    live.watch_of.clear()
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _read_once(_own_cache: None, million: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(million / "cache"))
    monkeypatch.setenv("PLANE_GUARD_TRACES", str(million / "traces"))


def opened(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=SECONDS_TO_READ)
    app.switch_page(f"views/{name}.py")
    for parameter, value in query.items():
        app.query_params[parameter] = value
    app.run()
    assert not app.exception
    return app


def test_the_overview_counts_all_and_lists_a_few() -> None:
    app = opened("overview")
    assert title(app) == f"{ATTEMPTS:,} attempts to write to production, all blocked"
    found = figures(app)
    assert [found[name] for name in ("Blocked attempts", "Tests responsible", "Guarded processes")] == [
        f"{ATTEMPTS:,}",
        f"{TESTS:,}",
        f"{RUNS:,}",
    ]
    top, bars, last = (grid(app, number) for number in range(3))
    assert sum(row["Decisions"] for row in bars) == ATTEMPTS
    assert (len(top), len(last)) == (10, 10)
    assert {row["Attempts"] for row in top} == {ATTEMPTS // TESTS}


@pytest.mark.parametrize(
    ("query", "attempts"),
    [
        ({"contains": "CASE_49"}, 11 * ATTEMPTS // TESTS),
        ({"run": "run-007"}, ATTEMPTS // RUNS),
        ({"target": "sandbox"}, 0),
    ],
)
def test_a_filter_counts_what_it_leaves_in(query: dict[str, str], attempts: int) -> None:
    assert figures(opened("overview", **query))["Blocked attempts"] == f"{attempts:,}"


@pytest.mark.parametrize(("by", "groups"), [("issue", 200), ("test", 200), ("project", 1), ("caller", 1)])
def test_attempts_are_grouped_and_capped(by: str, groups: int) -> None:
    app = opened("attempts", by=by)
    rows = grid(app)
    assert len(rows) == groups
    if groups == 200:  # the states are counted over everything, not over what is listed
        newest = LINES_A_RUN * ATTEMPTS_A_LINE
        assert f"0 regressed, {newest} ongoing, {TESTS - newest} not run since, 0 gone." in markdown(app)
    assert {row["Attempts"] for row in rows} == {ATTEMPTS // TESTS if groups == 200 else ATTEMPTS}
    again = opened("attempts", **followed(href_of(app)))
    assert len(grid(again, "The latest decisions of this group")) == 100


def test_runs_are_capped_and_each_is_counted_in_full() -> None:
    rows = grid(opened("runs"), "Runs, the latest first")
    assert [row["Run"] for row in rows] == [f"run-{run:03}" for run in range(RUNS - 1, RUNS - 201, -1)]
    assert {row["Decisions"] for row in rows} == {DECISIONS // RUNS}
    one = figures(opened("runs", inspect="run-000"))
    assert (one["Decisions"], one["Blocked on production"]) == (f"{DECISIONS // RUNS:,}", f"{ATTEMPTS // RUNS:,}")


def test_a_decision_is_chosen_among_the_latest_and_found_by_its_id() -> None:
    assert len(grid(opened("decision"))) == 100
    app = opened("decision", id=ID)
    assert title(app).startswith("Blocked: moving a work item to another state")
    assert ID in [code.value for code in app.code]


def test_the_data_page_accounts_for_all() -> None:
    app = opened("data")
    assert figures(app)["Lines read"] == f"{RUNS * (LINES_A_RUN + 1):,}"
    assert (figures(app)["Bad lines"], figures(app)["Duplicates"]) == ("0", "0")
    (layer,) = [row for number in range(len(tables(app))) for row in grid(app, number) if "Layer" in row]
    assert (layer["Decisions"], layer["Blocked"]) == (DECISIONS, ATTEMPTS)
    assert "All lines could be read." in markdown(app)


def _template(folder: Path, changes: dict[str, str]) -> tuple[str, str]:
    """A line as the exporter writes it with room for events, and one of those."""
    marks = {"plane_guard.decision.id": "decision-%(id)s", "test.case.name": "tests/test_it.py::case_%(test)d"}
    span = decision(dict.fromkeys(_LEFT_OUT) | marks | changes, of=resource("run-%(run)03d"))
    file = write(folder / "line.jsonl", span)
    document = json.loads(file.read_text())
    file.unlink()
    inner = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    inner |= {"spanId": "%(number)016x", "traceId": "%(number)032x"}
    event = json.dumps(inner["events"][0]).replace(str(START), "%(time)d")
    inner["events"] = ["%(events)s"]
    return json.dumps(document).replace('"%(events)s"', "%(events)s") + "\n", event


def _lines(line: str, blocked: str, allowed: str) -> Iterator[str]:
    for number in range(RUNS * LINES_A_RUN):
        run, place = divmod(number, LINES_A_RUN)
        events = [
            (blocked if index < ATTEMPTS_A_LINE else allowed)
            % {
                "id": f"{run}-{place}-{index}",
                "test": (number * ATTEMPTS_A_LINE + index) % TESTS,
                "time": START + run * SECOND + (place * DECISIONS_A_LINE + index) * 1000,
            }
            for index in range(DECISIONS_A_LINE)
        ]
        yield line % {"run": run, "number": number + 1, "events": ",".join(events)}

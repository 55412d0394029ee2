"""The filters: each is in the address, and a value that nobody knows filters too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.store.queries import FIELDS, Filters
from plane_guard_dashboard.views import filter_actions
from plane_guard_dashboard.views.filters import COMMON, RARE
from plane_guard_dashboard.views.period import written
from tests.dashboard.evidence import SECOND, START, decision, resource, session, write
from tests.dashboard.pages.single import HOSTILE, grid, shown, text
from tests.dashboard.pages.whole import title

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.dashboard.pages.whole import Dashboard

OTHER = {
    "plane_guard.decision.id": "b2",
    "plane_guard.op": "comment",
    "plane_guard.decision.reason": "opt-in-disabled",
    "plane_guard.project.id": "project-2",
    "test.case.name": "tests/test_other.py::test_x[prod]",
}
ALL = {"b1", "b2", "u"}


@pytest.fixture
def filled(dashboard: Dashboard) -> Dashboard:
    other = resource("run-2", service="plane-guard-demo", **{"vcs.ref.head.name": "topic"})
    return dashboard.holds(
        session(),
        decision({"plane_guard.decision.id": "b1"}),
        decision(OTHER, at=START + 60 * SECOND, of=other),
        decision({"plane_guard.target": "unresolved", "plane_guard.decision.id": "u"}),
    )


def ids(app: AppTest) -> set[str]:
    return {row["Decision"] for row in grid(app, -1)} if app.dataframe else set()


def test_every_field_has_its_widget() -> None:
    assert sorted((*COMMON, *RARE)) == sorted(FIELDS)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ALL),
        ({"verdict": ["blocked"]}, ALL),
        ({"target": ["unresolved"]}, {"u"}),
        ({"target": ["unresolved", "prod"]}, ALL),
        ({"op": ["comment"]}, {"b2"}),
        ({"reason": ["opt-in-disabled"]}, {"b2"}),
        ({"op": ["comment"], "reason": ["prod-project-in-test"]}, set()),
        ({"project": ["project-2"]}, {"b2"}),
        ({"service": ["plane-guard-demo"]}, {"b2"}),
        ({"branch": ["topic"]}, {"b2"}),
        ({"run": ["run-2"]}, {"b2"}),
        ({"run": ["no such run"]}, set()),
        ({"test": ["tests/test_other.py::test_x[prod]"]}, {"b2"}),
        ({"contains": "TEST_OTHER"}, {"b2"}),
        ({"contains": "%"}, set()),
        ({"origin": "tests"}, {"b1", "u"}),
        ({"origin": "demo"}, {"b2"}),
        ({"origin": "nonsense"}, {"b1", "u"}),
        ({"without": ["op:comment"]}, {"b1", "u"}),
        ({"without": ["op:comment", "target:unresolved"]}, {"b1"}),
        ({"without": ["test:tests/test_other.py::test_x[prod]"]}, {"b1", "u"}),
        ({"without": ["nonsense", "what:ever"]}, ALL),
        ({"from": written(START + SECOND)}, {"b2"}),
        ({"until": written(START + SECOND)}, {"b1", "u"}),
        ({"from": "nonsense"}, ALL),
        ({"range": "15min"}, set()),
        ({"range": "nonsense"}, ALL),
        ({"issue": "no such"}, set()),
    ],
)
def test_the_address_bar_filters(filled: Dashboard, query: dict[str, str | list[str]], found: set[str]) -> None:
    app = filled.opened(**({"origin": "any"} | query))
    assert ids(app) == found
    if not found:
        assert any("No decision matches these filters; there are 3 in all." in info.value for info in app.info)
        assert title(app) == "No attempt on production matches the filters"


def test_the_filters_in_use_are_told_and_cleared(filled: Dashboard) -> None:
    app = filled.opened(op=["comment"], without=["target:prod"], contains="x", range="7d")
    assert "Filtered by range: 7d · op: comment · contains: x · without: target:prod" in text(app)
    app.button(key="clear").click().run()
    assert ids(app) == {"b1", "u"}
    assert "Filtered by" not in text(app)


@pytest.mark.parametrize(
    ("query", "used"), [({"without": ["op:x"]}, True), ({"verdict": ["blocked"]}, False), ({}, False)]
)
def test_the_rare_filters_are_put_away_unless_used(
    filled: Dashboard, query: dict[str, list[str]], *, used: bool
) -> None:
    app = filled.opened(**query)
    for _ in range(2):
        (more,) = (expander for expander in app.sidebar.expander if expander.label == "More filters")
        assert more.proto.expanded is used
        app.run()


def test_values_are_offered_most_frequent_first(filled: Dashboard) -> None:
    app = filled.opened()
    assert app.multiselect(key="op").options == ["state", "comment"]


def test_an_invalid_time_is_ignored_and_not_listed_as_a_filter(filled: Dashboard) -> None:
    app = filled.opened(**{"from": "yesterday"})
    assert any("Invalid time, ignored" in warning.value for warning in app.warning)
    assert "yesterday" not in text(app)


@pytest.mark.parametrize(
    ("verdict", "blocked", "through"), [("allowed", 0, 1), ("blocked", 1, 0), ("expected block", 0, 0)]
)
def test_every_number_of_the_attempts_page_obeys_the_verdict_filter(
    tmp_path: Path, verdict: str, blocked: int, through: int
) -> None:
    write(
        tmp_path / "a.jsonl",
        session(),
        decision({"plane_guard.decision.id": "blocked"}),
        decision({"plane_guard.decision.id": "through", "plane_guard.decision.outcome": "allow"}),
        decision({"plane_guard.decision.id": "expected", "plane_guard.decision.expected": True}),
    )
    app = shown("attempts", tmp_path, filters=Filters(only={"verdict": (verdict,)}))
    rows = grid(app) if app.dataframe else []
    assert sum(row["Blocked on production"] for row in rows) == blocked
    assert sum(row["Got through"] for row in rows) == through
    captions = "\n".join(str(caption.value) for caption in app.caption)
    assert not rows or f"{blocked} attempt{'s' * (blocked != 1)} on production blocked" in captions


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_can_be_filtered_by(dashboard: Dashboard, value: str) -> None:
    hostile = decision({"plane_guard.op": value, "plane_guard.decision.id": "h"})
    app = dashboard.holds(session(), hostile, decision()).opened()
    box = app.multiselect(key="op")
    box.select(next(option for option in box.options if option != "state")).run()
    assert not app.exception
    assert ids(app) == {"h"}


def test_only_and_without_undo_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    filter_actions.only("op", "comment")
    assert state == {"op": ["comment"], "without": []}
    filter_actions.without("op", "comment")
    filter_actions.without("op", "comment")
    assert state == {"op": [], "without": ["op:comment"]}
    filter_actions.only("op", "comment")
    assert state == {"op": ["comment"], "without": []}
    filter_actions.between("a", "b")
    assert (state["from"], state["until"]) == ("a", "b")
    filter_actions.clear()
    assert set(state) == set(filter_actions.KEYS)
    assert not any(value for key, value in state.items() if key not in ("range", "origin"))

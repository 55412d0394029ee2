"""The filters: each is in the address, and a value that nobody knows filters too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.store.queries import FIELDS, Filters
from plane_guard_dashboard.views import filters
from plane_guard_dashboard.views.filter_bar import FACETS, MENUS
from plane_guard_dashboard.views.period import PRESETS, written
from tests.dashboard.evidence import SECOND, START, decision, resource, session, write
from tests.dashboard.pages.single import HOSTILE, followed, grid, shown, tables
from tests.dashboard.pages.single import filters as filters_of

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
LATEST = "The latest attempts"


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
    return (
        {row["Decision"] for row in grid(app, LATEST)} if any(one["label"] == LATEST for one in tables(app)) else set()
    )


def active(app: AppTest) -> list[str]:
    return [chip["text"].removesuffix(" ✕") for chip in filters_of(app)["active"]]


def test_every_field_can_be_chosen() -> None:
    assert sorted((*FACETS, *MENUS)) == sorted(FIELDS)


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


@pytest.mark.parametrize("text", ["ORCH-114", "MOVES_to", "notify_stage", "box", "orders-wt", "b1"])
def test_the_search_finds_work_item_test_caller_host_repository_and_decision(dashboard: Dashboard, text: str) -> None:
    other = {"plane_guard.work_item.key": "X-1", "test.case.name": "t", "code.function.name": "g"}
    elsewhere = resource("run-2", **{"host.name": "elsewhere", "vcs.repository.name": "shop"})
    here = resource("run-1", **{"vcs.repository.name": "orders-wt"})
    dashboard.holds(decision({"plane_guard.decision.id": "b1"}, of=here), decision(other, of=elsewhere))
    assert ids(dashboard.opened(contains=text)) == {"b1"}


def test_the_filters_in_use_are_told_and_removed_one_by_one_or_all(filled: Dashboard) -> None:
    app = filled.opened(op=["comment"], without=["target:prod"], contains="x", range="7d", by="test")
    assert active(app) == ["contains: x", "range: 7d", "op: comment", "without: target:prod"]
    assert filters_of(app)["clear"] == "?by=test"
    first = filters_of(app)["active"][0]
    assert "contains" not in followed(first["href"])
    assert followed(first["href"])["op"] == "comment"
    assert filters_of(app)["more"]
    assert not filters_of(filled.opened())["more"]


def test_values_have_counts_that_obey_the_filters(filled: Dashboard) -> None:
    def counts(**query: str) -> dict[str, int]:
        facets = {facet["label"]: facet for facet in filters_of(filled.opened(origin="any", **query))["facets"]}
        return {chip["text"]: chip["count"] for chip in facets["Op"]["chips"]}

    assert [*counts().items()] == [("state", 2), ("comment", 1)]  # the most frequent first
    assert counts(target="unresolved") == {"state": 1}
    assert counts(op="comment") == {"comment": 1}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("from", "yesterday", "Use the form 2026-01-31T10:00"),
        ("until", "soon", "is ignored"),
        ("range", "1y", "Use all, 15min, 1h, 24h, 7d or 30d."),
        ("origin", "me", "Use auto, any, tests or demo."),
        ("verdict", "nonsense", "Use allowed, blocked or expected block."),
        ("target", "nonsense", "Use sandbox, prod or unresolved."),
        ("without", "nonsense", "Use the form op:comment."),
    ],
)
def test_a_value_that_means_nothing_is_ignored_and_said_next_to_its_filter(
    filled: Dashboard, name: str, value: str, words: str
) -> None:
    app = filled.opened(**{"origin": "any", name: value})
    bar = filters_of(app)
    assert name not in [one.partition(":")[0] for one in active(app)]
    near = {one["name"]: one["problem"] for one in bar["fields"]}
    near |= {facet["label"].lower(): facet["problem"] for facet in bar["facets"]}
    near["without"] = " ".join(bar["problems"])
    assert repr(value) in near[name]
    assert words in near[name]
    assert [key for key, problem in near.items() if problem] == [name]
    assert len(ids(app)) == (2 if name == "origin" else 3)


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
    rows = grid(app) if tables(app) else []
    assert sum(row["Attempts"] for row in rows) == blocked + through
    assert sum("THROUGH" in row["Status"] for row in rows) == through
    captions = "\n".join(str(caption.value) for caption in app.caption)
    assert not rows or f"{blocked} attempt{'s' * (blocked != 1)} on production blocked" in captions


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_can_be_filtered_by(dashboard: Dashboard, value: str) -> None:
    hostile = decision({"plane_guard.op": value, "plane_guard.decision.id": "h"})
    app = dashboard.holds(session(), hostile, decision()).opened()
    chips = next(facet["chips"] for facet in filters_of(app)["facets"] if facet["label"] == "Op")
    href = next(chip["href"] for chip in chips if chip["text"] != "state")
    assert ids(dashboard.opened(**followed(href))) == {"h"}


def test_an_address_is_changed_value_by_value() -> None:
    query = {"op": ["comment"], "live": ["off"], "group": ["g"]}
    assert filters.toggled(query, "op", "state")["op"] == ["comment", "state"]
    assert filters.toggled(query, "op", "comment")["op"] == []
    assert filters.cleared(query) == {"live": ["off"], "group": ["g"]}
    assert filters.kept(query) == {"op": ["comment"], "live": ["off"]}


def test_every_period_can_be_chosen(filled: Dashboard) -> None:
    (choices,) = (field["options"] for field in filters_of(filled.opened())["fields"] if field["name"] == "range")
    assert [name or "all" for name, _ in choices] == list(PRESETS)

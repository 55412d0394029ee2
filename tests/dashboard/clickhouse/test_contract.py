"""Both engines give the same rows: every named query, every filter, hostile values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.store.clickhouse import ClickHouse
from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS
from plane_guard_dashboard.store.queries import FIELDS, PARAMETER, QUERIES, Filters, Grouping, Origins
from tests.dashboard.clickhouse.spans import HOSTILE, HOUR, TWICE
from tests.dashboard.evidence import SECOND, START, TEST, decision, resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plane_guard_dashboard.store.local import Local

Rows = list[dict[str, Any]]
FILTERS = (
    Filters(),
    Filters(since_ns=START + 1, until_ns=START + 5 * HOUR),
    Filters(origin=Origins.DEMO),
    Filters(origin=Origins.TESTS, containing="MOVES_TO"),
    Filters(only={"test": HOSTILE}),
    Filters(without={"test": HOSTILE, "project": HOSTILE, "branch": ("(none)",)}),
)
MANY_FILTERS = (
    *FILTERS,
    Filters(since_ns=START + 3 * HOUR),
    Filters(until_ns=START),
    *(Filters(containing=text) for text in ("ÜMLÄUT", "日本", "nothing has this", *HOSTILE)),
    Filters(containing=HOSTILE[0], only={"verdict": ("blocked",)}, without={"verdict": ("blocked",)}),
)
THOROUGHLY = ("scope", "latest", "runs")


def typed(rows: Rows) -> list[list[tuple[str, str, object]]]:
    """The rows with the types of their values: `1` is not `True`."""
    return [[(name, type(value).__name__, value) for name, value in row.items()] for row in rows]


def each_field(local: Local) -> Iterator[Filters]:
    """Every field on its own: values that are there, of which one is left out again."""
    for name in FIELDS:
        values = [row["value"] for row in local.query(f"values_of_{name}", {"limit": 500})]
        yield Filters(only={name: tuple(values[:3])}, without={name: tuple(values[2:3])})


def parameters(name: str, local: Local) -> Iterator[dict[str, object]]:
    """What the queries ask for beside filters; the values are those of the story."""
    grouping = next((by for by in Grouping if name.endswith(f"_by_{by.name.lower()}")), Grouping.ISSUE)
    common: dict[str, object] = {"newest": []}
    groups = local.query(f"attempts_by_{grouping.name.lower()}", {**Filters().parameters(), **common, "limit": 500})
    latest = local.query("latest", {**Filters().parameters(), "limit": 500, "before_ns": 2**62, "before_id": ""})
    around = next(row for row in latest if row["run"] == "run-7")
    common = {
        "limit": 500,
        "step": HOUR,
        "newest": ["run-1", "run-2", f"run {HOSTILE[1]}"],
        "with_sandbox": True,
        "keys": [row["key"] for row in groups],
        "runs": ["run-1", "run-2"],
        "this_run": "run-2",
        "other_run": "run-1",
        "id": TWICE,
        "trace_id": around["trace_id"],
        "before_ns": 2**62,
        "before_id": "",
    }
    for row in groups[:8] if "key" in PARAMETER.findall(QUERIES[name]) else groups[:1]:
        yield {**common, "key": row["key"]}
    yield {
        **common,
        "key": HOSTILE[1],
        "limit": 3,
        "step": SECOND,
        "keys": [],
        "newest": [],
        "with_sandbox": False,
        "this_run": HOSTILE[2],
    }
    yield {
        **common,
        "key": "",
        "id": latest[3]["decision_id"],
        "before_ns": latest[5]["time_ns"],
        "before_id": latest[5]["decision_id"],
    }


def cases(name: str, local: Local) -> Iterator[dict[str, object]]:
    """Every filter with the first parameters, every other set of parameters without a filter."""
    first, *others = parameters(name, local)
    used = set(PARAMETER.findall(QUERIES[name]))
    filters = (*MANY_FILTERS, *each_field(local)) if name in THOROUGHLY else FILTERS
    for found in filters if "since_ns" in used else (Filters(),):
        yield {**first, **found.parameters()}
    issue = local.query("decision", {"id": TWICE})[0]["issue"]
    for more in others:
        yield {**more, **Filters(issue=issue if more["limit"] == 3 else "").parameters()}


@pytest.mark.parametrize("engine", [False], indirect=True, ids=["map"])
@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_the_same_rows_and_types_on_both_engines(name: str, local: Local, engine: ClickHouse) -> None:
    answers = 0
    for case in cases(name, local):
        expected, found = typed(local.query(name, case)), typed(engine.query(name, case))
        assert found == expected, {key: case[key] for key in PARAMETER.findall(QUERIES[name])}
        answers += len(found)
    assert answers, "no case has an answer: add one to the story"


def test_the_cases_have_a_value_for_every_parameter(local: Local) -> None:
    for name, sql in QUERIES.items():
        assert set(PARAMETER.findall(sql)) <= next(cases(name, local)).keys(), name


@pytest.mark.parametrize(("relation", "columns"), [("decisions", DECISIONS), ("sessions", SESSIONS), ("spans", SPANS)])
def test_a_relation_has_the_columns_of_the_table_in_their_types_and_no_null(
    monkeypatch: pytest.MonkeyPatch, engine: ClickHouse, relation: str, columns: dict[str, type]
) -> None:
    monkeypatch.setitem(QUERIES, "all", f"SELECT * FROM {relation}")
    rows = engine.query("all", {})
    assert rows
    assert {name: type(value) for row in rows for name, value in row.items()} == dict(columns)
    assert all(type(value) is columns[name] for row in rows for name, value in row.items())


@pytest.mark.parametrize("relation", ["decisions", "sessions", "spans"])
def test_a_relation_has_the_same_rows_on_both_engines(
    monkeypatch: pytest.MonkeyPatch, local: Local, engine: ClickHouse, relation: str
) -> None:
    columns = {"decisions": DECISIONS, "sessions": SESSIONS, "spans": SPANS}[relation]
    sql = f"SELECT {', '.join(columns)} FROM {relation} ORDER BY {', '.join(columns)}"
    monkeypatch.setitem(QUERIES, "all", sql)
    assert typed(engine.query("all", {})) == typed(local.query("all", {}))


def test_of_an_event_that_is_there_twice_the_one_on_a_span_of_its_own_counts(engine: ClickHouse) -> None:
    [row] = engine.query("decision", {"id": TWICE})
    assert (row["span_name"], row["service"]) == ("plane_guard.decision", "plane-guard")
    assert engine.health().duplicates == 2
    assert engine.health().unreadable_lines == 1


def test_the_span_of_its_own_counts_whatever_the_ids_of_the_spans_are(made: Callable[..., str], dial: Any) -> None:
    client = resource("run-1", "client-of-http")
    both = [
        one
        for number in range(30)
        for one in (
            decision({"plane_guard.decision.id": f"{number}"}, on="PATCH", of=client),
            decision({"plane_guard.decision.id": f"{number}"}),
        )
    ]
    engine = ClickHouse(f"clickhouse://host/{made(*both)}", dial)
    rows = [row for number in range(30) for row in engine.query("decision", {"id": f"{number}"})]
    assert [(row["span_name"], row["service"]) for row in rows] == [("plane_guard.decision", "plane-guard")] * 30


def test_a_test_that_is_no_test_of_the_story_is_found_by_a_part_of_its_name(engine: ClickHouse) -> None:
    wanted = {**Filters(containing=TEST.upper()).parameters()}
    assert engine.query("scope", wanted)[0]["decisions"] > 5

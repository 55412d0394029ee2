"""A statement reads no more of the table than its query asks for."""

from __future__ import annotations

import pytest

from plane_guard_dashboard.store._clickhouse_sql import statement
from plane_guard_dashboard.store._clickhouse_table import Table
from plane_guard_dashboard.store.queries import PARAMETER, QUERIES, Filters

TABLE = Table("default", "otel_traces", {"ResourceAttributes": "Map(String, String)", "SpanAttributes": "Map"})
WINDOW = "Timestamp >= fromUnixTimestamp64Nano({since_ns:Int64}"
MORE = dict.fromkeys(("limit", "step", "before_ns"), 1) | dict.fromkeys(("before_id", "trace_id", "key"), "")


def asked(name: str, **more: object) -> str:
    lists: dict[str, object] = {one: [] for one in PARAMETER.findall(QUERIES[name])}
    return statement(name, {**lists, **Filters().parameters(), **MORE, **more}, TABLE)


@pytest.mark.parametrize("name", ["scope", "timeline_by_kind", "latest", "latest_attempts", "attempt_slots_by_issue"])
def test_a_query_about_a_time_reads_the_spans_of_that_time(name: str) -> None:
    assert asked(name).count(WINDOW) == 1


def test_runs_of_any_time_are_no_silent_ones() -> None:
    decisions, _, sessions = asked("silent_runs").partition("sessions AS (")
    assert WINDOW not in decisions
    assert WINDOW in sessions


def test_a_trace_is_found_by_its_index() -> None:
    assert asked("trace").count("TraceId = {trace_id:String}") == 2


def test_a_filter_that_is_not_set_reads_no_column() -> None:
    assert "has({" not in asked("scope")
    assert "has({op:Array(String)}, op)" in asked("scope", op=["state"])

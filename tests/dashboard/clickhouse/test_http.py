"""Over HTTP, as in earnest: the same answers, an account that may only read, and a sentence for every failure."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState
from plane_guard_dashboard.store import _clickhouse_client as clients
from plane_guard_dashboard.store import open_engine
from plane_guard_dashboard.store.clickhouse import ClickHouse
from plane_guard_dashboard.store.clickhouse_address import PASSWORD
from plane_guard_dashboard.store.queries import QUERIES, Filters
from tests.dashboard.clickhouse.exporter import insert
from tests.dashboard.clickhouse.server import SECRET, Server
from tests.dashboard.clickhouse.spans import HOSTILE, story
from tests.dashboard.evidence import decision, span

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = {**Filters().parameters(), "limit": 500, "before_ns": 2**62, "before_id": ""}


@pytest.fixture
def source(server: Server, made: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(PASSWORD, SECRET)
    return f"clickhouse://reader@127.0.0.1:{server.server_port}/{made(*story())}"


def failure(source: str) -> NoTracesError:
    with pytest.raises(NoTracesError) as caught:
        open_engine(source).refresh()
    assert SECRET not in str(caught.value)
    return caught.value


def test_the_answers_are_those_of_the_files(source: str, local: Any) -> None:
    engine = open_engine(source)
    engine.refresh()
    for text in ("", *HOSTILE):
        case = {**EVERYTHING, "containing": text, "without_test": [text, "\\N", "a\\'"]}
        assert engine.query("latest", case) == local.query("latest", case)


def test_a_statement_holds_no_value_and_no_password(source: str, server: Server) -> None:
    engine = open_engine(source)
    engine.refresh()
    engine.query("latest", {**EVERYTHING, "containing": "x' OR 1=1 -- "})
    sql, sent = server.asked[-1]
    assert "OR 1=1" not in sql
    assert (sent["readonly"], sent["max_execution_time"]) == ("1", "30")
    assert not any(SECRET in str(one) for one in server.asked)


def test_an_account_that_may_change_no_setting_is_answered_as_well(source: str, server: Server) -> None:
    server.locked = True
    engine = open_engine(source)
    engine.refresh()
    assert engine.query("latest", EVERYTHING)
    assert engine.query("scope", EVERYTHING)[0]["decisions"] > 20


def test_an_account_with_limits_of_its_own_is_answered_within_them(source: str, server: Server) -> None:
    server.constrained = {"max_execution_time"}
    engine = open_engine(source)
    engine.refresh()
    assert engine.query("scope", EVERYTHING)[0]["decisions"] > 20
    assert "max_execution_time" not in server.asked[-1][1]


def test_the_generation_changes_with_a_decision_and_not_with_other_spans(
    client: Any, made: Callable[..., str], dial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plane_guard_dashboard.store.clickhouse.SHARE_OF_LOOKING", float("inf"))
    name = made(decision())
    engine = ClickHouse(f"clickhouse://host/{name}", dial)
    first = engine.refresh()
    insert(client, name, span("GET", {}))
    assert engine.refresh() == first
    insert(client, name, decision())
    assert engine.refresh() != first


def test_looking_takes_a_share_of_the_time_only_and_misses_nothing(
    client: Any, made: Callable[..., str], dial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plane_guard_dashboard.store.clickhouse.SHARE_OF_LOOKING", 1e-6)
    name = made(decision())
    engine = ClickHouse(f"clickhouse://host/{name}", dial)
    first = engine.refresh()
    insert(client, name, decision())
    assert engine.refresh() == first
    engine._next_look = 0
    assert engine.refresh() != first


def test_the_span_of_a_decision_is_shown_with_its_attributes_and_events(source: str) -> None:
    engine = open_engine(source)
    row = engine.query("latest", EVERYTHING)[0]
    shown = engine.raw(row["decision_id"])
    assert shown is not None
    assert f'"traceId": "{row["trace_id"]}"' in shown
    assert '"plane_guard.decision.outcome"' in shown
    assert engine.raw("no such id") is None


def test_a_wrong_password_is_a_sentence(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "wrong")
    error = failure(source)
    assert error.state is SourceState.DENIED
    assert "refuses the user or the password" in str(error)


def test_no_server_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(f"clickhouse://127.0.0.1:{port}")
    assert f"clickhouse://127.0.0.1:{port}/default?table=otel_traces does not answer" in str(error)


def test_a_server_of_something_else_is_a_sentence(plane: Any) -> None:
    assert "does not answer as ClickHouse does" in str(failure(plane.url.replace("http:", "clickhouse:")))


def test_a_server_that_takes_too_long_is_given_up(source: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 1)
    server.delay = 3
    assert "does not answer" in str(failure(source))


@pytest.mark.parametrize("what", ["/nowhere", "/default?table=none"])
def test_a_table_that_is_not_there_is_a_sentence(source: str, what: str) -> None:
    error = failure(source.rpartition("/")[0] + what)
    assert error.state is SourceState.MISSING
    assert "has no such table" in str(error)


def test_a_table_of_something_else_is_a_sentence(source: str) -> None:
    error = failure(source.rpartition("/")[0] + "/system?table=one")
    assert error.state is SourceState.FOREIGN
    assert "it has no column Timestamp" in str(error)


def test_an_empty_table_and_one_without_our_spans_are_told_apart(source: str, made: Callable[..., str]) -> None:
    address = source.rpartition("/")[0]
    assert failure(f"{address}/{made()}").state is SourceState.EMPTY
    assert failure(f"{address}/{made(span('GET', {}))}").state is SourceState.FOREIGN


def test_a_query_that_fails_is_a_sentence(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(QUERIES, "slow", "SELECT sleepEachRow(1) FROM numbers(60)")
    monkeypatch.setitem(clients.LIMITS, "max_execution_time", 1)
    engine = open_engine(source)
    with pytest.raises(NoTracesError, match="too much time or memory"):
        engine.query("slow", {})

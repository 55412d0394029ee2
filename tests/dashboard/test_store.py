"""The store answers named queries, from memory alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pytest

from plane_guard_dashboard import traces
from plane_guard_dashboard.queries import QUERIES, Filters
from plane_guard_dashboard.rows import DecisionRow
from plane_guard_dashboard.store import Store
from tests.dashboard.evidence import decision, session, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(traces.read(write(tmp_path / "a.jsonl", session(), decision())))


@pytest.mark.parametrize("name", QUERIES)
def test_every_named_query_answers(store: Store, name: str) -> None:
    assert store.query(name, limit=5, step=1_000_000_000, **Filters().parameters())


@pytest.mark.parametrize("sql", QUERIES.values())
def test_every_parameter_of_a_query_is_a_filter_or_known(sql: str) -> None:
    assert set(re.findall(r"\$(\w+)", sql)) <= Filters().parameters().keys() | {"limit", "step"}


def test_the_database_reaches_no_file_and_no_network_and_stays_so(store: Store, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    for sql in (
        f"SELECT * FROM read_text('{tmp_path}/secret.txt')",
        f"COPY decisions TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            store._connection.execute(sql)


def test_a_source_without_decisions_has_an_empty_table(tmp_path: Path) -> None:
    store = Store(traces.read(write(tmp_path / "a.jsonl", session())))
    assert store.one("scope", **Filters().parameters())["decisions"] == 0
    assert store.one("processes", **Filters().parameters())["processes"] == 1


def test_the_store_counts_as_the_rows_do(tmp_path: Path) -> None:
    changes = [
        {f"plane_guard.{name}": value}
        for name, values in {
            "decision.outcome": ("allow", "block"),
            "decision.expected": (True, False),
            "decision.reason": ("live-runtime", "guard-error"),
            "target": ("prod", "sandbox", "unresolved"),
        }.items()
        for value in values
    ]
    spans = [decision(one | other) for one in changes for other in changes]
    found = traces.read(write(tmp_path / "a.jsonl", *spans))
    counts = [sum(getattr(row, name) for row in found.decisions) for name in ("prod_attempt", "prod_allowed")]
    store = Store(found)
    assert isinstance(found.decisions[0], DecisionRow)
    assert [store.one("scope", **Filters().parameters())["prod_attempts"], store.one("leaks")["prod_allowed"]] == counts

"""The store answers named queries, and shows what the report counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pytest

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.groups import fingerprint, key_of_test
from plane_guard_dashboard.evidence.rows import job_of
from plane_guard_dashboard.store import open_engine
from plane_guard_dashboard.store._layout import KINDS
from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS
from plane_guard_dashboard.store.local import Local
from plane_guard_dashboard.store.queries import QUERIES, Filters
from tests.dashboard import evidence
from tests.dashboard.evidence import decision, resource, session, span, write
from tests.dashboard.store.conftest import everything, folder

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_dashboard.evidence.rows import DecisionRow

__all__ = ["folder"]


@pytest.fixture
def store(folder: Path) -> Local:
    write(folder / "a.jsonl", session(), decision({"plane_guard.decision.id": "d1"}))
    engine = open_engine(str(folder))
    assert isinstance(engine, Local)
    engine.refresh()
    return engine


@pytest.mark.parametrize("name", QUERIES)
def test_every_named_query_answers(store: Local, name: str) -> None:
    store.query(name, everything())


@pytest.mark.parametrize("sql", QUERIES.values())
def test_every_parameter_of_a_query_is_a_filter_or_known(sql: str) -> None:
    assert set(re.findall(r"\$(\w+)", sql)) <= everything().keys()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{}/secret.txt')",
        "COPY decisions TO '{}/out.csv'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "INSTALL httpfs",
    ],
)
def test_the_database_reaches_no_file_of_others_and_no_network_and_stays_so(
    store: Local, tmp_path: Path, sql: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(duckdb.Error):
        store._database.ask(sql.format(tmp_path))


@pytest.mark.parametrize(("name", "columns"), [("decisions", DECISIONS), ("sessions", SESSIONS), ("spans", SPANS)])
def test_a_relation_has_the_columns_that_are_written_down_and_no_other(
    store: Local, name: str, columns: dict[str, type]
) -> None:
    types = {"VARCHAR": str, "BIGINT": int, "BOOLEAN": bool}
    found = {row["column_name"]: types[row["column_type"]] for row in store._database.ask(f"DESCRIBE {name}")}
    assert found == columns
    assert list(KINDS[name]) == [*columns, "source", "position"]


def test_a_source_without_decisions_has_an_empty_table(folder: Path) -> None:
    write(folder / "a.jsonl", session())
    store = open_engine(str(folder))
    store.refresh()
    assert store.query("scope", everything())[0]["decisions"] == 0
    assert store.query("processes", everything())[0]["processes"] == 1


def test_the_store_counts_as_the_rows_do(folder: Path) -> None:
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
    found = traces.read(write(folder / "a.jsonl", *spans))
    counts = [sum(getattr(row, name) for row in found.decisions) for name in ("prod_attempt", "prod_allowed")]
    store = open_engine(str(folder))
    store.refresh()
    [scope], [leaks] = store.query("scope", everything()), store.query("leaks", everything())
    assert [scope["prod_attempts"], leaks["prod_allowed"]] == counts


def test_a_filter_leaves_out_what_it_names(store: Local) -> None:
    without = Filters(without={"target": ("prod",)}).parameters()
    assert store.query("scope", everything(**without))[0]["decisions"] == 0


def test_every_column_says_what_the_row_of_the_report_says(folder: Path) -> None:
    of = resource(**{"vcs.ref.head.name": "main", "cicd.pipeline.run.url.full": "https://ci/7"})
    write(folder / "a.jsonl", decision({"plane_guard.decision.id": "d1", "test.case.name": "t.py::t[é]"}, of=of))
    [row] = traces.read(folder).decisions
    store = open_engine(str(folder))
    store.refresh()
    [found] = store.query("decision", {"id": "d1"})
    assert found == as_columns(row) | {"duration_ns": 1000}


def as_columns(row: DecisionRow) -> dict[str, object]:
    """A row of the report, laid out as the columns of `decisions`; a span that took no time."""
    none = "(none)"
    verdict = "blocked" if row.blocked else "expected block" if row.expected_block else "allowed"
    file = f"{row.file}:{row.line}" if row.file and row.line else row.file or ""
    same = ("decision_id", "time_ns", "expected", "attempt", "target", "reason", "op")
    rules = ("prod_attempt", "possible_prod_attempt", "prod_allowed")
    ids = ("demo", "trace_id", "span_id", "parent_span_id", "span_name")
    items = ("workspace", "work_item", "work_item_id", "work_item_key")
    texts = ("method", "url_template", "server_address", "phase", "worker")
    return {
        **{name: getattr(row, name) for name in (*same, *rules, *ids)},
        **{name: getattr(row, name) or "" for name in (*items, *texts)},
        **{name: getattr(row, name) or none for name in ("layer", "test", "service", "guard_version", "host")},
        **{name: getattr(row, name) or 0 for name in ("seq", "server_port", "pid")},
        "verdict": verdict,
        "outcome": str(row.outcome),
        "project": row.project_id or none,
        "project_name": row.project_name or row.project_id or none,
        "folder": (row.test or "").partition("::")[0].rpartition("/")[0] or none,
        "run": row.run_id or none,
        "branch": row.context.get("vcs.ref.head.name", none),
        "revision": row.context.get("vcs.ref.head.revision", ""),
        "repository": row.context.get("vcs.repository.name", none),
        "repository_url": row.context.get("vcs.repository.url.full", ""),
        "job": job_of(row.context),
        "actor": row.context.get("user.name", ""),
        "pipeline": row.context.get("cicd.pipeline.run.url.full", ""),
        "test_group": (row.test or none).split("[", 1)[0],
        "test_key": key_of_test(row.test or none),
        "issue": fingerprint(row.test or none, row.project_id or none, row.op, row.reason),
        "caller": f"{file} {row.function or ''}".strip(),
        "start_ns": row.time_ns,
        "duration_ns": 0,
        "failed": row.outcome == "block",
    }


def test_a_span_of_others_is_kept_for_the_trace_and_ours_are_not_told_twice(folder: Path) -> None:
    foreign = span("GET /health", {}, of=resource(service="shop"))
    write(folder / "a.jsonl", foreign, session(), decision(), decision(on="PATCH"))
    store = Local(str(folder))
    store.refresh()
    found = store._database.ask("SELECT name, service, start_ns, duration_ns, failed FROM spans ORDER BY name")
    assert [tuple(row.values()) for row in found] == [
        ("GET /health", "shop", evidence.START, 1000, False),
        ("PATCH", "plane-guard", evidence.START, 1000, True),
    ]


def test_what_lies_in_the_file_can_be_shown_as_it_is(folder: Path) -> None:
    write(folder / "z.jsonl", session())
    evidence.batch(folder / "a.jsonl", span("GET", {}), decision({"plane_guard.decision.id": "d1"}, on="PATCH"))
    write(folder / "a.jsonl", decision({"plane_guard.decision.id": "d2", "plane_guard.op": "comment"}))
    store = open_engine(str(folder))
    store.refresh()
    assert '"name": "PATCH"' in (store.raw("d1") or "")
    assert '"stringValue": "comment"' in (store.raw("d2") or "")
    assert store.raw("d3") is None
    (folder / "a.jsonl").write_bytes(b"another file\n" * 1000)
    assert store.raw("d2") is None
    (folder / "a.jsonl").unlink()
    assert store.raw("d2") is None

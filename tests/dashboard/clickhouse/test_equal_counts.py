"""One history, counted by the pages, the report, a collector's file and ClickHouse: every number is the same."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.report.summary import ALL, summarize
from plane_guard_dashboard.store import clickhouse_report
from plane_guard_dashboard.store.clickhouse import ClickHouse
from plane_guard_dashboard.store.local import Local
from plane_guard_dashboard.store.queries import Filters, Origins
from tests.dashboard.clickhouse import exporter
from tests.dashboard.evidence import SECOND, START, TEST, batch, decision, resource, sandbox_write, session, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from plane_guard_dashboard.store.engine import Engine

EXPECTED = {"plane_guard.decision.expected": True}
POSSIBLE = {"plane_guard.decision.reason": "foreign-reference", "plane_guard.target": "unresolved"}
GOT_THROUGH = {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "sandbox-allowed"}
LIVE = {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "live-runtime"}
ELSEWHERE = {"plane_guard.target": "unresolved", "plane_guard.decision.reason": "ambiguous-target"}
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"test.case.name": f"{TEST}[case]"},
    EXPECTED,
    POSSIBLE,
    POSSIBLE | EXPECTED,
    GOT_THROUGH,
    GOT_THROUGH | EXPECTED,
    LIVE,
    ELSEWHERE,
)
RUNS = (("run-1", "plane-guard"), ("run-2", "orders"), ("run-3", "plane-guard-demo"))
COUNTED = ("decisions", "allowed", "blocked", "expected", "prod_attempts", "possible_prod_attempts", "prod_allowed")
# What each run holds, by hand: the kinds above, the first `number` of them once more, and a sandbox write.
OF_A_KIND = {
    "decisions": (1, 1, 1, 1, 1, 1, 1, 1, 1),
    "allowed": (0, 0, 0, 0, 0, 1, 1, 1, 0),
    "blocked": (1, 1, 0, 1, 0, 0, 0, 0, 1),
    "expected": (0, 0, 1, 0, 1, 0, 0, 0, 0),
    "prod_attempts": (1, 1, 0, 0, 0, 0, 0, 0, 0),
    "possible_prod_attempts": (0, 0, 0, 1, 0, 0, 0, 0, 0),
    "prod_allowed": (0, 0, 0, 0, 0, 1, 1, 0, 0),
}


@cache
def history() -> tuple[ReadableSpan, ...]:
    """Three runs, of which one is the demo's; the last decision of each comes twice, once on a client's span."""
    spans: list[ReadableSpan] = []
    for number, (run, service) in enumerate(RUNS):
        of, at = resource(run, service, **{"process.pid": number + 1}), START + number * 100 * SECOND
        kinds = KINDS + KINDS[: number * 4]
        made = [decision(kind, at=at + place * SECOND, of=of) for place, kind in enumerate(kinds)]
        copied = {"plane_guard.decision.id": f"copied-{number}"}
        twice = [decision(copied, at=at + 50 * SECOND, of=of, on=on) for on in ("PATCH", "plane_guard.decision")]
        allowed = sandbox_write(at=at + 60 * SECOND, of=of)
        spans += [session(at=at, of=of), session(at=at, of=of, tests=[TEST]), *made, *twice, allowed, allowed]
    return tuple(spans)


def by_hand(*runs: int) -> dict[str, int]:
    found = dict.fromkeys(COUNTED, 0)
    for number in runs:
        for name in COUNTED:
            found[name] += sum(OF_A_KIND[name]) + sum(OF_A_KIND[name][: number * 4])
        for name in ("decisions", "blocked", "prod_attempts"):
            found[name] += 1  # the one that comes twice
        for name in ("decisions", "allowed"):
            found[name] += 1  # in the sandbox
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The evidence of processes, and the file that a collector wrote of it: more than once, in batches."""
    folder, collected = tmp_path_factory.mktemp("evidence"), tmp_path_factory.mktemp("collected")
    spans = history()
    for number, (run, _) in enumerate(RUNS):
        own = [span for span in spans if span.resource.attributes["plane_guard.run.id"] == run]
        write(folder / f"decisions-box-{number + 1}-0.jsonl", *own)
    for part in (spans[::2], spans[1::2], spans[5:20]):
        batch(collected / "collector-export.json", *part)
    return {"processes": folder, "collector": collected}


@pytest.fixture(scope="module")
def engines(
    places: dict[str, Path], made: Callable[..., str], dial: Any, client: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Engine]:
    """The history in each store. ClickHouse has the log record of each decision, too, which counts for nothing."""
    database = made(*history())
    exporter.insert_log_records(client, database, *history())
    assert client.query(f"SELECT count() FROM {database}.otel_logs").first_row[0] > by_hand(0, 1, 2)["decisions"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        stores = {name: Local(str(place)) for name, place in places.items()}
        for store in stores.values():
            store.refresh()
    return {**stores, "clickhouse": ClickHouse(f"clickhouse://host/{database}", dial)}


def counted(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in COUNTED}


@pytest.mark.parametrize(
    ("filters", "runs"),
    [
        (Filters(), (0, 1, 2)),
        (Filters(origin=Origins.TESTS), (0, 1)),
        (Filters(origin=Origins.DEMO), (2,)),
        (Filters(only={"run": ("run-2",)}), (1,)),
        (Filters(until_ns=START + 100 * SECOND), (0,)),
        (Filters(containing="nothing has this"), ()),
    ],
)
def test_the_queries_of_the_pages_count_alike_on_every_engine(
    engines: dict[str, Engine], filters: Filters, runs: tuple[int, ...]
) -> None:
    given = {**filters.parameters(), "limit": 500}
    for name, engine in engines.items():
        assert counted(engine.query("scope", given)[0]) == by_hand(*runs), name
        rows = {row["run"]: row for row in engine.query("runs", given) if row["decisions"]}
        assert {run: counted(row | {"possible_prod_attempts": 0}) for run, row in rows.items()} == {
            RUNS[number][0]: by_hand(number) | {"possible_prod_attempts": 0} for number in runs
        }, name


def test_the_report_counts_as_the_pages_do(places: dict[str, Path], engines: dict[str, Engine], dial: Any) -> None:
    stories = {name: traces.read(place) for name, place in places.items()}
    engine = engines["clickhouse"]
    assert isinstance(engine, ClickHouse)
    stories["clickhouse"] = clickhouse_report.read(engine.source, ALL, dial=dial)
    for name, found in stories.items():
        for number, (run, _) in enumerate(RUNS):
            assert counted(summarize(found, run).as_dict()) == by_hand(number), (name, run)
        told = summarize(found, ALL)
        assert counted(told.as_dict()) == by_hand(0, 1, 2), name
        assert told.demo == by_hand(2)["decisions"]
        assert (told.sessions, told.tests) == (3, 3)
        assert len(told.got_through) == told.prod_allowed
    for name, place in places.items():
        printed = CliRunner().invoke(main, ["report", "--traces", str(place), "--run", "all", "--format", "json"])
        assert counted(json.loads(printed.stdout)) == by_hand(0, 1, 2), name


def test_groups_and_incidents_are_the_same_ones(places: dict[str, Path], engines: dict[str, Engine]) -> None:
    told = summarize(traces.read(places["processes"]), ALL)
    groups: dict[str, int] = {}
    for group in told.groups:
        groups[group.fingerprint] = groups.get(group.fingerprint, 0) + group.count
    given = {**Filters().parameters(), "limit": 500, "newest": []}
    for name, engine in engines.items():
        rows = engine.query("attempts_by_issue", given)
        assert {row["key"]: row["attempts"] for row in rows} == groups, name
        incidents = engine.query("incidents", given)
        assert {row["decision_id"] for row in incidents} == {one.decision_id for one in told.got_through}, name

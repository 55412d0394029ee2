"""The rules that turn rows into figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.link_templates import LinkTemplates
from plane_guard_dashboard.report import collection, summary
from plane_guard_dashboard.report.summary import Attempt, Summary, UnknownRunError, run_ids, summarize
from tests.dashboard import evidence
from tests.dashboard.evidence import (
    PROD,
    SANDBOX,
    SECOND,
    START,
    TEST,
    decision,
    resource,
    sandbox_write,
    session,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

CONTRACT_KEYS = {
    "run",
    "sessions",
    "decisions",
    "allowed",
    "blocked",
    "expected",
    "prod_attempts",
    "possible_prod_attempts",
    "prod_allowed",
    "by_reason",
    "by_op",
    "by_project",
    "by_test",
    "uncovered",
    "unreadable_lines",
    "ignored_files",
    "duplicates",
}


def summary_of(tmp_path: Path, *spans: ReadableSpan, run: str = "latest") -> Summary:
    write(tmp_path / "a.jsonl", *spans)
    return summarize(traces.read(tmp_path), run)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, {"blocked", "prod_attempts"}),
        ({"plane_guard.target": "sandbox"}, {"blocked"}),
        ({"plane_guard.target": "unresolved"}, {"blocked"}),
        ({"plane_guard.decision.reason": "opt-in-disabled"}, {"blocked", "prod_attempts"}),
        ({"plane_guard.decision.expected": True}, {"expected"}),
        ({"plane_guard.decision.expected": False}, {"blocked", "prod_attempts"}),
        ({"plane_guard.decision.outcome": "allow"}, {"allowed", "prod_allowed"}),
        (
            {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "live-runtime"},
            {"allowed"},
        ),
        ({"plane_guard.decision.outcome": "allow", "plane_guard.target": "sandbox"}, {"allowed"}),
        (
            {"plane_guard.decision.outcome": "allow", "plane_guard.decision.expected": True},
            {"allowed", "prod_allowed"},
        ),
    ],
)
def test_each_decision_counts_where_the_contract_puts_it(
    tmp_path: Path, changes: dict[str, Any], counted: set[str]
) -> None:
    figures = summary_of(tmp_path, decision(changes)).as_dict()
    columns = ("allowed", "blocked", "expected", "prod_attempts", "prod_allowed")
    assert {name for name in columns if figures[name]} == counted


def test_the_breakdowns_count_every_decision_of_the_run(tmp_path: Path) -> None:
    nameless = decision({"test.case.name": None, "plane_guard.project.id": None})
    found = summary_of(tmp_path, session(), decision(), decision(), sandbox_write(), nameless)
    assert found.as_dict().keys() >= CONTRACT_KEYS
    assert (found.run, found.sessions, found.decisions, found.allowed, found.blocked) == ("run-1", 1, 4, 1, 3)
    assert found.by_reason == {"prod-project-in-test": 3, "sandbox-allowed": 1}
    assert found.by_op == {"state": 4}
    assert found.by_project == {PROD: 2, SANDBOX: 1, "(none)": 1}
    assert found.by_test == {TEST: 3, "(none)": 1}


def test_attempts_that_are_alike_are_one_line_with_a_count(tmp_path: Path) -> None:
    other = decision({"plane_guard.op": "comment", "plane_guard.work_item.key": None})
    found = summary_of(tmp_path, decision(), other, decision(), decision({"plane_guard.decision.expected": True}))
    assert found.attempts == (
        Attempt(TEST, PROD, "ORCH-114", "state", "prod-project-in-test", 2),
        Attempt(TEST, PROD, evidence.WORK_ITEM, "comment", "prod-project-in-test", 1),
    )


def test_the_latest_run_is_the_one_written_last_even_if_it_has_a_session_alone(tmp_path: Path) -> None:
    old, new = resource("old"), resource("new")
    spans = (session(of=old), decision(of=old, at=START + SECOND), session(of=new, at=START + 2 * SECOND))
    assert summary_of(tmp_path, *spans).run == "new"
    assert summarize(traces.read(tmp_path)).decisions == 0


def test_a_run_can_be_named_or_all_be_taken(tmp_path: Path) -> None:
    old, new = resource("old"), resource("new")
    write(tmp_path / "a.jsonl", decision(of=old), decision(of=new, at=START + SECOND), decision(of=new))
    found = traces.read(tmp_path)
    assert run_ids(found) == ("new", "old")
    assert [summarize(found, run).decisions for run in ("old", "new", "all")] == [1, 2, 3]
    assert summarize(found, "all").run == "all"


def test_rows_without_a_run_are_a_run_of_their_own_and_never_the_latest_beside_a_named_one(
    tmp_path: Path,
) -> None:
    shop = Resource({"service.name": "shop"})
    write(tmp_path / "a.jsonl", decision(of=shop, at=START + SECOND), decision(of=resource("named")))
    found = traces.read(tmp_path)
    assert run_ids(found) == ("named", "(none)")
    assert summarize(found, "(none)").decisions == 1


def test_an_unknown_run_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownRunError, match="run-1"):
        summary_of(tmp_path, decision(), run="nope")


def test_the_span_of_time_and_the_demo_are_told(tmp_path: Path) -> None:
    demo = resource(service="plane-guard-demo")
    found = summary_of(tmp_path, session(), decision(at=START + SECOND, of=demo))
    assert (found.first_ns, found.last_ns, found.demo) == (START, START + SECOND, 1)


def test_a_report_keeps_and_links_only_the_groups_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_MOST_FIRSTS", 2)
    monkeypatch.setattr(summary, "MOST_GROUPS", 2)
    linked = []

    def links(_: LinkTemplates, row: Mapping[str, Any]) -> dict[str, str]:
        linked.append(row["test_group"])
        return {}

    monkeypatch.setattr(LinkTemplates, "links", links)
    place = write(tmp_path / "many.jsonl", *(decision({"test.case.name": f"t.py::{number}"}) for number in range(4)))
    found = collection.Collection()
    for row in traces.read(place).decisions:
        found.leave_out(row)
        found.add(row, (0, row.time_ns))
    groups = summary._groups(found, summary.Asked())
    assert (len(found.firsts), groups.number, groups.new, groups.new_prod_attempts, groups.marks) == (2, 4, 4, 4, set())
    assert linked == [group.test for group in groups.shown] == ["t.py::0", "t.py::1"]
    found.close()

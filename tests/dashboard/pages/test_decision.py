"""Decision: why it went so, what would allow it, and what went on around it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard import Op, Reason
from plane_guard_dashboard.store.columns import DECISIONS
from plane_guard_dashboard.views import explanations
from plane_guard_dashboard.views.attributes import ATTRIBUTES
from plane_guard_dashboard.views.decision import MOST_LETTERS, pretty
from plane_guard_dashboard.views.waterfall import MOST_LINES, Line, around, layout
from tests.dashboard.evidence import PROD, SANDBOX, START, decision, resource, sandbox_write, session, write
from tests.dashboard.pages.single import (
    HOSTILE,
    blocks,
    commands,
    facts,
    followed,
    grid,
    markdown,
    opened,
    shown,
    tables,
    text,
)
from tests.dashboard.pages.traced import TESTS, nested, traced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ID = {"plane_guard.decision.id": "this"}
BLOCKED: Mapping[str, Any] = {
    "verdict": "blocked",
    "target": "prod",
    "reason": "prod-project-in-test",
    "op": "state",
    "prod_allowed": False,
}
WIDENS = ("PLANE_GUARD_PROTECTED", "PLANE_GUARD_HOSTS", "disable", "uninstall", "-p no:plane_guard")


def evidence(folder: Path, *spans: Any) -> Path:
    write(folder / "decisions-box-1.jsonl", *spans)
    return folder


def span(name: str, parent: str = "", start: int = 0, **more: Any) -> dict[str, Any]:
    known = {"service": "s", "start_ns": start, "duration_ns": 1, "failed": False, "verdict": ""}
    return {**known, "span_id": name, "parent_span_id": parent, "name": name, **more}


def places(lines: tuple[Line, ...]) -> list[tuple[str, int]]:
    return [(line.span_id, line.depth) for line in lines]


def test_every_op_and_every_reason_has_a_sentence() -> None:
    assert set(explanations.OPS) == set(Op)
    assert set(explanations.REASONS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("target", ["prod", "sandbox", "unresolved"])
@pytest.mark.parametrize("verdict", ["allowed", "blocked", "expected block"])
def test_every_decision_has_a_remedy_that_never_opens_production(reason: str, target: str, verdict: str) -> None:
    leak = verdict == "allowed" and target == "prod" and reason != Reason.LIVE_RUNTIME
    row = {**BLOCKED, "reason": reason, "target": target, "verdict": verdict, "prod_allowed": leak}
    remedy = explanations.remedy(row)
    assert remedy
    assert not [word for word in WIDENS if word in remedy]
    if target == "prod" and verdict != "allowed":
        assert remedy.startswith("No setting lets a test write to this target, because it is production.")
    assert ("undo the change" in remedy) == leak


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Blocked: moving a work item to another state, on a project that is not on the sandbox allowlist"),
        ({"verdict": "expected block"}, "Blocked, as the test expected: moving a work item to another state, on"),
        ({"op": "member", "reason": "protected-operation"}, "Blocked: changing who is a member, or inviting"),
        ({"reason": "unguarded-client", "op": "unknown"}, "Blocked: a connection to a Plane host, through a client"),
        ({"verdict": "allowed", "reason": "sandbox-allowed"}, "Allowed: moving a work item to another state, inside"),
        ({"verdict": "allowed", "prod_allowed": True}, "A write to production got through: moving"),
        ({"op": "new op", "reason": ":red[x]"}, "Blocked: a write of an unknown kind, for an unknown reason"),
        ({"verdict": ":red[x]"}, "Decided: moving"),
    ],
)
def test_the_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert explanations.sentence({**BLOCKED, **changes}).startswith(sentence)


def test_the_target_is_said_where_the_sentence_does_not_tell() -> None:
    assert explanations.aside(BLOCKED) == ""
    assert explanations.aside({**BLOCKED, "reason": "opt-in-disabled"}) == "The target was production."


def test_every_attribute_is_a_column() -> None:
    assert {column for _, _, column, _ in ATTRIBUTES} <= set(DECISIONS)


def test_the_page_of_one_decision(tmp_path: Path) -> None:
    app = shown("decision", evidence(tmp_path, session(), decision(ID)), id="this")
    assert app.title[0].value.startswith("Blocked: moving a work item to another state")
    assert "Write to a project on the sandbox allowlist instead" in text(app)
    assert "/decision?id=this" in text(app)
    assert commands(app)["Command"] == f"plane-guard fix {TESTS[0]}"
    assert "respx" in " ".join(commands(app))
    who = facts(app, "When, where and who")
    assert list(who)[:3] == ["When", "Age", "Work item"]
    assert who["Work item"] == ["ORCH-114", "https://app.plane.so/acme/browse/ORCH-114/"]
    rows = grid(app, "All attributes of the decision")
    known = {row["Name"]: (row["Group"], row["Value"], row["Attribute"]) for row in rows}
    assert known["Project"] == ("Where", PROD, "plane_guard.project.id")
    assert known["Test"] == ("Who", TESTS[0], "test.case.name")
    assert known["Run"] == ("Process", "run-1", "plane_guard.run.id")
    assert known["Expected by the test"] == ("What", "no", "plane_guard.decision.expected")
    assert "Worker" not in known
    assert [header.value for header in app.header][:3] == ["How to fix it", "Trace", "Attributes"]


def test_what_got_through_alarms(tmp_path: Path) -> None:
    leak = {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "sandbox-allowed"}
    app = shown("decision", evidence(tmp_path, decision(ID | leak)), id="this")
    assert app.title[0].value.startswith("A write to production got through")
    assert "got through" in app.error[0].value


def test_an_allowed_write_needs_nothing(tmp_path: Path) -> None:
    folder = evidence(tmp_path, decision(ID | dict(sandbox_write().events[0].attributes or {}) | ID))
    app = shown("decision", folder, id="this")
    assert app.title[0].value.startswith("Allowed: ")
    assert "Nothing to do" in text(app)
    assert SANDBOX in text(app)


def test_the_demo_is_told_apart(tmp_path: Path) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    app = shown("decision", evidence(tmp_path, decision(ID, of=demo)), id="this")
    assert "made by plane-guard demo" in markdown(app)


@pytest.mark.parametrize("wanted", ["gone", *HOSTILE])
def test_an_unknown_id_says_how_to_get_there(tmp_path: Path, wanted: str) -> None:
    app = shown("decision", evidence(tmp_path, decision()), id=wanted)
    assert "There is no decision with this id" in app.warning[0].value
    assert wanted not in markdown(app)
    assert len(grid(app)) == 1


def test_without_an_id_the_latest_attempts_are_there_to_choose_from(tmp_path: Path) -> None:
    app = shown("decision", evidence(tmp_path, session(), decision(ID), sandbox_write()))
    assert opened(app) == "decision?id=this"


def test_without_anything_to_choose_from_the_page_is_quiet(tmp_path: Path) -> None:
    app = shown("decision", evidence(tmp_path, session()))
    assert "no attempt to write to Plane was seen" in app.success[0].value


def test_the_other_decisions_of_the_test_in_the_run(tmp_path: Path) -> None:
    elsewhere = decision(of=resource("run-2")), decision({"test.case.name": "another"})
    folder = evidence(tmp_path, decision(ID), decision({"plane_guard.decision.id": "other"}), *elsewhere)
    app = shown("decision", folder, id="this")
    assert "The same test in the same run" in markdown(app)
    assert [row["Decision"] for row in grid(app, "Other decisions of the same test in the same run")] == ["other"]


def test_the_spans_around_it(tmp_path: Path) -> None:
    app = shown("decision", evidence(tmp_path, session(), *traced(ID)), id="this")
    assert "5 spans in this trace." in markdown(app)
    lines = {row["Span"]: row for row in grid(app)}
    own = "· · · ▶ plane_guard.decision"
    assert list(lines) == ["test", "· move stage", "· · SELECT stage", "· · PATCH", own]
    assert (lines[own]["Start (ms)"], lines[own]["Duration (ms)"], lines[own]["What"]) == (
        40.0,
        0.2,
        "this decision · blocked",
    )


def test_of_a_long_trace_what_is_around_is_drawn_and_all_of_it_is_in_the_table(tmp_path: Path) -> None:
    spans = traced(ID)
    more = [nested(f"GET {number}", spans[1], at=START, lasts=1000) for number in range(MOST_LINES)]
    app = shown("decision", evidence(tmp_path, *spans, *more), id="this")
    assert f"{MOST_LINES + 5} spans in this trace; the {MOST_LINES} around the decision are drawn." in markdown(app)
    assert len(grid(app)) == MOST_LINES + 5


def test_a_decision_alone_in_its_trace(tmp_path: Path) -> None:
    app = shown("decision", evidence(tmp_path, decision(ID)), id="this")
    assert "No other span of this trace was collected" in markdown(app)
    assert not [table for table in tables(app) if table["label"] == "The trace of the decision"]


def test_a_decision_without_the_ids_of_a_trace(tmp_path: Path) -> None:
    folder = evidence(tmp_path, decision(ID), decision())
    for path in folder.glob("*.jsonl"):
        path.write_text(re.sub(r'"(traceId|spanId)": ?"\w+"', r'"\1":""', path.read_text()))
    app = shown("decision", folder, id="this")
    assert "No other span of this trace was collected" in markdown(app)


def test_the_raw_span(tmp_path: Path) -> None:
    app = shown("decision", evidence(tmp_path, decision(ID)), id="this")
    (raw,) = (code.value for code in app.code if code.language == "json")
    assert "plane_guard.decision.reason" in raw


def test_there_are_ways_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANE_GUARD_TRACE_URL", "https://traces.example/{trace_id}")
    app = shown("decision", evidence(tmp_path, decision(ID)), id="this")
    assert [link.proto.label for link in app.get("link_button")] == ["Open the work item", "Open the trace"]
    (ways,) = (block["items"] for block in blocks(app, "links"))
    assert [followed(way["href"]) for way in ways][1] == {"inspect": "run-1"}
    assert ways[0]["href"].startswith("attempts?group=")
    monkeypatch.setenv("PLANE_GUARD_TRACE_URL", "javascript:alert('{trace_id}')")
    app = shown("decision", tmp_path, id="this")
    assert "PLANE_GUARD_TRACE_URL is ignored" in text(app)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_values_are_text(tmp_path: Path, words: str) -> None:
    names = (
        "test.case.name",
        "plane_guard.op",
        "plane_guard.project.id",
        "plane_guard.decision.reason",
        "plane_guard.target",
        "url.template",
        "code.function.name",
        "plane_guard.work_item.key",
    )
    of = resource(words, service=words, **{"cicd.pipeline.run.url.full": words})
    own = {"plane_guard.decision.id": words[:100]}
    spans = traced(dict.fromkeys(names, words) | own, of=of, root=words)
    app = shown("decision", evidence(tmp_path, *spans), id=words[:100])
    assert app.title[0].value == "Blocked: a write of an unknown kind, for an unknown reason"
    assert words[:100] not in markdown(app)
    assert not set("\u202e\u200f\x00\x1b") & set(text(app))


def test_spans_are_nested_by_parent_in_the_order_of_their_start() -> None:
    spans = [span("d", "b", 30), span("c", "a", 20), span("b", "a", 10), span("a"), span("lost", "unknown", 5)]
    assert places(layout(spans, "d")) == [("a", 0), ("b", 1), ("d", 2), ("c", 1), ("lost", 0)]


def test_the_decision_is_marked_and_times_count_from_the_first_span() -> None:
    lines = layout([span("a", start=5_000_000), span("b", "a", 7_000_000, duration_ns=500_000)], "b")
    assert [(line.marked, line.offset_ms, line.duration_ms) for line in lines] == [(False, 0, 1e-6), (True, 2, 0.5)]


@pytest.mark.parametrize(
    "spans",
    [
        [span("a", "a")],
        [span("a", "b"), span("b", "a")],
        [span("root"), span("a", "b"), span("b", "c"), span("c", "a")],
    ],
)
def test_no_span_is_lost_where_parents_go_in_circles(spans: list[dict[str, Any]]) -> None:
    assert sorted(name for name, _ in places(layout(spans, "a"))) == sorted(one["span_id"] for one in spans)


def test_a_deep_trace_is_no_deep_recursion() -> None:
    spans = [span(f"{number}", f"{number - 1}", number) for number in range(5000)]
    lines = layout(spans, "4999")
    assert lines[-1].depth == 4999
    assert len(around(lines)) == MOST_LINES


@pytest.mark.parametrize("marked", [0, 3, 100, 299])
def test_of_a_long_trace_what_is_around_the_decision_is_shown(marked: int) -> None:
    spans = [span("root"), *(span(f"{number:03}", "root", number + 1) for number in range(300))]
    chosen = around(layout(spans, f"{marked:03}"))
    assert len(chosen) == MOST_LINES
    assert chosen[0].span_id == "root"
    assert any(line.marked for line in chosen)


def test_no_spans_are_no_lines() -> None:
    assert around(layout([], "")) == ()


@pytest.mark.parametrize("raw", ["no json", json.dumps({"a": "\u202e<script>", "b": 1}), "[" * 100_000])
def test_the_raw_span_is_shown_whatever_it_is(raw: str) -> None:
    shown_text = pretty(raw)
    assert "\u202e" not in shown_text
    assert len(shown_text) <= MOST_LETTERS + 2

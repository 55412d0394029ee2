"""The overview: has anything tried to write to production, and is the guard really there?"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.views.figures import age, sentence
from plane_guard_dashboard.views.period import written
from tests.dashboard.evidence import SECOND, START, TEST, decision, resource, sandbox_write, session, write
from tests.dashboard.pages.single import HOSTILE, blocks, facts, followed, grid, markdown, opened
from tests.dashboard.pages.whole import figures, title

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

    from tests.dashboard.pages.whole import Dashboard

EXPECTED = {"plane_guard.decision.expected": True}
LEAK = {"plane_guard.decision.outcome": "allow"}
HOUR = 3600 * SECOND


def top(app: AppTest) -> list[dict[str, Any]]:
    return grid(app, "Top attempts, new ones first")


def last(app: AppTest) -> list[dict[str, Any]]:
    return grid(app, "The latest attempts")


def test_an_empty_folder_is_no_evidence_yet_and_no_clean_bill(dashboard: Dashboard) -> None:
    app = dashboard.opened()
    assert title(app) == "No data yet"
    assert "does not mean that everything is fine" in app.info[0].value
    assert not app.metric


def test_a_missing_folder_is_no_evidence_yet(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANE_GUARD_TRACES", "/nowhere/:red[x]")
    app = dashboard.opened()
    assert title(app) == "No data yet"
    assert ":red[x]" not in markdown(app)
    assert "/nowhere/:red[x]" in app.text[0].value


@pytest.mark.parametrize(
    ("raw", "words"), [(b"garbage\n", "The traces cannot be read"), (b"{}\n", "No plane-guard data in this source")]
)
def test_what_cannot_be_read_looks_unlike_what_is_not_there(dashboard: Dashboard, raw: bytes, words: str) -> None:
    app = dashboard.holds(raw=raw).opened()
    assert title(app) == words
    assert app.error
    assert not app.info


def test_a_guarded_run_that_tried_nothing_is_quiet(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(at=time.time_ns())).opened()
    assert title(app) == "No attempt to write to production seen"
    assert "no attempt to write to Plane was seen" in app.success[0].value
    assert figures(app)["Guarded processes"] == "1"


def test_a_run_that_wrote_to_the_sandbox_only_is_quiet(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(at=time.time_ns()), sandbox_write()).opened()
    assert "no attempt to write to production was seen" in app.success[0].value


def test_decisions_without_a_guarded_process_are_not_called_quiet(dashboard: Dashboard) -> None:
    app = dashboard.holds(sandbox_write(at=time.time_ns())).opened()
    assert not app.success
    assert "No guarded process" in app.warning[0].value


def test_an_old_report_is_stale_and_a_new_one_is_not(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision()).opened()
    assert "The last report is " in app.warning[0].value
    assert title(dashboard.opened(op="none")).startswith(
        "Unknown whether anything tried to write to production: no rep"
    )
    app = dashboard.holds(session(at=time.time_ns())).opened()
    assert not app.warning


def test_without_an_attempt_a_line_that_cannot_be_read_makes_the_verdict_unknown(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(at=time.time_ns()), raw=b"garbage\n").opened()
    assert title(app).endswith("tried to write to production: 1 line or file could not be read")
    assert "Evidence may be missing" in app.warning[0].value


def test_one_attempt_is_the_headline_a_figure_and_a_row(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision()).opened()
    assert title(app) == "1 attempt to write to production, all blocked"
    assert figures(app) == {
        "Blocked attempts": "1",
        "Tests responsible": "1",
        "Production writes allowed": "0",
        "Guarded processes": "1",
    }
    (row,) = last(app)
    assert (row["Outcome"], row["Work item"], row["Op"]) == ("✖ blocked", "ORCH-114", "state")
    (row,) = top(app)
    assert (row["Status"], row["Attempts"], row["Next step"]) == ("✱ NEW", 1, f"plane-guard fix {TEST}")


def test_a_write_that_got_through_alarms_whatever_is_filtered(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision(), decision(LEAK)).opened(run="run-1", origin="demo")
    assert title(app) == "1 write to production got through"
    assert "got through" in app.error[0].value
    assert figures(app)["Production writes allowed"] == "1"
    card = facts(app, "Incident")
    assert card["Work item"][0] == "ORCH-114"


def test_expected_blocks_are_told_apart(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision(), decision(EXPECTED)).opened()
    assert title(app).startswith("1 attempt")
    assert "1 expected block not counted" in markdown(app)
    assert len(last(app)) == 1


def test_the_demo_is_told_apart(dashboard: Dashboard) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    app = dashboard.holds(session(), decision(), decision(of=demo)).opened()
    assert title(app) == "1 attempt to write to production, all blocked"
    assert {row["Outcome"] for row in last(app)} == {"✖ blocked"}
    app = dashboard.opened(origin="any")
    assert "1 attempt made by `plane-guard demo`" in markdown(app)
    assert {row["Outcome"] for row in last(app)} == {"✖ blocked", "✖ blocked · demo"}


def test_the_demo_is_hidden_once_a_real_process_has_reported(dashboard: Dashboard) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    app = dashboard.holds(session(of=demo), decision(of=demo)).opened()
    assert title(app) == "1 attempt to write to production, all blocked"
    app = dashboard.holds(session(at=time.time_ns())).opened()
    assert title(app) == "No attempt to write to production seen"


@pytest.mark.parametrize(
    ("part", "kinds"), [("folder", {"tests"}), ("service", {"shop", "plane-guard"}), ("branch", {"(none)", "topic"})]
)
def test_the_bars_are_attempts_only_in_parts_of_choice(dashboard: Dashboard, part: str, kinds: set[str]) -> None:
    of = resource("run-2", "shop", **{"vcs.ref.head.name": "topic"})
    dashboard.holds(decision(), decision(of=of), sandbox_write(), decision(EXPECTED))
    app = dashboard.opened(bars=part)
    found = grid(app, "Attempts over time, by kind")
    assert {row["Kind"] for row in found} == kinds
    assert sum(row["Decisions"] for row in found) == 2
    everything = grid(dashboard.opened(bars=part, sandbox="1"), "Attempts over time, by kind")
    assert sum(row["Decisions"] for row in everything) == 4


def test_no_two_kinds_of_decisions_share_a_colour(dashboard: Dashboard) -> None:
    possible = {"plane_guard.target": "unresolved", "plane_guard.decision.reason": "foreign-reference"}
    elsewhere = {"plane_guard.target": "sandbox", "plane_guard.decision.reason": "opt-in-disabled"}
    blocks_of = (decision(), decision(possible), decision(elsewhere), decision(EXPECTED))
    [bars] = blocks(dashboard.holds(*blocks_of, decision(LEAK), sandbox_write()).opened(sandbox="1"), "timeline")
    colours = dict(bars["kinds"])
    assert len(colours) == len({*colours.values()}) == 6
    assert colours.keys() >= {"got through", "blocked on production", "blocked elsewhere"}


def test_an_incident_card_names_item_test_branch_job_and_next_step(dashboard: Dashboard) -> None:
    job = {"vcs.ref.head.name": "topic", "cicd.pipeline.run.url.full": "https://ci.example/412", "user.name": "grace"}
    commit = {"vcs.ref.head.revision": "0123abcd", "vcs.repository.url.full": "https://github.com/acme/orch"}
    app = dashboard.holds(session(), decision(LEAK, of=resource("run-7", **job, **commit))).opened()
    card = facts(app, "Incident")
    assert (card["Branch"], card["Test"], card["Host"]) == ("topic", TEST, "box")
    assert card["CI job"] == ["CI https://ci.example/412", "https://ci.example/412"]
    assert card["Work item"] == ["ORCH-114", "https://app.plane.so/acme/browse/ORCH-114/"]
    assert card["Called from"][1] == "https://github.com/acme/orch/blob/0123abcd/src/orchestrator/plane.py#L42"
    assert card["Started by"] == "grace"
    group = dashboard.opened("attempts", **followed(opened(app, "Top attempts, new ones first")))
    assert facts(group, "The newest attempt of this group") == {**card, "Age": START}
    assert card["Run"][0] == "run-7"
    assert card["When"] == START
    assert "sandbox allowlist" not in app.error[0].value
    assert any("Rotate the token" in block.value for block in app.markdown)


def test_new_groups_come_before_ongoing_ones_and_are_counted_over_everything(dashboard: Dashboard) -> None:
    before, now = resource("run-1"), resource("run-2")
    ongoing = {"plane_guard.op": "comment"}
    repeated = [decision(ongoing, at=START + number * SECOND, of=of) for of in (before, now) for number in range(5)]
    app = dashboard.holds(session(of=before), *repeated, decision(at=START + HOUR, of=now)).opened()
    assert [row["Status"] for row in top(app)] == ["✱ NEW", "● ongoing"]
    assert facts(app, "Since when")["Groups"] == "1 new, 0 regressed, 1 ongoing, 0 not run since, 0 gone"


def test_only_a_test_that_ran_again_without_its_attempt_is_gone(dashboard: Dashboard) -> None:
    tests = [f"tests/test_it.py::test_{name}" for name in ("a", "b", "c")]
    later = resource("run-2")
    app = dashboard.holds(
        session(at=START - SECOND),
        *(
            decision({"test.case.name": test, "plane_guard.decision.id": test}, at=START + place * SECOND)
            for place, test in enumerate(tests)
        ),
        session(at=START + HOUR, of=later, tests=tests[:1]),
    ).opened()
    assert {row["Test"]: row["Status"] for row in top(app)} == dict(
        zip(tests, ("✔ gone", "○ not run since", "○ not run since"), strict=True)
    )
    assert facts(app, "Since when")["Groups"] == "0 new, 0 regressed, 0 ongoing, 2 not run since, 1 gone"


def test_a_group_that_came_back_is_not_gone_though_the_filters_hide_it(dashboard: Dashboard) -> None:
    runs = [resource(f"run-{number}") for number in range(4)]
    executed = session(at=START + HOUR, of=runs[1], tests=[TEST])
    newest = session(at=START + 3 * HOUR, of=runs[3])
    back = decision(at=START + 2 * HOUR, of=runs[2])
    app = dashboard.holds(decision(of=runs[0]), executed, back, newest).opened(until=written(START + HOUR))
    assert [row["Status"] for row in top(app)] == ["○ not run since"]


def test_status_is_that_of_all_time_whatever_is_filtered(dashboard: Dashboard) -> None:
    app = dashboard.holds(
        decision(of=resource("run-1")), decision(at=START + HOUR, of=resource("run-2")), session(of=resource("run-1"))
    ).opened(run="run-2")
    assert [row["Status"] for row in top(app)] == ["● ongoing"]


def test_a_period_is_compared_with_the_one_before(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision(), decision(), decision(at=START + HOUR)).opened(
        **{"from": written(START + HOUR), "until": written(START + 2 * HOUR)}
    )
    (tile,) = (metric for metric in app.metric if metric.label == "Blocked attempts")
    assert (tile.value, tile.delta) == ("1", "-1")
    assert "2." in tile.help


def test_there_is_a_table_behind_the_chart_with_the_same_figures(dashboard: Dashboard) -> None:
    other = decision({"plane_guard.decision.reason": "opt-in-disabled"})
    app = dashboard.holds(session(), decision(), decision(), other).opened()
    bars = grid(app, "Attempts over time, by kind")
    assert {row["Kind"]: row["Decisions"] for row in bars} == {"blocked on production": 3}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_shown_as_text_and_never_as_markdown(dashboard: Dashboard, text: str) -> None:
    names = ("test.case.name", "plane_guard.op", "plane_guard.project.id", "plane_guard.decision.reason")
    changes = dict.fromkeys((*names, "plane_guard.work_item.key"), text)
    app = dashboard.holds(session(), decision(changes, of=resource(text))).opened()
    assert len(last(app)) == 1
    assert text[:100] not in markdown(app)
    assert "<script" not in markdown(app)


def test_a_row_leads_to_its_page(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision({"plane_guard.decision.id": "d-1"})).opened()
    assert opened(app, "The latest attempts") == "decision?id=d-1"


def test_new_evidence_shows_on_the_next_run(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision()).opened()
    write(dashboard.folder / "decisions-box-2.jsonl", decision())
    assert title(app.run()).startswith("2 attempts")


def test_a_time_out_of_range_breaks_nothing(dashboard: Dashboard) -> None:
    app = dashboard.holds(session(), decision(at=2**63 - 1), decision(at=START)).opened()
    assert len(last(app)) == 2


@pytest.mark.parametrize("ahead", [150_000_000 * SECOND, 180 * SECOND], ids=["years", "minutes"])
def test_a_clock_that_was_ahead_hides_no_later_run_and_keeps_no_report_fresh(dashboard: Dashboard, ahead: int) -> None:
    now, old, new = time.time_ns(), resource("old"), resource("new")
    fast = write(dashboard.folder / "decisions-box-2.jsonl", session(at=now + ahead, of=old, tests=[TEST]))
    os.utime(fast, (1e9, 1e9))
    app = dashboard.holds(session(at=now, of=new), decision(at=now, of=new)).opened()
    assert [row["Status"] for row in top(app)] == ["✱ NEW"]
    assert "The time of the last report is in the future" in app.warning[0].value
    assert title(dashboard.opened(op="none")).endswith(": the time of the last report is in the future")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_the_sentence_tells_nothing_from_nothing_that_matches() -> None:
    assert sentence(0, 0) != sentence(0, 0, filtered=True)


def test_what_is_not_covered_is_said_and_a_closed_client_hides_no_quiet(dashboard: Dashboard) -> None:
    now = time.time_ns()
    closed = "pycurl: guarded by host only: known Plane hosts are closed to it, requests to other hosts are not checked"
    failed = "httpx: not guarded: a probe, or two, failed. Known Plane hosts are closed to it"
    app = dashboard.holds(session(at=now, uncovered=[closed, failed]), session(at=now, of=resource("run-2"))).opened()
    assert title(app) == "No attempt to write to production seen"
    assert "covered for known Plane hosts only, in 1 process" in app.info[0].value
    assert f"{closed}; {failed}" in {text.value for text in app.text}
    opened = "impit: not guarded: it sends requests from Rust or Go, where Python sees neither requests nor connections"
    app = dashboard.holds(session(at=now, of=resource("run-3"), uncovered=[closed, opened])).opened()
    assert title(app) == (
        "Unknown whether anything tried to write to production: not everything is covered in 1 process"
    )
    assert "not everything is covered in 1 process" in app.warning[0].value
    assert {text.value for text in app.text} >= {f"{closed}; {opened}", f"{closed}; {failed}"}


def test_a_group_names_its_owner_and_the_commit_that_it_first_appeared_in(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dashboard.folder / "CODEOWNERS").write_text("* @acme/everyone\n")
    monkeypatch.setenv("PLANE_GUARD_PROJECT_FOLDER", str(dashboard.folder))
    runs = [resource(f"run-{number}", **{"vcs.ref.head.revision": f"{number}" * 40}) for number in range(2)]
    app = dashboard.holds(*(decision(at=START + place * HOUR, of=of) for place, of in enumerate(runs))).opened()
    [row] = top(app)
    assert (row["Owner"], row["First"], row["In commit"]) == ("@acme/everyone", START, "0" * 40)
    (dashboard.folder / "CODEOWNERS").write_text(f"{TEST.partition('::')[0]} @acme/one @acme/two\n")
    dashboard.holds(decision({"test.case.name": "tests/test_other.py::test"}, of=runs[0]))
    bars = grid(dashboard.opened(bars="owner"), "Attempts over time, by kind")
    assert {(bar["Kind"], bar["Decisions"]) for bar in bars} == {("@acme/one @acme/two", 1), ("no owner", 1)}


@pytest.mark.parametrize(
    ("executed", "status"), [([TEST], "↺ regressed"), (["tests/test_other.py::test_it"], "● ongoing")]
)
def test_only_what_its_test_ran_without_in_between_is_regressed(
    dashboard: Dashboard, executed: list[str], status: str
) -> None:
    first, between, newest = (resource(f"run-{number}") for number in range(3))
    spans = decision(of=first), session(at=START + HOUR, of=between, tests=executed)
    again = session(at=START + 2 * HOUR, of=newest, tests=[TEST]), decision(at=START + 2 * HOUR + SECOND, of=newest)
    assert [row["Status"] for row in top(dashboard.holds(*spans, *again).opened())] == [status]


def test_a_hidden_demo_neither_refreshes_the_last_report_nor_adds_a_gap(dashboard: Dashboard) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    reported = session(at=time.time_ns(), of=demo, uncovered=["impit: not guarded"])
    app = dashboard.holds(session(), reported).opened()
    assert title(app).startswith("Unknown whether anything tried to write to production: no report for")
    assert not any("covered" in str(found.value) for found in (*app.warning, *app.info))

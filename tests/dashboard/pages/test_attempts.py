"""Attempts: what keeps trying to write to production, and how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.evidence.groups import key_of_test
from plane_guard_dashboard.store.queries import Filters, Grouping
from plane_guard_dashboard.views import attempts
from plane_guard_dashboard.views.groups import LEAK, MOST_SLOTS, Slots
from plane_guard_dashboard.views.labels import maker, outcome
from tests.dashboard.evidence import PROD, SECOND, START, decision, resource, sandbox_write, session, span, write
from tests.dashboard.pages.single import (
    HOSTILE,
    at,
    facts,
    followed,
    grid,
    markdown,
    opened,
    shown,
    tables,
    text,
    ways,
)
from tests.dashboard.pages.traced import TESTS, days

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

LEAKED = {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "sandbox-allowed"}


def evidence(folder: Path, *spans: Any) -> Path:
    write(folder / "decisions-box-1.jsonl", *spans)
    return folder


def in_run(name: str, at: int, **changes: Any) -> Any:
    return decision({key.replace("__", "."): value for key, value in changes.items()}, at=at, of=resource(name))


OCCURRENCES = "The latest decisions of this group"


def times(app: AppTest) -> list[Any]:
    return [row["When"] for row in grid(app, OCCURRENCES)]


def test_every_grouping_of_the_queries_can_be_chosen() -> None:
    assert {name.upper() for name in attempts.GROUPINGS} == set(Grouping.__members__)


def test_a_guarded_run_without_attempts_is_quiet(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, session(), sandbox_write()))
    assert "no attempt to write to production was seen" in app.success[0].value
    assert not tables(app)


def test_filters_that_leave_nothing_say_so(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, session(), decision()), filters=Filters(since_ns=START + SECOND))
    assert "No decision matches these filters; there is 1 in all." in app.info[0].value


def test_filters_that_leave_no_process_do_not_call_it_unguarded(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, session()), filters=Filters(since_ns=START + SECOND))
    assert not app.warning
    assert "No decision matches these filters" in app.info[0].value


def test_one_attempt_is_one_line(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, session(), decision()))
    (row,) = grid(app)
    assert (row["Status"], row["Attempts"], row["Latest"]) == ("✱ NEW", 1, START)
    assert (row["Test"], row["Op"], row["Reason"], row["Project"]) == (TESTS[0], "state", "prod-project-in-test", PROD)
    assert (row["Runs"], row["From"]) == (1, "box")
    assert (
        "1 issue: 1 new, 0 regressed, 0 ongoing, 0 not run since, 0 gone. 1 attempt on production blocked"
        in markdown(app)
    )


def test_days_of_runs_show_what_is_new_ongoing_and_absent(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, *days()))
    lines = {row["Test"]: row for row in grid(app)}
    assert {test: row["Status"] for test, row in lines.items()} == {
        TESTS[0]: "● ongoing",
        "tests/test_notes.py::test_comments": "○ not run since",
        TESTS[2]: "✱ NEW",
    }
    assert {len(row["Over time"]) for row in lines.values()} == {MOST_SLOTS}
    assert {test: sum(row["Over time"]) for test, row in lines.items()} == {
        test: row["Attempts"] for test, row in lines.items()
    }
    assert "12 expected blocks not counted" in markdown(app)


def test_how_a_group_stands_does_not_depend_on_the_time_that_is_shown(tmp_path: Path) -> None:
    folder = evidence(tmp_path, in_run("run-1", START), in_run("run-2", START + 60 * SECOND))
    (row,) = grid(shown("attempts", folder, filters=Filters(since_ns=START + SECOND)))
    assert (row["Attempts"], row["Status"]) == (1, "● ongoing")
    assert row["First"] < row["Latest"]


def test_the_demo_has_a_newest_run_of_its_own_and_is_told_apart(tmp_path: Path) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    op = {"plane_guard.op": "comment"}
    app = shown("attempts", evidence(tmp_path, decision(), decision(op, at=START + SECOND, of=demo)))
    assert {row["Status"] for row in grid(app)} == {"✱ NEW", "✱ NEW · demo"}
    assert "1 attempt made by `plane-guard demo`" in markdown(app)


def test_each_service_has_a_newest_run_of_its_own(tmp_path: Path) -> None:
    other = decision({"plane_guard.op": "comment"}, at=START + SECOND, of=resource("run-9", service="another"))
    app = shown("attempts", evidence(tmp_path, decision(), other))
    assert [row["Status"] for row in grid(app)] == ["✱ NEW", "✱ NEW"]


def test_what_got_through_comes_first_and_alarms(tmp_path: Path) -> None:
    leak = decision(LEAKED | {"test.case.name": "tests/test_leak.py::test"}, of=resource("older"), at=START - SECOND)
    app = shown("attempts", evidence(tmp_path, leak, *(decision() for _ in range(3))))
    assert [row["Status"] for row in grid(app)] == [LEAK, "✱ NEW"]
    assert app.error[0].value == "1 write to production got through. Overview shows each of them."
    hidden = shown("attempts", tmp_path, filters=Filters(since_ns=START))
    assert "The current filters hide them" in hidden.error[0].value


@pytest.mark.parametrize(
    ("by", "column", "values"),
    [
        ("test", "Test", {"tests/test_notes.py::test_comments", TESTS[0], TESTS[2]}),
        ("project", "Project", {PROD}),
        ("caller", "Called from", {"src/orchestrator/plane.py:42 notify_stage_change"}),
    ],
)
def test_the_address_groups(tmp_path: Path, by: str, column: str, values: set[str]) -> None:
    app = shown("attempts", evidence(tmp_path, *days()), by=by)
    assert {row[column] for row in grid(app)} == values


def test_what_a_group_does_not_share_is_counted(tmp_path: Path) -> None:
    (row,) = grid(shown("attempts", evidence(tmp_path, *days()), by="project"))
    assert (row["Test"], row["Op"], row["Reason"]) == ("3 tests", "3 ops", "prod-project-in-test")


def test_an_unknown_grouping_is_the_usual_one(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, decision()), by=":red[x]")
    assert grid(app)[0]["Op"] == "state"


@pytest.mark.parametrize(("by", "number"), [("issue", 3), ("test", 3), ("project", 1), ("caller", 1)])
def test_a_chosen_group_shows_its_occurrences_and_stays_in_the_address(tmp_path: Path, by: str, number: int) -> None:
    app = shown("attempts", evidence(tmp_path, *days()), by=by)
    attempts_of_it = grid(app)[0]["Attempts"]
    assert len(grid(app)) == number
    again = at(tmp_path, opened(app))
    assert len(grid(again)) == 1
    assert len(grid(again, OCCURRENCES)) == attempts_of_it
    assert times(again) == sorted(times(again))[::-1]


def test_the_group_of_no_known_caller_can_be_chosen(tmp_path: Path) -> None:
    unknown = dict.fromkeys(("code.file.path", "code.line.number", "code.function.name"))
    app = shown("attempts", evidence(tmp_path, decision(unknown), decision(unknown)), by="caller")
    assert opened(app) == "attempts?by=caller&group="
    assert len(grid(shown("attempts", tmp_path, by="caller", group=""), OCCURRENCES)) == 2


def test_an_issue_says_in_a_sentence_what_it_is(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, decision()))
    app = at(tmp_path, opened(app))
    assert app.header[0].value.startswith("Blocked: moving a work item to another state")
    assert facts(app)["Test"] == TESTS[0]


@pytest.mark.parametrize("by", ["issue", "caller"])
def test_each_grouping_and_the_way_back_from_a_group_keep_the_filters(tmp_path: Path, by: str) -> None:
    folder = evidence(tmp_path, *days())
    first = shown("attempts", folder, op="state")
    chosen = ways(first, "Grouped by")
    assert list(chosen) == [f"By {name}" for name in (*attempts.GROUPINGS, attempts.DECISION)]
    groups = at(folder, chosen[f"By {by}"])
    assert grid(groups, f"Attempts, grouped by {by}")
    back = ways(at(folder, opened(groups)), "Back")
    assert list(back) == [f"← All {by}s"]
    assert followed(back[f"← All {by}s"]) == {"op": "state", "by": by}


def test_a_group_that_the_filters_leave_out_says_so(tmp_path: Path) -> None:
    app = shown("attempts", evidence(tmp_path, decision()), group="no such group")
    assert "The current filters hide every decision of this group." in app.info[0].value


def test_an_occurrence_leads_to_its_decision(tmp_path: Path) -> None:
    folder = evidence(tmp_path, decision({"plane_guard.decision.id": "this one"}))
    app = shown("attempts", folder, by="project", group=PROD)
    assert opened(app, OCCURRENCES) == "decision?id=this+one"


def test_every_decision_can_be_listed_with_what_was_allowed_or_expected(tmp_path: Path) -> None:
    expected = decision({"plane_guard.decision.expected": True})
    app = shown("attempts", evidence(tmp_path, decision(), expected, sandbox_write()), by="decision")
    assert {row["Outcome"] for row in grid(app)} == {"✔ allowed", "✖ blocked", "◌ expected block"}
    assert "3 decisions: 1 attempt on production blocked · 1 expected block not counted." in markdown(app)


def ran(*tests: str, at: int, of: Any) -> Any:
    """The record of a session that executed these tests."""
    keys = " ".join(key_of_test(test) for test in tests)
    attributes = {"plane_guard.session.tests": len(tests), "plane_guard.session.test_keys": [keys] if tests else []}
    return span("plane_guard.session", attributes, at=at, of=of)


@pytest.mark.parametrize(("tests", "words"), [(TESTS[:1], "✔ gone"), (TESTS[1:2], "○ not run since")])
def test_a_group_is_gone_only_if_its_test_ran_again_without_the_attempt(
    tmp_path: Path, tests: tuple[str, ...], words: str
) -> None:
    later = ran(*tests, at=START + 60 * SECOND, of=resource("run-2"))
    app = shown("attempts", evidence(tmp_path, in_run("run-1", START), later))
    assert [row["Status"] for row in grid(app)] == [words]


def test_a_group_is_acknowledged_until_a_date_and_a_new_caller_makes_it_new_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "plane-guard-known.toml"
    monkeypatch.setenv("PLANE_GUARD_KNOWN_FILE", str(file))
    folder = tmp_path / "traces"
    folder.mkdir()
    group = opened(shown("attempts", evidence(folder, decision())))
    app = at(folder, group)
    app.text_input(key="triage-note").set_value("ORCH-200 will fix it")
    next(button for button in app.button if button.label == "Acknowledge").click().run()
    assert "ORCH-200 will fix it" in file.read_text()
    assert "Acknowledged until" in markdown(app)
    assert grid(shown("attempts", folder))[0]["Status"] == "☑ known"
    evidence(folder, decision({"code.function.name": "another"}))
    assert grid(shown("attempts", folder))[0]["Status"] == "✱ CHANGED"
    file.write_text("no TOML")
    for broken in (at(folder, group), shown("attempts", folder), shown("overview", folder)):
        assert [found.value for found in broken.warning if "known-file cannot be used" in found.value]
        assert text(broken).count("is not valid TOML") == 1
    assert file.read_text() == "no TOML"


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("by", attempts.GROUPINGS)
def test_hostile_values_are_text(tmp_path: Path, words: str, by: str) -> None:
    names = (
        "test.case.name",
        "plane_guard.op",
        "plane_guard.project.id",
        "plane_guard.decision.reason",
        "code.file.path",
        "plane_guard.work_item.key",
    )
    app = shown("attempts", evidence(tmp_path, decision(dict.fromkeys(names, words), of=resource(words))), by=by)
    assert words[:100] not in markdown(app)
    app = at(tmp_path, opened(app))
    assert len(tables(app)) == 2
    assert words[:100] not in markdown(app)
    assert "\u202e" not in str(grid(app, 1))


def test_more_than_fits_is_cut_off_and_said(tmp_path: Path) -> None:
    tests = attempts.MOST_GROUPS + 5
    spans = [decision({"test.case.name": f"tests/test_{number}.py::test"}) for number in range(tests)]
    app = shown("attempts", evidence(tmp_path, *spans))
    assert len(grid(app)) == attempts.MOST_GROUPS
    assert f"The first {attempts.MOST_GROUPS} are listed" in markdown(app)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 5), (0, 22), (0, 23), (START, START + 7 * 86400 * SECOND)])
def test_every_moment_has_its_slot(first: int, last: int) -> None:
    slots = Slots.over([{"first_ns": first, "last_ns": last}])
    rows = [{"key": "k", "slot": moment // slots.step, "attempts": 1} for moment in (first, last)]
    assert sum(slots.counts(rows)["k"]) == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"verdict": "blocked", "target": "prod", "reason": "x"}, "✖ blocked"),
        ({"verdict": "expected block", "target": "prod", "reason": "x"}, "◌ expected block"),
        ({"verdict": "allowed", "target": "sandbox", "reason": "sandbox-allowed"}, "✔ allowed"),
        ({"verdict": "allowed", "target": "prod", "reason": "live-runtime"}, "✔ allowed"),
        ({"verdict": "allowed", "target": "prod", "reason": "sandbox-allowed"}, "‼ got through"),
    ],
)
def test_an_outcome_is_a_sign_and_a_word(row: dict[str, str], words: str) -> None:
    assert outcome(row) == words


@pytest.mark.parametrize(("demo", "words"), [(0, "tests"), (1, "tests, demo"), (2, "demo")])
def test_who_made_it(demo: int, words: str) -> None:
    assert maker(demo, 2) == words

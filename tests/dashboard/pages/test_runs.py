"""Runs: which there were, and what is new in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.link_templates import is_web
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views.comparison import Change, change, compared, sentence, verdict
from tests.dashboard.evidence import SECOND, START, decision, resource, sandbox_write, session, span, write
from tests.dashboard.pages.single import HOSTILE, at, commands, facts, grid, markdown, opened, shown, text, ways
from tests.dashboard.pages.traced import TESTS, days

if TYPE_CHECKING:
    from pathlib import Path

ALL, ISSUES = "Runs, the latest first", "Attempts of this run and the previous one"
RUN: dict[str, Any] = {
    "prod_allowed": 0,
    "prod_attempts": 0,
    "blocked": 0,
    "decisions": 0,
    "processes": 1,
    "executed": -1,
    "demo": False,
}
LEAKED = {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "sandbox-allowed"}


def evidence(folder: Path, *spans: Any) -> Path:
    write(folder / "decisions-box-1.jsonl", *spans)
    return folder


def run(name: str, at: int, *ops: str, service: str = "plane-guard", branch: str = "main") -> list[Any]:
    of = resource(name, service=service, **{"vcs.ref.head.name": branch})
    start = START + at * SECOND
    return [session(at=start, of=of), *(decision({"plane_guard.op": op}, at=start, of=of) for op in ops)]


@pytest.mark.parametrize(
    ("changes", "short", "long"),
    [
        ({}, "✔ clean", "Guarded; no attempt to write to Plane seen"),
        ({"decisions": 1}, "✔ clean", "No attempt to write to production seen"),
        ({"decisions": 2, "blocked": 2}, "◌ other blocks", "No attempt to write to production seen; 2 other writes"),
        ({"decisions": 1, "blocked": 1, "prod_attempts": 1}, "✖ tried production", "1 attempt to write to production"),
        ({"prod_attempts": 1, "prod_allowed": 2}, "‼ got through", "2 writes to production got through"),
        ({"decisions": 1, "processes": 0}, "? unguarded", "No attempt to write to production seen"),
        ({"executed": 0}, "? executed no test", "This run executed no test, so it says nothing"),
        ({"executed": 3}, "✔ clean", "Guarded; no attempt to write to Plane seen"),
    ],
)
def test_the_verdict_is_a_sign_and_a_word(changes: dict[str, int], short: str, long: str) -> None:
    assert verdict({**RUN, **changes}) == short
    assert sentence({**RUN, **changes}).startswith(long)


@pytest.mark.parametrize(
    ("here", "before", "expected"), [(1, 0, Change.NEW), (2, 1, Change.REPEATED), (0, 3, Change.ABSENT)]
)
def test_what_became_of_an_issue(here: int, before: int, expected: Change) -> None:
    assert change({"here": here, "before": before}) is expected


def test_the_comparison_in_a_sentence() -> None:
    issues = [{"here": 1, "before": 0}, {"here": 1, "before": 1}, {"here": 2, "before": 1}]
    assert compared(issues, "the run before") == "Compared with the run before: 1 new, 2 repeated, 0 absent."
    assert compared([], "the run before") == "Nothing was blocked in this run, nor in the run before."
    assert "no earlier run" in compared(issues, "")


def test_runs_are_listed_latest_first(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, *days()))
    assert "12 runs, the latest first" in markdown(app)
    assert [row["Run"] for row in grid(app, ALL)][:3] == ["run-5-main", "run-5-feature", "run-4-main"]
    newest = grid(app, ALL)[0]
    assert (newest["Verdict"], newest["On production"], newest["Got through"]) == (
        "✖ tried production",
        14,
        "0",
    )
    assert (newest["Processes"], newest["Decisions"], newest["Blocked"], newest["Expected"]) == (1, 16, 14, 1)
    assert (newest["Guard"], newest["From"], newest["Service"]) == ("0.1.0", "main · box", "plane-guard")
    trends = {row["Branch"]: row for row in grid(app, "Attempts per run, by branch")}
    assert trends["main"]["Attempts per run"] == [4, 6, 8, 5, 6, 14]
    assert (trends["main"]["Newest"], trends["main"]["Run before"]) == (14, 5 + 1)


def test_what_is_worth_a_look_shows_in_the_list(tmp_path: Path) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    leaky = resource("leaky", **{"plane_guard.version": "0.2.0"})
    spans = session(of=demo), decision(LEAKED, of=leaky), session(of=resource("leaky")), *run("quiet", 5)
    lines = {row["Run"]: row for row in grid(shown("runs", evidence(tmp_path, *spans)), ALL)}
    assert lines["demo-1"]["Verdict"] == "✔ clean · demo"
    assert (lines["leaky"]["Verdict"], lines["leaky"]["Got through"]) == ("‼ got through", "‼ 1")
    assert lines["leaky"]["Guard"] == "0.1.0 … 0.2.0"
    assert lines["quiet"]["Verdict"] == "✔ clean"


def test_filters_that_leave_no_run_say_so(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, *days()), filters=Filters(since_ns=2**62))
    assert app.info[0].value == "No run matches these filters."


def test_a_row_leads_to_its_run(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, *days()))
    assert opened(app, ALL, 1) == "runs?inspect=run-5-feature"


def test_a_run_leads_back_to_all_runs_with_the_same_filters(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, *days()), inspect="run-5-main", branch="main", against="run-4-main")
    (back,) = ways(app, "Back").values()
    assert back == "runs?branch=main"


def test_any_two_runs_can_be_compared(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, *days()), inspect="run-5-main")
    others = [row["Run"] for row in grid(app, "Runs to compare with")]
    assert len(others) == 11
    href = opened(app, "Runs to compare with", others.index("run-0-feature"))
    app = at(tmp_path, href)
    assert "Compared with run run-0-feature: 1 new, 1 repeated, 1 absent." in text(app)
    app = shown("runs", tmp_path, inspect="run-5-main", against="no such run")
    assert "There is no run with the id to compare with" in app.warning[0].value
    assert "1 new, 1 repeated, 0 absent." in text(app)


def test_a_run_that_executed_nothing_is_not_clean(tmp_path: Path) -> None:
    attributes = {"plane_guard.session.evidence": "pytest", "plane_guard.session.tests": 0}
    app = shown("runs", evidence(tmp_path, span("plane_guard.session", attributes, of=resource("idle"))))
    (row,) = grid(app, ALL)
    assert (row["Verdict"], row["Tests"]) == ("? executed no test", 0)


def test_one_run_against_the_one_before_of_its_branch(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, *days()), inspect="run-5-main")
    assert app.header[0].value == "✖ 14 attempts to write to production, all blocked"
    assert "Compared with the previous run of the same service and branch: 1 new, 1 repeated, 0 absent." in text(app)
    assert "run-4-main" in text(app)
    assert {row["Test"]: (row["Change"], row["Now"], row["Before"]) for row in grid(app, ISSUES)} == {
        TESTS[0]: ("● repeated", 7, 6),
        TESTS[2]: ("▲ new", 7, 0),
    }
    assert "plane-guard report --run run-5-main" in commands(app).values()
    assert facts(app, "When and where")["Commit"] == f"{5:040x}"


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    spans = *run("one", 0, "state", "comment"), *run("two", 60, "state")
    app = shown("runs", evidence(tmp_path, *spans), inspect="two")
    assert {row["Op"]: row["Change"] for row in grid(app, ISSUES)} == {
        "state": "● repeated",
        "comment": "▽ not in this run",
    }


@pytest.mark.parametrize(
    ("others", "relation"),
    [
        ([("a", "svc", "main"), ("b", "svc", "dev"), ("c", "other", "dev")], "same service and branch"),
        ([("b", "svc", "dev"), ("c", "other", "main")], "the previous run of the same service:"),
        ([("c", "other", "main"), ("d", "plane-guard-demo", "main")], "the previous test run:"),
    ],
)
def test_the_nearest_relation_is_compared_with(
    tmp_path: Path, others: list[tuple[str, str, str]], relation: str
) -> None:
    earlier = [
        span
        for at, (name, service, branch) in enumerate(others)
        for span in run(name, at, "state", service=service, branch=branch)
    ]
    folder = evidence(tmp_path, *earlier, *run("this", 60, "state", service="svc"))
    app = shown("runs", folder, inspect="this")
    assert relation in text(app)
    assert facts(app, "The other run")["Compared with"] == others[0][0]


@pytest.mark.parametrize("later", [[], [("later", 90)]])
def test_the_first_run_has_nothing_to_compare_with(tmp_path: Path, later: list[tuple[str, int]]) -> None:
    folder = evidence(tmp_path, *run("this", 60, "state"), *(span for one in later for span in run(*one, "state")))
    app = shown("runs", folder, inspect="this")
    assert "There is no earlier run to compare with" in text(app)
    assert [(row["Change"], row["Before"]) for row in grid(app, ISSUES)] == [("▲ new", 0)]


def test_the_processes_say_why_they_count_as_test_processes(tmp_path: Path) -> None:
    of = resource("this", **{"plane_guard.pytest.worker": "gw1"})
    app = shown("runs", evidence(tmp_path, session(of=of)), inspect="this")
    (process,) = grid(app)
    assert process["Evidence of tests"] == "pytest in sys.modules"
    assert (process["Guarded clients"], process["Worker"], process["Process"]) == ("httpx", "gw1", 4711)


def test_a_run_without_guarded_processes_warns(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, sandbox_write()), inspect="run-1")
    assert "No process of this run reported" in app.warning[0].value


def test_what_got_through_alarms(tmp_path: Path) -> None:
    app = shown("runs", evidence(tmp_path, session(), decision(LEAKED)), inspect="run-1")
    assert app.header[0].value == "‼ 1 write to production got through"
    assert app.error
    assert grid(app, ISSUES)[0]["Change"] == "‼ got through · ▲ new"


@pytest.mark.parametrize("wanted", ["gone", *HOSTILE])
def test_an_unknown_run_says_so(tmp_path: Path, wanted: str) -> None:
    app = shown("runs", evidence(tmp_path, session()), inspect=wanted)
    assert "There is no such run in these traces." in app.warning[0].value
    assert wanted not in markdown(app)


def test_the_issues_and_attempts_of_a_run_lead_on(tmp_path: Path) -> None:
    spans = session(), decision({"plane_guard.decision.id": "this"})
    app = shown("runs", evidence(tmp_path, *spans), inspect="run-1")
    assert opened(app, ISSUES).startswith("attempts?group=")
    assert opened(app, "The latest attempts of this run") == "decision?id=this"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://ci.example/runs/1", True),
        ("http://ci.example", True),
        ("javascript:alert(1)", False),
        ("//ci.example", False),
        ("https://", False),
        ("https://[", False),
        ("https://ci.example/\u202e", False),
        ("", False),
    ],
)
def test_only_an_address_of_the_web_is_a_link(tmp_path: Path, address: str, expected: bool) -> None:  # noqa: FBT001
    assert is_web(address) is expected
    of = resource("this", **{"cicd.pipeline.run.url.full": address})
    app = shown("runs", evidence(tmp_path, session(of=of)), inspect="this")
    job = facts(app, "When and where").get("CI job", "")
    assert isinstance(job, list) is expected


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_values_are_text(tmp_path: Path, words: str) -> None:
    more = {"vcs.ref.head.name": words, "vcs.ref.head.revision": words, "cicd.pipeline.run.url.full": words}
    of = resource(words, service=words, **more, **{"plane_guard.pytest.worker": words, "host.name": words})
    names = ("test.case.name", "plane_guard.op", "plane_guard.project.id", "plane_guard.decision.reason")
    folder = evidence(tmp_path, session(of=of), decision(dict.fromkeys(names, words), of=of))
    app = shown("runs", folder)
    assert words[:100] not in markdown(app)
    app = at(tmp_path, opened(app, ALL))
    assert words[:100] not in markdown(app)
    assert not set("\u202e\u200f\x00\x1b") & set(text(app))
    assert any(text.startswith("plane-guard report --run") for text in commands(app).values())

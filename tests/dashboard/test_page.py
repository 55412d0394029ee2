"""The first page, run by Streamlit's own test driver on real files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

import plane_guard_dashboard
from plane_guard_dashboard import live
from plane_guard_dashboard.queries import MOST_ROWS
from tests.dashboard.evidence import SECOND, START, decision, resource, sandbox_write, session, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

APP = Path(plane_guard_dashboard.__file__).with_name("app.py")
EXPECTED = {"plane_guard.decision.expected": True}
HOSTILE = (
    ":red[x] **b** $\\frac{1}{2}$",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "=cmd()|' /C calc'!A0",
    "日本語 🧪 \u202e\x00\x1b[31m",
    "'; DROP TABLE decisions; --",
    "x" * 5000,
)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Opens the page on these spans, with these query parameters."""

    def opened(*spans: ReadableSpan, raw: bytes = b"", **query: str | list[str]) -> AppTest:
        live._store.clear()
        if raw:
            (tmp_path / "raw.jsonl").write_bytes(raw)
        if spans:
            write(tmp_path / "decisions-box-1.jsonl", *spans)
        monkeypatch.setenv("PLANE_GUARD_TRACES", str(tmp_path))
        app = AppTest.from_file(str(APP), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return opened


def title(app: AppTest) -> str:
    return str(app.title[0].value)


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def rows(app: AppTest) -> list[dict[str, Any]]:
    return records(app.dataframe[-1]) if app.dataframe else []


def records(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.value.to_dict("records")
    return found


def markdown(app: AppTest) -> str:
    kinds = (
        app.markdown,
        app.caption,
        app.info,
        app.success,
        app.warning,
        app.error,
        app.title,
        app.subheader,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_an_empty_folder_is_no_evidence_yet_and_no_clean_bill(page: Callable[..., AppTest]) -> None:
    app = page()
    assert title(app) == "No evidence yet"
    assert "not a clean bill" in app.info[0].value
    assert not app.metric


def test_a_missing_folder_is_no_evidence_yet(page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch) -> None:
    app = page()
    monkeypatch.setenv("PLANE_GUARD_TRACES", "/nowhere/:red[x]")
    app.run()
    assert title(app) == "No evidence yet"
    assert ":red[x]" not in markdown(app)
    assert "/nowhere/:red[x]" in app.text[0].value


@pytest.mark.parametrize(
    ("raw", "words"), [(b"garbage\n", "The traces cannot be read"), (b"{}\n", "Nothing of plane-guard here")]
)
def test_what_cannot_be_read_looks_unlike_what_is_not_there(
    page: Callable[..., AppTest], raw: bytes, words: str
) -> None:
    app = page(raw=raw)
    assert title(app) == words
    assert app.error
    assert not app.info


def test_a_guarded_run_that_tried_nothing_is_quiet(page: Callable[..., AppTest]) -> None:
    app = page(session())
    assert title(app) == "Nothing tried to write to production"
    assert "nothing tried to write to Plane at all" in app.success[0].value
    assert figures(app)["Guarded processes"] == "1"


def test_a_run_that_wrote_to_the_sandbox_only_is_quiet(page: Callable[..., AppTest]) -> None:
    app = page(session(), sandbox_write())
    assert "stopped nothing on its way to production" in app.success[0].value


def test_decisions_without_a_guarded_process_are_not_called_quiet(page: Callable[..., AppTest]) -> None:
    app = page(sandbox_write())
    assert not app.success
    assert "No guarded process" in app.warning[0].value


def test_one_attempt_is_the_headline_a_figure_and_a_row(page: Callable[..., AppTest]) -> None:
    app = page(session(), decision())
    assert title(app) == "1 attempt to write to production, all blocked"
    assert figures(app) == {
        "Blocked attempts": "1",
        "Tests responsible": "1",
        "Production writes allowed": "0",
        "Guarded processes": "1",
    }
    (row,) = rows(app)
    assert (row["Outcome"], row["Work item"], row["Operation"]) == ("✖ blocked", "ORCH-114", "state")
    assert row["Reason"] == "prod-project-in-test"


def test_a_write_that_got_through_alarms_whatever_is_filtered(page: Callable[..., AppTest]) -> None:
    leak = decision({"plane_guard.decision.outcome": "allow"})
    app = page(session(), decision(), leak, run="run-1", origin="Demo")
    assert title(app) == "1 write to production got through"
    assert "must never happen" in app.error[0].value
    assert figures(app)["Production writes allowed"] == "1"


def test_expected_blocks_are_told_apart_and_shown_on_demand(page: Callable[..., AppTest]) -> None:
    app = page(session(), decision(), decision(EXPECTED))
    assert title(app).startswith("1 attempt")
    assert "1 expected block not counted" in markdown(app)
    assert len(rows(app)) == 1
    app.toggle(key="expected").set_value(True).run()
    assert {row["Outcome"] for row in rows(app)} == {"✖ blocked", "◌ expected block"}


def test_the_demo_is_told_apart(page: Callable[..., AppTest]) -> None:
    demo = resource("demo-1", service="plane-guard-demo")
    app = page(session(), decision(), decision(of=demo))
    assert "1 attempt made by `plane-guard demo`" in markdown(app)
    assert {row["Made by"] for row in rows(app)} == {"demo", "test"}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, {"b1", "b2"}),
        ({"outcome": "Allowed", "target": "Sandbox"}, {"s"}),
        ({"outcome": "Any", "target": "Any"}, {"b1", "b2", "s", "u"}),
        ({"target": "Unresolved"}, {"u"}),
        ({"op": ["comment"]}, {"b2"}),
        ({"reason": ["opt-in-disabled"]}, {"b2"}),
        ({"op": ["comment"], "reason": ["prod-project-in-test"]}, set()),
        ({"test": "TEST_OTHER"}, {"b2"}),
        ({"test": "%"}, set()),
        ({"run": "run-2"}, {"b2"}),
        ({"run": "no such run"}, {"b1", "b2"}),
        ({"origin": "Tests"}, {"b1"}),
        ({"origin": "Demo"}, {"b2"}),
        ({"target": "nonsense"}, {"b1", "b2"}),
    ],
)
def test_the_address_bar_filters(
    page: Callable[..., AppTest], query: dict[str, str | list[str]], ids: set[str]
) -> None:
    other = {
        "plane_guard.decision.id": "b2",
        "plane_guard.op": "comment",
        "plane_guard.decision.reason": "opt-in-disabled",
        "test.case.name": "tests/test_other.py::test_x[prod]",
    }
    allowed = {"plane_guard.decision.outcome": "allow", "plane_guard.target": "sandbox"}
    app = page(
        session(),
        decision({"plane_guard.decision.id": "b1"}),
        decision(other, of=resource("run-2", service="plane-guard-demo")),
        decision(allowed | {"plane_guard.decision.id": "s"}),
        decision({"plane_guard.target": "unresolved", "plane_guard.decision.id": "u"}),
        **query,
    )
    assert {row["Decision"] for row in rows(app)} == ids
    if not ids:
        assert "No decision matches these filters" in app.info[0].value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_shown_as_text_and_never_as_markdown(page: Callable[..., AppTest], text: str) -> None:
    names = ("test.case.name", "plane_guard.op", "plane_guard.project.id", "plane_guard.decision.reason")
    app = page(session(), decision(dict.fromkeys((*names, "plane_guard.work_item.key"), text), of=resource(text)))
    (row,) = rows(app)
    assert str(row["Test"])[:2000] == text[:2000]
    assert text[:100] not in markdown(app)
    assert "<script" not in markdown(app)


def test_a_hostile_value_can_be_filtered_by(page: Callable[..., AppTest]) -> None:
    app = page(session(), decision({"plane_guard.op": HOSTILE[4]}), decision())
    app.multiselect(key="op").select(HOSTILE[4]).run()
    assert not app.exception
    assert [row["Operation"] for row in rows(app)] == [HOSTILE[4]]


def test_lists_are_capped_and_say_so(page: Callable[..., AppTest]) -> None:
    app = page(session(), *(decision(at=START + number * SECOND) for number in range(MOST_ROWS + 10)))
    assert f"Showing the latest {MOST_ROWS} of {MOST_ROWS + 10}." in markdown(app)
    assert len(rows(app)) == MOST_ROWS
    assert rows(app)[0]["Time (UTC)"] > rows(app)[1]["Time (UTC)"]


def test_there_is_a_table_behind_the_chart_with_the_same_figures(page: Callable[..., AppTest]) -> None:
    app = page(session(), decision(), decision(), decision({"plane_guard.decision.reason": "opt-in-disabled"}))
    table = records(app.dataframe[0])
    assert {row["Reason"]: row["Decisions"] for row in table} == {
        "prod-project-in-test": 2,
        "opt-in-disabled": 1,
    }


def test_damage_is_accounted_for_at_the_foot(page: Callable[..., AppTest]) -> None:
    app = page(session(), decision(), raw=b"garbage\n")
    assert "1 line and 0 files could not be read" in markdown(app)
    assert records(app.dataframe[-1]) == [{"File": "raw.jsonl", "Byte": 0, "Why": "not a JSON object"}]


def test_new_evidence_shows_on_the_next_run(page: Callable[..., AppTest], tmp_path: Path) -> None:
    app = page(session(), decision())
    write(tmp_path / "decisions-box-2.jsonl", decision())
    assert title(app.run()).startswith("2 attempts")


def test_a_time_out_of_range_breaks_nothing(page: Callable[..., AppTest]) -> None:
    app = page(session(), decision(at=2**63 - 10), decision(at=START))
    assert len(rows(app)) == 2

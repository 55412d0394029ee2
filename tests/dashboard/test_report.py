"""`plane-guard report`, as a CI job calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.report.command import FAIL_ON
from tests.dashboard.evidence import PROD, START, TEST, decision, resource, sandbox_write, session, write

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x9b\u202e\u2028end"
HOSTILE = f"t[bold]x[/] :red[x] <script>alert(1)</script> a|b `c` =cmd()\n{ESCAPES}"
EXPECTED = {"plane_guard.decision.expected": True}
ALLOWED = {"plane_guard.decision.outcome": "allow"}
FOREIGN = {"plane_guard.decision.reason": "foreign-reference", "plane_guard.target": "unresolved"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "traces"


def report(folder: Path, *arguments: str, spans: tuple[ReadableSpan, ...] = (), **environ: str) -> Result:
    if spans:
        folder.mkdir(exist_ok=True)
        write(folder / "decisions-box-1.jsonl", *spans)
    return CliRunner().invoke(main, ["report", "--traces", str(folder), *arguments], env=environ)


@pytest.mark.parametrize(
    ("spans", "on_attempt", "on_blocked"),
    [
        ((session(),), 0, 0),
        ((session(), sandbox_write()), 0, 0),
        ((decision(),), 1, 1),
        ((session(), decision({"plane_guard.target": "unresolved"})), 0, 1),
        ((decision(FOREIGN),), 1, 1),
        ((session(), decision(FOREIGN | EXPECTED)), 0, 0),
        ((session(), decision(EXPECTED)), 0, 0),
        ((decision(EXPECTED), decision()), 1, 1),
        ((decision(ALLOWED),), 1, 1),
        ((session(), decision(ALLOWED | {"plane_guard.decision.reason": "live-runtime"})), 0, 0),
    ],
)
def test_the_exit_code_says_whether_the_condition_holds(
    folder: Path, spans: tuple[ReadableSpan, ...], on_attempt: int, on_blocked: int
) -> None:
    assert report(folder, spans=spans).exit_code == 0
    assert report(folder, "--fail-on", "prod-attempt").exit_code == on_attempt
    assert report(folder, "--fail-on", "blocked").exit_code == on_blocked
    assert report(folder, "--fail-on", "new-prod-attempt").exit_code == on_attempt
    assert FAIL_ON.keys() == {"prod-attempt", "new-prod-attempt", "blocked"}


@pytest.mark.parametrize("content", [None, b"", b"garbage\n", b"{}\n"])
def test_nothing_readable_is_exit_code_two_and_one_sentence_that_can_be_explained(
    folder: Path, content: bytes | None
) -> None:
    if content is not None:
        folder.mkdir()
        (folder / "a.jsonl").write_bytes(content)
    result = report(folder, "--fail-on", "blocked", "--format", "json")
    assert (result.exit_code, result.stdout) == (2, "")
    sentence, more = result.stderr.splitlines()
    assert "--traces" in sentence
    assert more.startswith("More: plane-guard explain ")


def test_an_unknown_run_is_exit_code_two(folder: Path) -> None:
    result = report(folder, "--run", "nope", spans=(decision(),))
    assert result.exit_code == 2
    assert "run-1" in result.stderr


def test_a_guarded_run_without_decisions_says_so(folder: Path) -> None:
    result = report(folder, spans=(session(),))
    assert "✔ No attempt to write to Plane seen in 1 guarded process." in result.stdout
    assert "Guarded processes: 1" in result.stdout


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_run_without_attempts_has_no_table(folder: Path, form: str) -> None:
    result = report(folder, "--format", form, spans=(session(), sandbox_write()))
    assert "✔ No attempt to write to production seen in 1 guarded process." in result.stdout
    assert "Blocked writes" not in result.stdout


def test_the_demo_and_a_line_still_being_written_are_mentioned(folder: Path) -> None:
    folder.mkdir()
    (folder / "torn.jsonl").write_bytes(b'{"resourceSpans":[{')
    result = report(folder, spans=(session(), decision(of=resource(service="plane-guard-demo"))))
    assert "From `plane-guard demo`: 1 of the decisions" in result.stdout
    assert "Still being written: 1 line" in result.stdout


def test_without_a_time_the_run_is_named_alone(folder: Path) -> None:
    folder.mkdir()
    timeless = write(folder / "line.tmp", decision()).read_text().replace(str(START), "never")
    (folder / "a.jsonl").write_text(timeless)
    assert report(folder).stdout.splitlines()[1] == "run run-1"


def test_decisions_without_a_session_are_pointed_out(folder: Path) -> None:
    assert "no guarded process reported itself" in report(folder, spans=(decision(),)).stdout


def test_the_text_names_test_project_work_item_op_and_reason_without_colour_codes(folder: Path) -> None:
    result = report(folder, spans=(session(), decision(), decision(EXPECTED)))
    for piece in (TEST, PROD, "ORCH-114", "state", "prod-project-in-test", "1 expected blocks"):
        assert piece in result.stdout
    assert "\x1b" not in result.stdout


def test_a_write_that_got_through_is_the_headline(folder: Path) -> None:
    result = report(folder, spans=(decision(ALLOWED), decision()))
    assert "✖ 1 write to production got through" in result.stdout.splitlines()[0]


def test_json_has_the_figures_and_nothing_else_on_stdout(folder: Path) -> None:
    result = report(folder, "--format", "json", spans=(session(), decision(), decision(EXPECTED)))
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["run"], found["sessions"], found["decisions"]) == ("run-1", 1, 2)
    assert (found["blocked"], found["expected"], found["prod_attempts"]) == (1, 1, 1)


def test_damage_is_reported_in_every_format(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b"garbage\n")
    assert json.loads(report(folder, "--format", "json", spans=(decision(),)).stdout)["unreadable_lines"] == 1
    for form in ("text", "markdown"):
        assert "1 line and 0 files could not be read" in report(folder, "--format", form).stdout


def test_foreign_text_is_shown_and_never_obeyed_by_a_terminal(folder: Path) -> None:
    result = report(folder, spans=(decision({"test.case.name": HOSTILE, "plane_guard.op": "[red]up"}),))
    assert "t[bold]x[/]" in result.stdout
    assert "[red]up" in result.stdout
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2028"} & set(result.stdout)


def test_foreign_text_is_shown_and_never_obeyed_by_markdown(folder: Path) -> None:
    result = report(folder, "--format", "markdown", spans=(decision({"test.case.name": HOSTILE}),))
    (row,) = [line for line in result.stdout.splitlines() if "ORCH-114" in line]
    assert row.count("|") == 7
    assert "<script" not in row
    assert not set("\x1b\x07\u202e") & set(row)


@pytest.mark.parametrize("text", ["a|b", "a\\|b", "`", "``x", "|", "` | `", "a`b|c\\"])
def test_no_text_leaves_its_cell(folder: Path, text: str) -> None:
    result = report(folder, "--format", "markdown", spans=(decision({"test.case.name": text}),))
    (row,) = [line for line in result.stdout.splitlines() if "ORCH-114" in line]
    assert (row.count("|"), row.count("`") % 2) == (7, 0)


def test_hostile_run_ids_stay_on_their_line(folder: Path) -> None:
    result = report(folder, "--format", "markdown", spans=(decision(of=resource("x\n# <b>big</b>")),))
    assert not [line for line in result.stdout.splitlines() if line.startswith("# ")]


@pytest.mark.parametrize(("before", "after"), [("", ""), ("before\n", "before\n"), ("no newline", "no newline\n\n")])
def test_the_jobs_page_gets_the_markdown_appended(folder: Path, tmp_path: Path, before: str, after: str) -> None:
    page = tmp_path / "summary.md"
    page.write_text(before)
    result = report(folder, "--github-step-summary", spans=(decision(),), GITHUB_STEP_SUMMARY=str(page))
    assert result.exit_code == 0
    assert page.read_text().startswith(f"{after}### ✖ 1 attempt to write to production")


def test_a_jobs_page_that_github_would_not_show_is_left_as_it_is(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    page.write_text("x" * (2**20 - 100))
    result = report(folder, "--github-step-summary", spans=(decision(),), GITHUB_STEP_SUMMARY=str(page))
    assert "would be larger than GitHub shows): let the step write less into it" in " ".join(result.stderr.split())
    assert page.stat().st_size == 2**20 - 100


@pytest.mark.parametrize(
    ("page", "reason"),
    [("", "($GITHUB_STEP_SUMMARY is not set): GitHub Actions sets it"), ("/", "(/: Is a directory): set $GITHUB_STEP")],
)
def test_a_jobs_page_that_cannot_be_written_does_not_change_the_verdict(folder: Path, page: str, reason: str) -> None:
    arguments = ("--github-step-summary", "--fail-on", "blocked")
    result = report(folder, *arguments, spans=(decision(),), GITHUB_STEP_SUMMARY=page)
    assert result.exit_code == 1
    assert f"The job's page could not be written {reason}" in result.stderr


def test_long_lists_say_how_much_they_leave_out(folder: Path) -> None:
    spans = tuple(decision({"test.case.name": f"test_{number}"}) for number in range(130))
    for form in ("text", "markdown"):
        assert "Showing 100 of 130 kinds of attempt" in report(folder, "--format", form, spans=spans).stdout
        spans = ()


def test_the_source_comes_from_the_environment_when_none_is_named(folder: Path) -> None:
    folder.mkdir()
    write(folder / "a.jsonl", decision())
    result = CliRunner().invoke(main, ["report", "--format", "json"], env={"PLANE_GUARD_TRACES": str(folder)})
    assert json.loads(result.stdout)["prod_attempts"] == 1


def test_it_needs_neither_streamlit_nor_duckdb_and_survives_an_ascii_terminal(folder: Path) -> None:
    folder.mkdir()
    write(folder / "a.jsonl", decision({"test.case.name": "test_é"}))
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['streamlit', 'duckdb', 'orjson', 'opentelemetry']));"
        "from plane_guard_dashboard.cli import main; main()"
    )
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, "report", "--traces", str(folder), "--fail-on", "prod-attempt"]
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"ORCH-114" in done.stdout


def test_an_attempt_that_the_earlier_report_has_is_known_and_another_one_is_new(folder: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(report(folder, "--format", "json", spans=(decision(),)).stdout)
    known = ("--known", str(earlier))
    parametrised = decision({"test.case.name": f"{TEST}[other]"})

    same = report(folder, *known, "--fail-on", "new-prod-attempt", spans=(session(), parametrised))
    assert same.exit_code == 0
    assert "0 of 1 kind are new" in same.stdout
    assert report(folder, *known, "--fail-on", "prod-attempt").exit_code == 1

    other = report(folder, *known, "--fail-on", "new-prod-attempt", spans=(decision({"plane_guard.op": "comment"}),))
    assert other.exit_code == 1
    assert "1 of 2 kinds are new" in other.stdout
    found = json.loads(report(folder, *known, "--format", "json").stdout)
    assert [(group["op"], group["count"], group["known"]) for group in found["groups"]] == [
        ("comment", 1, False),
        ("state", 2, True),
    ]
    assert (found["prod_attempts"], found["new_prod_attempts"], found["compared"]) == (3, 1, True)


def test_a_write_that_got_through_is_never_known(folder: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(report(folder, "--format", "json", spans=(decision(ALLOWED),)).stdout)
    assert report(folder, "--known", str(earlier), "--fail-on", "new-prod-attempt").exit_code == 1


def test_without_the_earlier_report_everything_is_new_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.json")
    result = report(folder, "--known", missing, "--fail-on", "new-prod-attempt", spans=(decision(),))
    assert result.exit_code == 1
    assert "everything counts as new" in result.stderr


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"groups": 1}', '{"groups": [{}]}', "[" * 100_000])
def test_an_earlier_report_that_is_none_is_exit_code_two(folder: Path, tmp_path: Path, content: str) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(content)
    result = report(folder, "--known", str(earlier), spans=(decision(),))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "plane-guard report --format json" in result.stderr


def test_since_leaves_out_what_is_older_and_takes_all_runs(folder: Path) -> None:
    now = time.time_ns()
    spans = (decision(of=resource("old")), decision(at=now, of=resource("a")), decision(at=now, of=resource("b")))
    found = json.loads(report(folder, "--since", "24h", "--format", "json", spans=spans).stdout)
    assert (found["run"], found["decisions"]) == ("all", 2)
    assert json.loads(report(folder, "--since", "24h", "--run", "a", "--format", "json").stdout)["decisions"] == 1


def test_nothing_that_new_is_exit_code_two(folder: Path) -> None:
    result = report(folder, "--since", "1h", spans=(session(), decision()))
    assert result.exit_code == 2
    assert "--since" in result.stderr


def test_the_json_lists_tests_with_most_blocks_and_every_combination(folder: Path) -> None:
    spans = (decision({"test.case.name": "test_often"}), decision({"test.case.name": "test_often"}), decision())
    found = json.loads(report(folder, "--format", "json", spans=(*spans, sandbox_write())).stdout)
    assert found["top_tests"][0] == {"test": "test_often", "blocked": 2, "prod_attempts": 2}
    first = found["by_project_op_reason"][0]
    assert (first["project"], first["blocked"], first["allowed"], first["expected"]) == (PROD, 3, 0, 0)


def test_the_help_documents_every_exit_code_and_condition() -> None:
    shown = CliRunner().invoke(main, ["report", "--help"]).output
    for code in (0, 1, 2):
        assert f"\n    {code}  " in shown
    assert all(f"\n    {name} " in shown for name in FAIL_ON)

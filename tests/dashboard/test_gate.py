"""The gate of a CI job is green only if everything in its scope was read and understood."""

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
from tests.dashboard.evidence import PROD, TEST, decision, resource, sandbox_write, session, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Lines = list[str]

COLLECTED = "traces.jsonl"
OF_A_PROCESS = "decisions-box-1-0.jsonl"
OTHER = "decisions-box-2-0.jsonl"
JOB = {"cicd.pipeline.run.id": "412", "cicd.pipeline.task.name": "test"}
ALLOWED = {"plane_guard.decision.outcome": "allow"}
FOREIGN = {"plane_guard.decision.reason": "foreign-reference", "plane_guard.target": "unresolved"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "traces"
    place.mkdir()
    return place


def report(folder: Path, *arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["report", "--traces", str(folder), *arguments], env=environ)


def figures(folder: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report(folder, "--format", "json", *arguments).stdout)
    return found


def changed(line: str, change: Callable[[dict[str, Any]], None]) -> str:
    document = json.loads(line)
    change(document["resourceSpans"][0]["scopeSpans"][0]["spans"][0])
    return json.dumps(document)


def lose_event(span: dict[str, Any]) -> None:
    span.update(events=[], droppedEventsCount=1)


def lose_ids(span: dict[str, Any]) -> None:
    span.update(traceId="", spanId="")
    items = span["events"][0]["attributes"]
    span["events"][0]["attributes"] = [item for item in items if item["key"] != "plane_guard.decision.id"]


def set_outcome(span: dict[str, Any]) -> None:
    for holder in (span, *span["events"]):
        for item in holder["attributes"]:
            if item["key"] == "plane_guard.decision.outcome":
                item["value"] = {"stringValue": "deferred"}


# Each takes the line of a session and the line of an incident, and writes them as they were left behind.
def whole(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + incident)


def damaged_line(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + incident.replace("{", "", 3) + guarded)


def zeroed_line(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + "\0" * len(incident) + "\n")


def torn_line(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + incident[:-40])


def torn_long_ago(folder: Path, name: str, guarded: str, incident: str) -> None:
    torn_line(folder, name, guarded, incident)
    os.utime(folder / name, (1e9, 1e9))


def unreadable_file(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded)
    (folder / f"9-{name}").symlink_to(folder / "gone")


def unreadable_folder(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded)
    os.mkfifo(folder / "decisions-box-9-0.jsonl")


def unknown_outcome(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + changed(incident, set_outcome) + "\n")


def event_lost(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + changed(incident, lose_event) + "\n")


def ids_lost(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + changed(incident, lose_ids) + "\n")


def two_runs(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + incident)
    os.utime(folder / name, (1e9, 1e9))
    (folder / OTHER).write_text(guarded.replace("run-1", "run-2"))


def two_runs_in_one_file(folder: Path, name: str, guarded: str, incident: str) -> None:
    (folder / name).write_text(guarded + incident + guarded.replace("run-1", "run-2"))


STATES = (
    whole,
    damaged_line,
    zeroed_line,
    torn_line,
    torn_long_ago,
    unreadable_file,
    unreadable_folder,
    unknown_outcome,
    event_lost,
    ids_lost,
    two_runs,
    two_runs_in_one_file,
)


@pytest.mark.parametrize("condition", FAIL_ON)
@pytest.mark.parametrize("changes", [{}, FOREIGN, ALLOWED], ids=["attempt", "possible", "got through"])
@pytest.mark.parametrize("name", [COLLECTED, OF_A_PROCESS])
@pytest.mark.parametrize("state", STATES)
def test_the_gate_is_never_green_if_an_incident_was_in_there(  # noqa: PLR0913, PLR0917  one per dimension
    folder: Path, tmp_path: Path, state: Any, name: str, changes: dict[str, str], condition: str
) -> None:
    guarded = write(tmp_path / "guarded.tmp", session()).read_text()
    incident = write(tmp_path / "incident.tmp", decision(changes)).read_text()
    state(folder, name, guarded, incident)
    result = report(folder, "--fail-on", condition)
    assert result.exit_code == (
        1 if state in {whole, event_lost, ids_lost} and changes != FOREIGN else result.exit_code
    )
    assert result.exit_code in {1, 2}
    assert not result.stdout.startswith("✔")


@pytest.mark.parametrize("condition", FAIL_ON)
def test_a_whole_quiet_run_is_green(folder: Path, condition: str) -> None:
    write(folder / OF_A_PROCESS, session(), sandbox_write())
    assert report(folder, "--fail-on", condition).exit_code == 0


def test_damage_makes_the_headline_and_the_exit_code_and_can_be_accepted(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session())
    with (folder / OF_A_PROCESS).open("a") as file:
        file.write("garbage\n")
    result = report(folder, "--fail-on", "prod-attempt")
    assert result.exit_code == 2
    assert result.stdout.startswith(f"⚠ Could not be decided: 1 damaged line in {OF_A_PROCESS}.")
    assert "--allow-unreadable" in result.stderr
    assert report(folder).exit_code == 0
    assert report(folder, "--fail-on", "prod-attempt", "--allow-unreadable").exit_code == 0


def test_damage_in_the_file_of_another_runs_process_is_not_in_the_scope(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session(of=resource("old")))
    with (folder / OF_A_PROCESS).open("a") as file:
        file.write("garbage\n")
    os.utime(folder / OF_A_PROCESS, (1e9, 1e9))
    write(folder / OTHER, session(of=resource("new")))
    result = report(folder, "--fail-on", "prod-attempt")
    assert (result.exit_code, result.stdout.splitlines()[0][:1]) == (0, "✔")
    assert report(folder, "--fail-on", "prod-attempt", "--run", "all").exit_code == 2


def test_an_attempt_outweighs_damage(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session(), decision())
    with (folder / OF_A_PROCESS).open("a") as file:
        file.write("garbage\n")
    result = report(folder, "--fail-on", "prod-attempt")
    assert result.exit_code == 1
    assert "could not be decided: 1 damaged line" in result.stdout


@pytest.mark.parametrize("condition", FAIL_ON)
def test_a_run_without_a_guarded_process_is_never_green(folder: Path, condition: str) -> None:
    write(folder / OF_A_PROCESS, sandbox_write())
    result = report(folder, "--fail-on", condition)
    assert result.exit_code == 2
    assert result.stdout.startswith("⚠ Unknown: no guarded process reported itself")
    assert "no guarded process reported itself" in result.stderr


def test_a_command_that_does_not_exist_leaves_no_run_that_looks_clean(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PLANE_GUARD", "PYTEST"))}

    def plane_guard(*arguments: str) -> int:
        command = [sys.executable, "-m", "plane_guard_dashboard", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False).returncode

    assert plane_guard("run", "--", "nosuch-command") == 127
    assert plane_guard("report", "--fail-on", "prod-attempt") == 2


def test_all_runs_of_the_ci_job_of_the_latest_run_are_its_scope(folder: Path) -> None:
    write(folder / COLLECTED, session(of=resource("first", **JOB)), decision(of=resource("first", **JOB)))
    write(folder / COLLECTED, session(of=resource("second", **JOB)))
    found = figures(folder)
    assert (found["run"], found["job"], found["runs"]) == ("second", "412 / test", ["first", "second"])
    assert (found["prod_attempts"], found["sessions"]) == (1, 2)
    assert report(folder, "--fail-on", "prod-attempt").exit_code == 1


def test_another_job_is_not_in_the_scope_but_its_attempts_are_named(folder: Path) -> None:
    other = resource("first", **JOB | {"cicd.pipeline.task.name": "lint"})
    write(folder / COLLECTED, session(of=other), decision(of=other), session(of=resource("second", **JOB)))
    found = figures(folder)
    assert (found["prod_attempts"], found["runs"]) == (0, ["second"])
    assert found["other_runs"] == [
        {"run": "first", "job": "412 / lint", "incidents": 1, "blocked": 1, "prod_allowed": 0}
    ]
    result = report(folder, "--fail-on", "prod-attempt")
    assert (result.exit_code, "--run ID, latest or all, or --since-file" in result.stderr) == (2, True)
    headline = "⚠ Could not be decided: 1 other run in the same place meets the condition (first)."
    assert result.stdout.splitlines()[0] == headline
    assert report(folder, "--fail-on", "prod-attempt", "--run", "latest").exit_code == 0


def test_a_run_that_was_asked_for_names_the_other_runs_of_its_job(folder: Path) -> None:
    write(folder / COLLECTED, *(session(of=resource(run, **JOB)) for run in ("first", "second")))
    assert "not in this report: run first, of the same CI job" in report(folder, "--run", "latest").stdout


def test_a_run_is_found_by_the_beginning_of_its_id(folder: Path) -> None:
    write(folder / COLLECTED, *(session(of=resource(run)) for run in ("abc1", "abc2", "abd1", "abd")))
    assert figures(folder, "--run", "abc2")["run"] == "abc2"
    assert figures(folder, "--run", "abd")["run"] == "abd"
    ambiguous = report(folder, "--run", "abc")
    assert (ambiguous.exit_code, "begin with 'abc': write more of the id: abc1, abc2" in ambiguous.stderr) == (2, True)


def test_the_latest_run_is_the_one_that_was_written_last_whatever_its_clock_said(folder: Path) -> None:
    ahead = time.time_ns() + 150_000_000 * 10**9
    old = write(folder / OF_A_PROCESS, session(at=ahead, of=resource("old")))
    os.utime(old, (1e9, 1e9))
    write(folder / OTHER, session(of=resource("new")), decision(of=resource("new")))
    assert figures(folder)["run"] == "new"
    assert report(folder, "--fail-on", "prod-attempt").exit_code == 1


def test_since_a_file_counts_every_run_that_was_written_later(folder: Path, tmp_path: Path) -> None:
    os.utime(write(folder / OF_A_PROCESS, session(), decision(of=resource("old"))), (1e9, 1e9))
    marker = tmp_path / "started"
    marker.touch()
    arguments = ("--since-file", str(marker))
    assert report(folder, *arguments).exit_code == 2
    assert "Nothing in" in report(folder, *arguments).stderr
    write(folder / OTHER, session(of=resource("a")), session(of=resource("b")), sandbox_write(of=resource("b")))
    later = time.time() + 5
    os.utime(folder / OTHER, (later, later))
    found = figures(folder, *arguments)
    assert (found["run"], found["runs"], found["files"]) == ("all", ["a", "b"], 1)
    assert report(folder, *arguments, "--fail-on", "prod-attempt").exit_code == 0


def test_a_marker_that_is_not_there_is_exit_code_two(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session())
    result = report(folder, "--since-file", str(folder / "nothing"))
    assert (result.exit_code, "make the file of --since-file when the job starts" in result.stderr) == (2, True)


def test_what_is_not_covered_is_named(folder: Path) -> None:
    line = write(folder / "line.tmp", session()).read_text()
    gaps = {"arrayValue": {"values": [{"stringValue": "reqwest: a Rust client"}]}}
    uncovered = {"key": "plane_guard.session.uncovered", "value": gaps}
    (folder / OF_A_PROCESS).write_text(changed(line, lambda span: span["attributes"].append(uncovered)) + "\n")
    assert figures(folder)["uncovered"] == ["reqwest: a Rust client"]
    assert "Not covered: reqwest: a Rust client." in " ".join(report(folder).stdout.split())


def test_each_write_that_got_through_is_told_in_full_before_anything_else(folder: Path) -> None:
    more = {"vcs.repository.name": "orch-worktree", "user.name": "grace"}
    of = resource(
        **JOB, **more, **{"vcs.ref.head.name": "main", "cicd.pipeline.run.url.full": "https://ci.example/412"}
    )
    write(folder / OF_A_PROCESS, session(of=of), decision(ALLOWED | {"plane_guard.decision.id": "d1"}, of=of))
    for form in ("text", "markdown"):
        lines = report(folder, "--format", form).stdout
        for piece in (
            TEST,
            PROD,
            "ORCH-114",
            "src/orchestrator/plane.py:42",
            "box",
            "main",
            "orch-worktree",
            "grace",
            "https://ci.example/412",
            "d1",
        ):
            assert piece in lines
        assert "Blocked writes" not in lines
        assert "doctor" in lines
    [found] = figures(folder)["got_through"]
    assert (found["job"], found["branch"], found["decision_id"]) == ("412 / test", "main", "d1")


def test_the_collectors_export_next_to_a_quiet_file_is_read(folder: Path) -> None:
    write(folder / "collector-export.json", decision(ALLOWED), decision(ALLOWED))
    os.utime(folder / "collector-export.json", (2e9, 2e9))
    write(folder / OF_A_PROCESS, session(of=resource("quiet")))
    assert report(folder).stdout.startswith("✖ 2 writes to production got through")
    os.utime(folder / "collector-export.json", (1e9, 1e9))
    quiet = report(folder)
    assert quiet.stdout.startswith(
        "⚠ Quiet, but 2 writes to production got through in other runs of the same place: run"
    )
    assert "not in this report: run run-1, with attempts on production. See it with --run run-1" in quiet.stdout
    assert figures(folder)["other_runs"][0]["prod_allowed"] == 2


def test_a_run_that_executed_no_test_is_not_green(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session(), session(tests=[]))
    found = report(folder, "--fail-on", "prod-attempt")
    assert (found.exit_code, found.stdout[0]) == (2, "⚠")
    assert "no test was executed" in found.stderr
    assert figures(folder)["tests"] == 0
    write(folder / OF_A_PROCESS, session(tests=[TEST, f"{TEST}[1]"]))
    found = report(folder, "--fail-on", "prod-attempt")
    assert (found.exit_code, found.stdout[0]) == (0, "✔")
    assert "Tests executed: 2" in found.stdout
    write(folder / OTHER, session(of=resource("later")))
    assert "Tests executed: unknown" in report(folder, "--run", "later").stdout


def test_ignored_files_are_counted(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session())
    for number in range(12):
        (folder / f"{number}.txt").write_text("notes")
    assert "12 files ignored: not OTLP-JSON" in report(folder).stdout
    assert figures(folder)["ignored_files"] == 12


def test_the_text_fits_a_narrow_log_and_merges_the_cases_of_a_test(folder: Path) -> None:
    spans = [decision({"test.case.name": f"{TEST}[case-{number}]"}) for number in range(20)]
    write(folder / OF_A_PROCESS, session(), *spans)
    lines = report(folder).stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(TEST in line for line in lines) == 1
    assert any("src/orchestrator/plane.py:42" in line for line in lines)
    assert any(line.startswith("prod-project-in-test: Write to a project on the sandbox") for line in lines)


def test_github_gets_an_annotation_at_the_line_of_code(folder: Path) -> None:
    write(
        folder / OF_A_PROCESS, session(), decision({"code.file.path": "src/a,b:c%.py", "plane_guard.op": "x\n::stop"})
    )
    result = report(folder, GITHUB_ACTIONS="true")
    [line] = [one for one in result.stderr.splitlines() if one.startswith("::")]
    assert line.startswith(
        "::error file=src/a%2Cb%3Ac%25.py,line=42,title=plane-guard::A Plane write was blocked on prod"
    )
    assert "Write to a project on the sandbox allowlist instead." in line
    assert "(decision decision-" in line
    assert "::error" not in report(folder, GITHUB_ACTIONS="").stderr
    (folder / "earlier").write_text(report(folder, "--format", "json").stdout)
    assert "::warning file=" in report(folder, "--known", str(folder / "earlier"), GITHUB_ACTIONS="true").stderr


def test_a_group_is_told_with_its_remedy_its_origin_and_its_links_in_each_format(folder: Path) -> None:
    of = resource(
        **JOB,
        **{
            "vcs.ref.head.name": "main",
            "vcs.ref.head.revision": "0123abcd",
            "vcs.repository.url.full": "https://github.com/acme/orch",
            "cicd.pipeline.run.url.full": "https://ci.example/412(1)|x",
        },
    )
    named = {"plane_guard.decision.id": "d1", "plane_guard.project.name": "ORCH (production)"}
    write(folder / OF_A_PROCESS, session(of=of), decision(named, of=of))
    code = "https://github.com/acme/orch/blob/0123abcd/src/orchestrator/plane.py#L42"
    item = "https://app.plane.so/acme/browse/ORCH-114/"
    trace = {"PLANE_GUARD_TRACE_URL": "https://jaeger.example/trace/{trace_id}"}

    [group] = json.loads(report(folder, "--format", "json", **trace).stdout)["groups"]
    assert group["links"].pop("trace").startswith("https://jaeger.example/trace/0000")
    assert group["links"] == {"work item": item, "code": code, "CI job": "https://ci.example/412(1)|x"}
    assert (group["branch"], group["job"], group["host"], group["run"]) == ("main", "412 / test", "box", "run-1")
    assert group["remedy"].startswith("Write to a project on the sandbox")
    assert (group["file"], group["line"], group["decision_id"]) == ("src/orchestrator/plane.py", 42, "d1")

    text = report(folder).stdout
    assert f"state ORCH-114 in ORCH (production) ({PROD})" in text
    assert "decision d1, main, CI 412 / test" in text
    assert item in text
    markdown = report(folder, "--format", "markdown").stdout
    assert f"]({code})" in markdown
    assert f"]({item})" in markdown
    assert "[`d1`](https://ci.example/412%281%29%7Cx)" in markdown

    refused = report(folder, PLANE_GUARD_TRACE_URL="javascript:alert({trace_id})")
    assert (refused.exit_code, "javascript" in refused.stdout) == (0, False)
    assert "PLANE_GUARD_TRACE_URL is ignored: it is not an http or https address" in refused.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_a_full_output_is_not_the_exit_code_of_an_attempt(folder: Path) -> None:
    write(folder / OF_A_PROCESS, session())
    command = [sys.executable, "-m", "plane_guard_dashboard", "report", "--traces", str(folder)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "could not be printed (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True, check=False)
    assert (closed.returncode, closed.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_earlier_report_may_be_in_the_encoding_of_powershell(folder: Path, tmp_path: Path, encoding: str) -> None:
    write(folder / OF_A_PROCESS, session(), decision())
    earlier = tmp_path / "earlier.json"
    earlier.write_text(report(folder, "--format", "json").stdout, encoding=encoding)
    assert report(folder, "--known", str(earlier), "--fail-on", "new-prod-attempt").exit_code == 0


def test_an_earlier_report_in_no_known_encoding_is_exit_code_two(folder: Path, tmp_path: Path) -> None:
    write(folder / OF_A_PROCESS, session())
    earlier = tmp_path / "earlier.json"
    earlier.write_bytes(b"\xff\xff\xff")
    result = report(folder, "--known", str(earlier))
    assert (result.exit_code, "neither UTF-8 nor UTF-16" in result.stderr) == (2, True)

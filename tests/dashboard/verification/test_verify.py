"""`plane-guard verify` finds the writes that bypassed the guard, and nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.verification import client, server
from plane_guard_dashboard.views import live
from plane_guard_instrumentation.testing.world import LIMITED, USERS
from tests.dashboard.pages.whole import Dashboard
from tests.dashboard.verification.scenario import KINDS, Day

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from plane_guard_instrumentation.testing import FakePlane
    from plane_guard_instrumentation.testing.http_server import ReceivedRequest

HOUR = 3600.0
QUICK = ("--per-minute", "1000000", "--settle", "0")


@pytest.fixture
def day(plane: FakePlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    """A server and an empty folder of evidence. The cache is the test's own."""
    for name, value in environment(plane, tmp_path).items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "evidence"
    folder.mkdir()
    return Day(plane, folder, time.time() - 6 * HOUR)


def environment(plane: FakePlane, folder: Path) -> dict[str, str]:
    return {
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PLANE_BASE_URL": plane.url,
        "PLANE_API_KEY": plane.token,
        "PLANE_WORKSPACE_SLUG": plane.workspace,
    }


def arguments(day: Day, *options: str) -> list[str]:
    return ["verify", "--traces", str(day.folder), *QUICK, *options]


def verify(day: Day, *options: str) -> Result:
    return CliRunner().invoke(main, arguments(day, *options))


def found(result: Result) -> list[tuple[str, str, str]]:
    return sorted((one["kind"], one["object"], one["field"]) for one in json.loads(result.stdout)["findings"])


@pytest.mark.parametrize(("runs", "planted"), [(120, 24), pytest.param(1_000, 100, marks=pytest.mark.exhaustive)])
def test_planted_writes_of_12_kinds_among_honest_runs_are_found_and_no_other(
    day: Day, tmp_path: Path, runs: int, planted: int
) -> None:
    plane = day.plane
    day.ahead = 90.0
    plane.faults = replace(plane.faults, worker_delay=30.0)
    items = plane.seed(work_items=[{"name": f"item {number}"} for number in range(60)], project=plane.prod.id)
    ids = [row["id"] for row in items["work_items"]]
    day.targets, day.quiet, day.doomed = tuple(ids[:20]), ids[20:30], ids[30:60]
    first = day.run()
    day.honest(first, 0)
    day.now += 60
    day.end(first, day.now - 60)
    day.to_the_present()
    assert verify(day).exit_code == 0  # knows the work items that are there
    day.plane.clock = lambda: day.now + day.ahead
    kinds = [play(day, number, runs // planted) for number in range(runs)]
    assert set(filter(None, kinds)) == set(KINDS)
    assert len(day.planted) == planted
    assert day.now < time.time()
    day.to_the_present()

    def limit(_: ReceivedRequest) -> None:
        if len(plane.requests) % 60 == 0:
            plane.faults = replace(plane.faults, limited=2, retry_after="0")

    plane.hooks.append(limit)
    start = len(plane.requests)
    assert kill_after(day, tmp_path, 60) == -signal.SIGKILL
    half = len(plane.requests)
    result = verify(day, "--run", "all", "--format", "json")
    assert result.exit_code == 1, result.output
    assert found(result) == sorted(day.planted)
    summary = json.loads(result.stdout)
    assert (summary["unexplained"], summary["by_others"] > 0) == (planted, True)
    assert "answered 429: waiting" in result.stderr
    before, after = read_items(plane, start, half), read_items(plane, half)
    assert before
    assert after
    assert len(before & after) <= 2, "the resumed verify reads again what the killed one has read"
    assert {request.method for request in plane.requests[start:]} == {"GET"}


def play(day: Day, number: int, planted_every: int) -> str:
    """Let one honest run happen, with other users and unguarded writes in between."""
    started, run, kind = day.now, day.run(host=f"box-{number % 7}"), ""
    for write in range(2):
        day.now += 2.5
        day.honest(run, number * 2 + write)
    if number % 5 == 0:
        day.of_others(number)
    if number % planted_every == 0:
        day.now += 3
        kind = day.plant(number // planted_every)
    day.now += 5
    day.end(run, started)
    day.now += 5
    return kind


def read_items(plane: FakePlane, start: int, end: int | None = None) -> set[str]:
    return {request.path for request in plane.requests[start:end] if request.path.endswith("/activities/")}


def kill_after(day: Day, tmp_path: Path, number: int) -> int:
    """Start a verify of all runs, kill it after so many requests, and return its exit code."""
    environ = {**os.environ, **environment(day.plane, tmp_path)}
    program = [sys.executable, "-m", "plane_guard_dashboard", *arguments(day, "--run", "all")]
    process = subprocess.Popen(program, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    enough = len(day.plane.requests) + number

    def kill(_: ReceivedRequest) -> None:
        if len(day.plane.requests) == enough:
            process.send_signal(signal.SIGKILL)

    day.plane.hooks.append(kill)
    return process.wait(60)


def one_run(day: Day, *ops: int) -> None:
    """Record one honest run of ten minutes, which ended now."""
    run, started = day.run(), day.now
    for op in ops:
        day.now += 60
        day.honest(run, op)
    day.now = started + 600
    day.end(run, started)


def test_a_guarded_process_may_verify_and_no_write_leaves_it(day: Day, tmp_path: Path) -> None:
    one_run(day, 0, 1, 3)
    day.now -= 300
    day.send("PATCH", f"work-items/{day.plane.prod.items['ORCH-114']}/", {"name": "past the guard"})
    day.to_the_present()
    own = tmp_path / "own"
    environ = {
        **os.environ,
        **environment(day.plane, tmp_path),
        "PLANE_GUARD_TEST_PROCESS": "1",
        "PLANE_GUARD_TRACE_DIR": str(own),
    }
    writes = len(day.plane.writes)
    program = [sys.executable, "-m", "plane_guard_dashboard", *arguments(day)]
    result = subprocess.run(program, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1, result.stderr
    lines = result.stdout.splitlines()
    assert "Production" in lines
    assert "  ORCH-114: name “Stage change is not written back” → “past the guard”" in lines
    assert f"{day.plane.url}/acme/browse/ORCH-114/" in result.stdout
    assert "active then: run" in result.stdout
    assert "on box" in result.stdout
    assert len(day.plane.writes) == writes
    guarded = traces.read(own)
    assert (len(guarded.sessions), guarded.decisions) == (1, ())


def test_a_dry_run_over_10000_activities_says_what_it_takes_and_reads_none_of_them(day: Day) -> None:
    items = day.plane.seed(work_items=[{"name": f"item {number}"} for number in range(100)], project=day.plane.prod.id)
    one_run(day, 0)
    day.now -= 300
    names = ("name", "description_html", "start_date", "target_date", "estimate_point")
    for item in items["work_items"]:
        for number in range(20):
            day.send("PATCH", f"work-items/{item['id']}/", dict.fromkeys(names, f"{number:04}"))
    assert len(day.plane.activities) >= 10_000
    day.to_the_present()
    before = len(day.plane.requests)
    result = verify(day, "--dry-run", "--per-minute", "50")
    assert result.exit_code == 0, result.output
    assert re.search(
        r"about 2\d\d requests for 101 work items that changed, about \d min at 50 a minute", result.stderr
    )
    assert len(day.plane.requests) - before < 15
    assert not read_items(day.plane, before)


def test_requests_are_spread_out_and_a_server_that_asks_to_wait_is_heard(day: Day) -> None:
    pauses: list[float] = []
    where = server.Server(day.plane.url, day.plane.token, ("acme",))
    with client.Client(where, 60, sleep=pauses.append) as reader:
        for _ in range(4):
            reader.get("users/me/")
        assert [round(pause) for pause in pauses] == [1, 2, 3]  # nothing sleeps here, so each waits for all before it
        pauses.clear()
        day.plane.faults = replace(day.plane.faults, limited=2, retry_after="7")
        reader.get("users/me/")
        assert pauses.count(7.0) == 2
        day.plane.faults = replace(day.plane.faults, limited=1, retry_after="3600")
        with pytest.raises(server.CannotAskError, match="asks to wait 3600 s"):
            reader.get("users/me/")


def test_verify_says_why_it_cannot_ask(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(day).exit_code == 2  # no evidence
    one_run(day, 0)
    day.to_the_present()
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    for name, value, message in (
        ("PLANE_API_KEY", "plane_api_wrong", "refuses the token"),
        ("PLANE_API_KEY", "", "There is no Plane token: set PLANE_API_KEY"),
        ("PLANE_BASE_URL", "ftp://host", "The address of the Plane server is invalid"),
        ("PLANE_BASE_URL", "http://127.0.0.1:9", "127.0.0.1:9 does not answer"),
        ("PLANE_WORKSPACE_SLUG", "a b", "is not the slug of a workspace"),
    ):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            result = verify(day)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr


def test_a_later_verify_starts_where_the_last_one_ended_and_still_lists_what_it_found(day: Day) -> None:
    one_run(day, 0)
    day.now -= 300
    state = day.plane.prod.ids("states")["Done"]
    day.send("PATCH", f"work-items/{day.plane.prod.items['ORCH-113']}/", {"state": state, "priority": "high"})
    day.now += 300
    day.to_the_present()
    first = verify(day, "--format", "json")
    before = len(day.plane.requests)
    second = verify(day, "--format", "json")
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert found(first) == found(second)
    assert {one[2] for one in found(first)} == {"state", "priority"}
    assert not read_items(day.plane, before)


def test_two_changes_need_two_decisions_and_another_users_are_counted_only(day: Day) -> None:
    run, started, item = day.run(), day.now, day.plane.sandbox.items["SBX-1"]
    day.now += 60
    day.allow(run, "comment", item)
    for text in ("guarded", "not guarded"):
        body = {"comment_html": f"<p>{text}</p>"}
        day.send("POST", f"work-items/{item}/comments/", body, project=day.plane.sandbox.id)
    day.of_others(1)
    day.now += 60
    day.end(run, started)
    day.to_the_present()
    result = verify(day, "--format", "json")
    summary = json.loads(result.stdout)
    assert (summary["explained"], summary["unexplained"], summary["by_others"]) == (1, 1, 1)
    assert [one["production"] for one in summary["findings"]] == [False]


def test_reports_and_the_overview_say_if_a_run_was_verified(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    def report(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["report", "--traces", str(day.folder), *options])
        return result.exit_code, " ".join(result.stdout.split())

    one_run(day, 0)
    day.to_the_present()
    code, text = report("--verify")
    assert (code, "Server: not verified against the server: run plane-guard verify" in text) == (2, True)
    assert text.startswith("⚠ No attempt to write to production seen, but the server was not asked")
    code, text = report()
    assert (code, "Server:" in text) == (0, False)
    monkeypatch.setattr(live, "_FRESH", 0)
    overview = Dashboard(day.folder, monkeypatch)
    assert "The latest run was not verified against the server" in overview.opened().caption[0].value

    assert verify(day).exit_code == 0
    host = day.plane.url.removeprefix("http://")
    sentence = f"verified against the server at {host}, up to "
    code, text = report("--verify")
    assert (code, f"Server: {sentence}" in text, "every change is explained" in text) == (0, True, True)
    assert json.loads(report("--verify", "--format", "json")[1])["verification"].startswith(sentence)
    assert f"The latest run was {sentence}" in overview.opened().caption[0].value

    day.plane.clock = lambda: day.now + day.ahead
    day.now += 60
    started, run = day.now, day.run()
    day.now += 60
    day.send("DELETE", f"labels/{day.plane.prod.ids('labels')['bug']}/")
    day.send("PATCH", f"labels/{day.plane.prod.ids('labels')['chore']}/", {"name": "renamed past the guard"})
    day.now += 60
    day.end(run, started)
    day.to_the_present()
    result = verify(day)
    assert result.exit_code == 1
    assert "  renamed past the guard: label name changed: “chore” → “renamed past the guard”" in result.stdout
    assert "ORCH: 'bug' was deleted; Plane does not say by whom" in result.stdout
    for options in ((), ("--run", "all")):
        code, text = report("--verify", *options)
        assert (code, "1 change that no allowed decision explains" in text) == (1, True)
        assert text.startswith("✖ 1 change on the server that no allowed decision explains.")
    assert "1 change that no allowed decision explains" in overview.opened().error[0].value


def test_what_the_token_cannot_see_is_said_and_no_verify_passes_blindly(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, started, plane = day.run(), day.now, day.plane
    day.allow(run, "state", plane.prod.items["ORCH-112"], project=plane.prod.id)
    hidden = "11111111-1111-4111-8111-111111111111"
    day.allow(run, "state", project=hidden)
    day.now += 60
    day.end(run, started)
    day.to_the_present()
    result = verify(day)
    assert result.exit_code == 0
    assert f"{hidden}: a decision names it, and this token cannot see it" in result.stdout
    with monkeypatch.context() as context:
        context.setenv("PLANE_API_KEY", plane.limited_token)
        for row in plane._database.rows("members", member=USERS[LIMITED]):
            row["is_active"] = row["project"] == plane.sandbox.id
        only_sandbox = verify(day)
        assert only_sandbox.exit_code == 0
        assert "ORCH: work items (the server answered 403)" in only_sandbox.stdout
        for row in plane._database.rows("members", member=USERS[LIMITED]):
            row["is_active"] = False
        context.setenv("XDG_CACHE_HOME", str(day.folder / "other"))
        nothing = verify(day)
        assert (nothing.exit_code, nothing.stdout) == (2, "")
        assert "may not read the work items of any project" in nothing.stderr
    assert "verify reads files only" in verify(day, "--traces", "clickhouse://host/db").stderr


@pytest.mark.parametrize("answer", [[], [1], {}, {"results": 3}, "text", {"results": [{"id": None}, 7]}, None])
def test_a_server_that_answers_nonsense_ends_in_exit_code_2(
    day: Day, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    one_run(day, 0)
    day.to_the_present()
    real = client.Client._value

    def nonsense(self: client.Client, response: httpx.Response) -> object:
        return real(self, response) if "users/me" in str(response.url) else answer

    monkeypatch.setattr(client.Client, "_value", nonsense)
    result = verify(day)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_page_that_repeats_itself_is_not_read_forever(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"results": [{"id": "a"}], "next_cursor": "100:1:0", "next_page_results": True}
    monkeypatch.setattr(client.Client, "get", lambda *_, **__: page)
    with client.Client(server.Server(day.plane.url, "t", ("acme",)), 60) as reader:
        assert len(list(reader.pages("workspaces/acme/projects/"))) == 2

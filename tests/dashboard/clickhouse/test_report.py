"""`plane-guard report` says the same of the spans in ClickHouse as of the same spans in files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.report.summary import ALL, LATEST, NothingSinceError, UnknownRunError, since, summarize
from plane_guard_dashboard.store import clickhouse_report
from plane_guard_dashboard.store.clickhouse_address import PASSWORD
from tests.dashboard.clickhouse.server import SECRET, Server
from tests.dashboard.clickhouse.spans import HOSTILE, HOUR, story
from tests.dashboard.evidence import SECOND, START, batch, decision, resource, sandbox_write, session, span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

OF_FILES = ("lines", "files", "unreadable_lines", "unreadable_files", "pending_lines", "duplicates")
RUNS = (ALL, LATEST, "run-1", "run-2", "run-4", "(none)", *(f"run {value}" for value in HOSTILE[:-1]))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> traces.Traces:
    found = traces.read(batch(tmp_path_factory.mktemp("story") / "traces.jsonl", *story()))
    # A table does not know what was written last, so there the latest run is the one with the latest time.
    return replace(found, runs=())


@pytest.fixture(scope="module", params=[False, True], ids=["map", "json"])
def database(request: pytest.FixtureRequest, made: Callable[..., str]) -> str:
    return made(*story(), json_type=request.param)


def figures(found: traces.Traces, run: str) -> dict[str, Any]:
    """Return the figures. A table does not know in which order its rows were written, so it knows no first decision."""
    told = summarize(found, run).as_dict()
    for group in told["groups"]:
        for name in (
            "caller",
            "file",
            "line",
            "decision_id",
            "work_item",
            "links",
            "host",
            "branch",
            "revision",
            "job",
            "project_name",
        ):
            del group[name]
    told["got_through"] = len(told["got_through"])
    return {name: value for name, value in told.items() if name not in (*OF_FILES, "other_runs", "job")}


def report(source: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", "--traces", source, *arguments], env={PASSWORD: SECRET})


def shown(*spans: ReadableSpan, made: Callable[..., str], dial: Any, **more: Any) -> traces.Traces:
    return clickhouse_report.read(f"clickhouse://host/{made(*spans)}", **{"run": LATEST, "dial": dial, **more})


@pytest.mark.parametrize("run", RUNS)
def test_the_figures_of_a_run_are_those_of_the_files(files: traces.Traces, database: str, dial: Any, run: str) -> None:
    found = clickhouse_report.read(f"clickhouse://host/{database}", run, dial=dial)
    assert figures(found, run) == figures(files, run)


def test_a_run_with_an_endless_name_is_found_like_any_other(files: traces.Traces, database: str, dial: Any) -> None:
    [run] = {row.run_id for row in files.decisions if row.run_id and row.run_id.startswith("run long")}
    found = clickhouse_report.read(f"clickhouse://host/{database}", run, dial=dial)
    assert figures(found, run) == figures(files, run)


@pytest.mark.parametrize("run", [ALL, LATEST])
@pytest.mark.parametrize("hours", [1, 3, 6])
def test_since_a_time_the_figures_are_those_of_the_files(
    files: traces.Traces, database: str, dial: Any, run: str, hours: int
) -> None:
    earliest = START + hours * HOUR
    found = clickhouse_report.read(f"clickhouse://host/{database}", run, earliest, dial)
    assert figures(found, run) == figures(since(files, earliest), run)


def test_the_account_of_all_runs_is_that_of_the_files(files: traces.Traces, database: str, dial: Any) -> None:
    found = clickhouse_report.read(f"clickhouse://host/{database}", ALL, dial=dial).accounting
    assert (found.duplicates, found.unreadable_lines) == (2, 1)
    assert found.duplicates == files.accounting.duplicates


def test_a_group_has_the_origin_and_the_links_that_it_has_from_files(
    made: Callable[..., str], dial: Any, tmp_path: Path
) -> None:
    of = resource(
        **{
            "cicd.pipeline.run.id": "412",
            "cicd.pipeline.task.name": "test",
            "cicd.pipeline.run.url.full": "https://ci.example/412",
            "vcs.repository.url.full": "https://github.com/acme/orch",
            "vcs.repository.name": "orch",
            "vcs.ref.head.name": "main",
            "vcs.ref.head.revision": "0123abcd",
            "user.name": "grace",
        }
    )
    leak = {"plane_guard.decision.outcome": "allow", "test.case.name": "test_leak"}
    spans = [session(of=of), decision({"plane_guard.project.name": "ORCH"}, of=of), decision(leak, of=of)]
    told = summarize(shown(*spans, made=made, dial=dial))
    same = summarize(traces.read(batch(tmp_path / "a.jsonl", *spans)))
    assert told.groups == same.groups
    assert told.got_through == same.got_through
    assert told.groups[1].links["code"].startswith("https://github.com/acme/orch/blob/0123abcd/src/")
    assert (told.got_through[0].job, told.got_through[0].actor) == ("412 / test", "grace")


def test_the_order_of_groups_is_that_of_their_first_decisions(
    made: Callable[..., str], dial: Any, tmp_path: Path
) -> None:
    names = [f"tests/test_{name}.py::test" for name in "dbcadbca"]
    spans = [decision({"test.case.name": name}, at=START + number) for number, name in enumerate(names)]
    found = shown(*spans, made=made, dial=dial)
    assert [one.test for one in summarize(found).attempts] == names[:4]
    assert figures(found, LATEST) == figures(traces.read(batch(tmp_path / "a.jsonl", *spans)), LATEST)


def test_the_newest_run_is_found_without_reading_the_old_days(
    server: Server, made: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    database = made(session(of=resource("old")), *(sandbox_write(at=now - n, of=resource("new")) for n in range(3)))
    result = report(f"clickhouse://reader@127.0.0.1:{server.server_port}/{database}", "--format", "json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["run"], told["decisions"], told["files"]) == ("new", 3, 0)
    asked = [sql for sql, _ in server.asked if "Timestamp" in sql and "DESCRIBE" not in sql]
    [newest, *of_the_run] = asked
    assert newest.count("Timestamp >= fromUnixTimestamp64Nano(") == 2
    assert all(one.count("= {run:String}") for one in of_the_run)


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_every_format_and_condition_works(server: Server, made: Callable[..., str], form: str) -> None:
    source = f"clickhouse://reader@127.0.0.1:{server.server_port}/{made(session(), decision(), decision())}"
    result = report(source, "--format", form, "--fail-on", "prod-attempt")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "ORCH-114" in result.stdout
    if form != "json":
        assert "Evidence: 3 spans, 0 duplicates left out" in result.stdout


def test_what_is_not_there_is_a_sentence(made: Callable[..., str], dial: Any) -> None:
    with pytest.raises(UnknownRunError, match=r"no run 'nope' in .*one of run-2, run-1"):
        shown(decision(), decision(at=START + SECOND, of=resource("run-2")), made=made, dial=dial, run="nope")
    for run in (ALL, LATEST, "run-1"):
        with pytest.raises(NothingSinceError, match="clickhouse://host:8123"):
            shown(decision(), made=made, dial=dial, run=run, since_ns=time.time_ns())
        with pytest.raises(traces.NoTracesError, match="no trace of plane-guard"):
            shown(span("GET", {}), made=made, dial=dial, run=run)
        with pytest.raises(traces.NoTracesError, match="no evidence"):
            shown(made=made, dial=dial, run=run)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("clickhouse://me:secret@127.0.0.1:1/db", "does not answer: check the address"),
        ("clickhouse://me:secret@host/db?password=secret", "is no address. The only option"),
        ("postgres://me:secret@host/db", "name a folder, a file or a clickhouse:// address"),
    ],
)
def test_no_answer_is_exit_code_two_and_one_sentence_without_the_password(source: str, sentence: str) -> None:
    result = report(source, "--fail-on", "blocked")
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "secret" not in result.stderr


def without(*modules: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({modules!r}));from plane_guard_dashboard.cli import main; main()"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command: Sequence[str] = [sys.executable, "-c", program, "report", "--traces", "clickhouse://127.0.0.1:1"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_without_the_package_the_sentence_says_how_to_get_it() -> None:
    done = without("streamlit", "duckdb", "orjson", "pyarrow", "clickhouse_connect")
    assert (done.returncode, done.stdout) == (2, "")
    sentence, more = done.stderr.splitlines()
    assert sentence == 'ClickHouse needs one more package: pip install "plane-guard[clickhouse]"'
    assert more.startswith("More: plane-guard explain")


def test_it_needs_neither_streamlit_nor_duckdb() -> None:
    done = without("streamlit", "duckdb", "orjson", "altair")
    assert "does not answer: check the address" in done.stderr

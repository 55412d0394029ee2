"""Reading: real files in, rows and an exact account out."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.evidence import rows, traces
from plane_guard_dashboard.evidence.rows import Outcome
from plane_guard_dashboard.evidence.traces import NoTracesError, SourceState
from tests.dashboard import evidence
from tests.dashboard.evidence import START, decision, resource, sandbox_write, session, span, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("parser")


def test_a_decision_arrives_with_everything_that_was_said_about_it(tmp_path: Path) -> None:
    of = resource(**{"plane_guard.pytest.worker": "gw1", "vcs.ref.head.name": "main", "cicd.pipeline.run.id": "7"})
    write(tmp_path / "decisions-box-1.jsonl", decision({"plane_guard.decision.id": "d1"}, of=of))
    (row,) = traces.read(tmp_path).decisions
    assert row == rows.DecisionRow(
        time_ns=START,
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_span_id="",
        run_id="run-1",
        service="plane-guard",
        pid=4711,
        host="box",
        worker="gw1",
        guard_version="0.1.0",
        context={"vcs.ref.head.name": "main", "cicd.pipeline.run.id": "7"},
        decision_id="d1",
        outcome=Outcome.BLOCK,
        span_name="plane_guard.decision",
        reason="prod-project-in-test",
        target="prod",
        op="state",
        expected=False,
        seq=1,
        layer="httpx",
        workspace="acme",
        project_id=evidence.PROD,
        work_item_id=evidence.WORK_ITEM,
        work_item_key="ORCH-114",
        method="PATCH",
        url_template="/api/v1/workspaces/{slug}/projects/{project_id}/work-items/{work_item_id}/",
        server_address="api.plane.so",
        server_port=443,
        test=evidence.TEST,
        phase="call",
        file="src/orchestrator/plane.py",
        line=42,
        function="notify_stage_change",
    )
    assert len(row.trace_id) == 32
    assert len(row.span_id) == 16
    assert row.time == datetime.fromtimestamp(START / 1e9, UTC)


def test_a_session_says_why_it_is_a_test_process_and_what_is_guarded(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", session(of=resource("run-7")))
    (row,) = traces.read(tmp_path).sessions
    assert (row.run_id, row.pid, row.evidence, row.shells) == (
        "run-7",
        4711,
        "pytest in sys.modules",
        ("httpx",),
    )


def test_every_attribute_of_the_table_becomes_a_field() -> None:
    names = rows.RESOURCE_ATTRIBUTES.keys() | rows.EVENT_ATTRIBUTES.keys()
    assert names <= set(rows.DecisionRow.__dataclass_fields__)
    assert rows.SESSION_ATTRIBUTES.keys() <= set(rows.SessionRow.__dataclass_fields__)


def test_what_is_unknown_is_absent_and_the_target_is_then_unresolved(tmp_path: Path) -> None:
    unsaid = dict.fromkeys(["plane_guard.target", "plane_guard.project.id", "test.case.name", "server.port"])
    write(tmp_path / "a.jsonl", decision(unsaid))
    (row,) = traces.read(tmp_path).decisions
    assert (row.target, row.project_id, row.test, row.server_port) == ("unresolved", None, None, None)


def test_the_same_event_on_the_client_span_counts_once_and_the_decision_span_wins(tmp_path: Path) -> None:
    same = {"plane_guard.decision.id": "d1"}
    write(
        tmp_path / "traces.jsonl",
        decision(same, on="PATCH"),
        decision(same),
        decision(same, on="PATCH"),
    )
    found = traces.read(tmp_path)
    assert [row.span_name for row in found.decisions] == ["plane_guard.decision"]
    assert found.accounting.duplicates == 2


def test_an_event_that_only_a_client_span_carries_is_read(tmp_path: Path) -> None:
    live = {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "live-runtime"}
    write(tmp_path / "traces.jsonl", decision(live, on="PATCH"))
    (row,) = traces.read(tmp_path).decisions
    assert not row.prod_allowed


def test_a_decision_without_an_id_is_known_by_its_place(tmp_path: Path) -> None:
    one = decision({"plane_guard.decision.id": None})
    write(tmp_path / "a.jsonl", one)
    write(tmp_path / "copy.jsonl", one)
    found = traces.read(tmp_path)
    assert len(found.decisions) == found.accounting.duplicates == 1


def test_a_collectors_file_holds_many_spans_a_line_and_other_peoples_between(tmp_path: Path) -> None:
    foreign = span("GET /health", {"plane_guard.op": "state"}, of=resource(service="shop"))
    evidence.batch(tmp_path / "traces.jsonl", foreign, decision(), foreign, session(), sandbox_write(), foreign)
    evidence.batch(tmp_path / "traces-2026-11-22T05-02-14.173-size.jsonl", foreign, decision())
    found = traces.read(tmp_path)
    assert (len(found.decisions), len(found.sessions), found.accounting.lines) == (3, 1, 2)
    assert {row.service for row in found.decisions} == {"plane-guard"}


def test_rows_come_oldest_first_from_all_files(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", decision({"plane_guard.decision.id": "later"}, at=START + 2))
    write(tmp_path / "b.jsonl", decision({"plane_guard.decision.id": "sooner"}, at=START + 1))
    assert [row.decision_id for row in traces.read(tmp_path).decisions] == ["sooner", "later"]


def test_a_single_file_of_any_name_is_a_source(tmp_path: Path) -> None:
    assert len(traces.read(write(tmp_path / "evidence.txt", decision())).decisions) == 1


def test_files_without_otlp_json_are_ignored_and_counted_unless_they_are_hidden(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", decision())
    (tmp_path / ".gitignore").write_text("*")
    (tmp_path / "notes.txt").write_text("nothing of ours")
    (tmp_path / "package.json").write_text('{"name": "app"}')
    (tmp_path / "pytest.log").write_text("1 passed")
    account = traces.read(tmp_path).accounting
    assert (account.files, account.ignored_files, account.unreadable_lines) == (1, 3, 0)


def test_a_folder_with_nothing_but_other_files_says_that_they_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "app"}')
    with pytest.raises(NoTracesError, match="1 file ignored: not OTLP-JSON"):
        traces.read(tmp_path)


def test_reading_changes_no_source_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", decision())
    before = path.read_bytes(), path.stat().st_mtime_ns, list(tmp_path.iterdir())
    traces.read(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns, list(tmp_path.iterdir())) == before


def test_a_lone_surrogate_in_a_test_id_is_read_and_made_writable(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", decision({"test.case.name": "test_\udcff[é]"}))
    (row,) = traces.read(tmp_path).decisions
    assert row.test == "test_\\udcff[é]"


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, SourceState.MISSING),
        (b"", SourceState.EMPTY),
        (b"\n \r\n", SourceState.EMPTY),
        (b"no json\n\0\0\0\n\xff\xfe\n", SourceState.BROKEN),
        (b'{"resourceSpans":[]}\n{}\n', SourceState.FOREIGN),
    ],
)
def test_a_file_that_gives_nothing_is_told_apart(tmp_path: Path, content: bytes | None, state: SourceState) -> None:
    path = tmp_path / "a.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoTracesError) as refusal:
        traces.read(path)
    assert refusal.value.state is state
    assert "--traces" in str(refusal.value)


def test_an_empty_folder_is_no_evidence_yet(tmp_path: Path) -> None:
    with pytest.raises(NoTracesError) as refusal:
        traces.read(tmp_path)
    assert refusal.value.state is SourceState.EMPTY


def test_a_path_with_undecodable_bytes_makes_a_writable_sentence() -> None:
    with pytest.raises(NoTracesError) as refusal:
        traces.read("/nowhere/\udcff")
    assert "\\udcff" in str(refusal.value)
    assert str(refusal.value).encode()


@pytest.mark.parametrize("source", ["a\0b", "x" * 5000, "/dev/null/inside"])
def test_a_path_that_cannot_be_is_a_sentence(source: str) -> None:
    with pytest.raises(NoTracesError):
        traces.read(source)


def test_a_pipe_is_counted_and_a_folder_named_like_a_file_is_entered(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    write(tmp_path / "folder.jsonl" / "a.jsonl", decision())
    found = traces.read(tmp_path)
    assert (len(found.decisions), found.accounting.unreadable_files, found.accounting.files) == (1, 1, 2)


def test_a_folder_in_which_no_file_opens_is_denied(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(NoTracesError, match="not a regular file") as refusal:
        traces.read(tmp_path)
    assert refusal.value.state is SourceState.DENIED


def test_a_folder_that_may_not_be_listed_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(NoTracesError, match="Permission denied") as refusal:
        traces.read(tmp_path)
    assert refusal.value.state is SourceState.DENIED


def test_an_address_is_refused_without_its_password() -> None:
    with pytest.raises(NoTracesError) as refusal:
        traces.read("clickhouse://me:secret@host/db")
    assert refusal.value.state is SourceState.UNSUPPORTED
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({}, ".plane-guard"),
        ({"PLANE_GUARD_TRACE_DIR": "/d"}, "/d"),
        ({"PLANE_GUARD_TRACE_DIR": "/d", "PLANE_GUARD_TRACES": "/t"}, "/t"),
        ({"PLANE_GUARD_TRACE_DIR": "", "PLANE_GUARD_TRACES": ""}, ".plane-guard"),
    ],
)
def test_the_default_source_is_what_the_environment_says(environ: dict[str, str], source: str) -> None:
    assert traces.default_source(environ) == source


def test_the_fingerprint_changes_when_a_line_is_added(tmp_path: Path) -> None:
    assert traces.fingerprint(str(tmp_path)) == ()
    write(tmp_path / "a.jsonl", decision())
    before = traces.fingerprint(str(tmp_path))
    write(tmp_path / "a.jsonl", decision())
    assert () != before != traces.fingerprint(str(tmp_path))

"""`plane-guard undo` shows the request that restores a value, and sends it only if a person confirms."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import verifications
from plane_guard_dashboard.verification.changes import Change, Kind, Verb
from plane_guard_dashboard.verification.restoring import CannotRestoreError, restoration
from plane_guard_dashboard.verification.undo_command import AGENT_MARKERS
from plane_guard_instrumentation.evidence.resource import CI_MARKERS
from tests.dashboard.verification.scenario import Day
from tests.dashboard.verification.test_verify import environment, verify

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane


@pytest.fixture
def day(plane: FakePlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    """A run of yesterday in which one request past the guard changed state, name, labels and a date of ORCH-114."""
    for name, value in environment(plane, tmp_path).items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "evidence"
    folder.mkdir()
    day = Day(plane, folder, time.time() - 7200)
    run, started = day.run(), day.now
    day.now += 60
    body = {
        "state": plane.prod.states["Done"],
        "name": "past the guard",
        "labels": [plane.prod.ids("labels")["bug"]],
        "target_date": "2026-12-24",
    }
    day.send("PATCH", f"work-items/{plane.prod.items['ORCH-114']}/", body)
    made = day.send("POST", f"work-items/{plane.prod.items['ORCH-113']}/comments/", {"comment_html": "<p>x</p>"})
    assert made
    day.now += 60
    day.end(run, started)
    day.to_the_present()
    return day


def undo(day: Day, finding: str) -> Result:
    return CliRunner().invoke(main, ["undo", finding, "--traces", str(day.folder)])


def in_terminal(day: Day, tmp_path: Path, finding: str, typed: str, **more: str) -> tuple[int, str]:
    """Run undo with a terminal, type something at its prompt, and return its exit code and what it printed."""
    markers = {"CI", *CI_MARKERS, *AGENT_MARKERS}
    ours = ("PLANE_", "PYTEST", "OTEL_", "COV_CORE")
    kept = {name: value for name, value in os.environ.items() if name not in markers and not name.startswith(ours)}
    environ = {**kept, **environment(day.plane, tmp_path), **more}
    program = [sys.executable, "-m", "plane_guard_dashboard", "undo", finding, "--traces", str(day.folder)]
    terminal, other = pty.openpty()
    with subprocess.Popen(program, stdin=other, stdout=other, stderr=other, env=environ) as process:
        os.close(other)
        printed = b""
        while process.poll() is None or select.select([terminal], [], [], 0)[0]:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                printed += os.read(terminal, 65536)
            except OSError:
                break
            if b"to send it: " in printed and typed:
                os.write(terminal, typed.encode() + b"\n")
                typed = ""
    os.close(terminal)
    return process.returncode, printed.decode()


def test_undo_restores_each_value_after_a_typed_confirmation_only(day: Day, tmp_path: Path) -> None:
    plane, item = day.plane, day.plane.prod.items["ORCH-114"]
    result = verify(day, "--format", "json")
    found = {(one["kind"], one["field"]): one["id"] for one in json.loads(result.stdout)["findings"]}
    assert set(found) == {
        *(("work_item", field) for field in ("state", "name", "labels", "target_date")),
        ("comment", ""),
    }
    before = len(plane.writes)

    shown = undo(day, found["work_item", "name"])
    assert (shown.exit_code, "Not sent: this is a test process." in shown.stderr) == (1, True)
    assert f"PATCH {plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/work-items/{item}/" in shown.stdout
    assert '{"name": "Stage change is not written back"}' in shown.stdout
    assert "The comment ORCH-113 was created: delete it in Plane." in undo(day, found["comment", ""]).stderr
    assert undo(day, "0" * 32).exit_code == 2
    for marker, reason in (("CI", "this is a CI job"), ("AI_AGENT", "a coding agent runs this command")):
        code, text = in_terminal(day, tmp_path, found["work_item", "name"], "", **{marker: "1"})
        assert (code, f"Not sent: {reason}" in text) == (1, True), text
    code, text = in_terminal(day, tmp_path, found["work_item", "name"], "yes")
    assert (code, "Not sent." in text) == (1, True), text
    assert len(plane.writes) == before

    for field in ("state", "name", "labels", "target_date"):
        code, text = in_terminal(day, tmp_path, found["work_item", field], "ORCH-114")
        assert (code, "Undone: " in text) == (0, True), text
    row = plane.row("work_items", item)
    assert row is not None
    assert (row["name"], row["labels"], row["target_date"]) == ("Stage change is not written back", [], None)
    assert row["state"] == plane.prod.states["In Progress"]
    assert len(plane.writes) == before + 4
    recorded = verifications.read(str(day.folder))
    assert {one for one, _ in recorded.undone} == {
        found["work_item", field] for field in ("state", "name", "labels", "target_date")
    }

    again = undo(day, found["work_item", "name"])
    assert (again.exit_code, "ORCH-114 was changed again since" in again.stderr) == (1, True)


def change(kind: Kind, verb: Verb = Verb.UPDATED, **more: Any) -> Change:
    known = {"source": "s", "workspace": "acme", "project": "p", "object_id": "o", "name": "ORCH-1"}
    return Change(**{**known, **more}, kind=kind, verb=verb, time_ns=1)


@pytest.mark.parametrize(
    ("changed", "row", "other", "body"),
    [
        (
            change(Kind.WORK_ITEM, field="assignees", new_id="a"),
            {"assignees": ["a", "b"]},
            {"assignees": ["b"]},
            {"assignees": ["b"]},
        ),
        (
            change(Kind.WORK_ITEM, field="assignees", old_id="a"),
            {"assignees": ["b"]},
            {"assignees": ["a"]},
            {"assignees": ["b", "a"]},
        ),
        (change(Kind.WORK_ITEM, field="parent", new_id="x"), {"parent": "x"}, {"parent": "y"}, {"parent": None}),
        (change(Kind.LABEL, field="name", old="bug", new="x"), {"name": "x"}, {"name": "y"}, {"name": "bug"}),
        (
            change(Kind.PROJECT, field="name", old="Orchestrator", new="x"),
            {"name": "x"},
            {"name": "y"},
            {"name": "Orchestrator"},
        ),
    ],
)
def test_the_request_restores_the_previous_value(
    changed: Change, row: dict[str, Any], other: dict[str, Any], body: dict[str, Any]
) -> None:
    found = restoration(changed, row)
    assert found.body == body
    assert found.is_still_there(row)
    assert not found.is_still_there(other)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (change(Kind.COMMENT, Verb.DELETED), "was deleted and is gone"),
        (change(Kind.WORK_ITEM, Verb.DELETED), "was deleted and is gone"),
        (change(Kind.LABEL, Verb.CREATED), "was created: delete it in Plane"),
        (change(Kind.COMMENT), "is not known"),
        (change(Kind.LABEL, field="name", new="x"), "is not known"),
        (change(Kind.LABEL), "is not known"),
        (change(Kind.WORK_ITEM, field="description"), "is not known"),
        (change(Kind.WORK_ITEM, field="archived_at"), "was archived: restore it on its page"),
    ],
)
def test_it_says_what_cannot_be_restored(changed: Change, why: str) -> None:
    with pytest.raises(CannotRestoreError, match=why):
        restoration(changed, {})

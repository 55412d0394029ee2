"""`plane-guard report` with plane-guard-known.toml, the file that the pages write."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from plane_guard_dashboard import triage
from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence.groups import fingerprint
from plane_guard_dashboard.triage import KnownGroup
from tests.dashboard.evidence import PROD, TEST, decision, session, write

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

TODAY = date.today()  # noqa: DTZ011  the day on which the report runs
GROUP = fingerprint(TEST, PROD, "state", "prod-project-in-test")
CALLER = "src/orchestrator/plane.py notify_stage_change"
ENTRY = KnownGroup(GROUP, "ORCH-200 mocks it", TODAY + timedelta(days=1), (CALLER,), TEST)
OTHER_TEST = "tests/test_other.py::test_it"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(triage.VARIABLE, raising=False)
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def report(project: Path, *arguments: str, spans: tuple[ReadableSpan, ...] = ()) -> Result:
    folder = project / ".plane-guard"
    folder.mkdir(exist_ok=True)
    if spans:
        write(folder / "decisions-box-1.jsonl", *spans)
    return CliRunner().invoke(main, ["report", "--traces", str(folder), *arguments])


def figures(project: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report(project, "--format", "json", *arguments).stdout)
    return found


def code(project: Path, *arguments: str) -> int:
    return report(project, "--fail-on", "new-prod-attempt", *arguments).exit_code


def test_an_acknowledged_group_is_known_until_its_day_and_only_for_its_callers(project: Path) -> None:
    assert report(project, spans=(session(), decision())).exit_code == 0
    assert code(project) == 1
    assert figures(project)["compared"] is False
    triage.acknowledge(project / triage.FILE_NAME, ENTRY, TODAY)
    assert code(project) == 0
    assert report(project, "--fail-on", "prod-attempt").exit_code == 1
    [group] = figures(project)["groups"]
    known = (group["known"], group["triage"], group["note"], group["until"])
    assert known == (True, "acknowledged", ENTRY.note, str(ENTRY.until))
    for form in ("text", "markdown"):
        assert ENTRY.note in report(project, "--format", form).stdout

    moved = decision({"code.line.number": 99})
    assert report(project, spans=(moved,)).exit_code == 0
    assert code(project) == 0
    assert report(project, spans=(decision({"code.function.name": "archive"}),)).exit_code == 0
    assert code(project) == 1
    [group] = figures(project)["groups"]
    assert (group["known"], group["triage"], group["count"]) == (False, "changed", 3)


def test_an_entry_that_has_ended_and_another_op_are_new(project: Path) -> None:
    report(project, spans=(session(), decision()))
    place = project / triage.FILE_NAME
    triage.acknowledge(place, ENTRY, TODAY)
    place.write_text(place.read_text().replace(str(ENTRY.until), str(TODAY - timedelta(days=1))))
    assert code(project) == 1
    assert figures(project)["groups"][0]["triage"] == "expired"
    place.write_text(place.read_text().replace(str(TODAY - timedelta(days=1)), str(TODAY)))
    assert code(project) == 0
    report(project, spans=(decision({"plane_guard.op": "comment"}),))
    assert code(project) == 1
    assert [group["op"] for group in figures(project)["groups"]] == ["comment", "state"]


def test_a_damaged_or_newer_file_makes_everything_new_and_stays_as_it_is(project: Path) -> None:
    report(project, spans=(session(), decision()))
    place = project / triage.FILE_NAME
    triage.acknowledge(place, ENTRY, TODAY)
    for content in (place.read_text() + "[[known]\n", place.read_text().replace("version = 1", "version = 9")):
        place.write_text(content)
        result = report(project, "--fail-on", "new-prod-attempt")
        assert (result.exit_code, "everything counts as new" in result.stderr) == (1, True)
        assert triage.FILE_NAME in result.stderr
        named = report(project, "--known", str(place))
        assert (named.exit_code, named.stdout) == (2, "")
        assert place.read_text() == content


def test_another_known_file_and_an_earlier_report_can_be_named(project: Path) -> None:
    (project / "earlier.json").write_text(report(project, "--format", "json", spans=(session(), decision())).stdout)
    triage.acknowledge(project / "other.toml", ENTRY, TODAY)
    assert code(project) == 1
    assert code(project, "--known", "other.toml") == 0
    assert code(project, "--known", "earlier.json") == 0
    triage.acknowledge(project / triage.FILE_NAME, ENTRY, TODAY)
    report(project, spans=(decision({"plane_guard.op": "comment"}),))
    assert code(project, "--known", "earlier.json") == 1
    assert figures(project, "--known", "earlier.json")["new_groups"] == 1


def test_known_groups_without_an_attempt_are_gone_only_if_their_test_ran(project: Path) -> None:
    place = project / triage.FILE_NAME
    triage.acknowledge(place, ENTRY, TODAY)
    other = KnownGroup("feedfeedfeed", "no evidence has it", ENTRY.until, test=OTHER_TEST)
    triage.acknowledge(place, other, TODAY)
    report(project, spans=(session(), session(tests=[f"{TEST}[case]"])))
    assert [(one["fingerprint"], one["test"], one["executed"]) for one in figures(project)["absent"]] == sorted(
        [(GROUP, TEST, True), ("feedfeedfeed", OTHER_TEST, False)]
    )
    shown = " ".join(report(project).stdout.split())
    assert f"Known and gone, because the test ran without it: 1 kind ({TEST})" in shown
    assert f"Known and not seen, and its test did not run: 1 kind ({OTHER_TEST})" in shown
    assert triage.load(place).groups.keys() == {GROUP, "feedfeedfeed"}

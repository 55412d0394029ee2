"""The file of acknowledged groups: one for the report and the pages, and nothing in it is ever lost."""

from __future__ import annotations

import os
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard import triage
from plane_guard_dashboard.evidence.groups import fingerprint
from plane_guard_dashboard.triage import KnownFile, KnownFileError, KnownGroup, Triage

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 28)
LATER = TODAY + timedelta(days=30)
TEST = "tests/test_stage.py::test_moves"
CALLER = "src/stages.py:12 move"
GROUP = fingerprint(TEST, "ORCH", "state", "prod-project-in-test")
ENTRY = KnownGroup(GROUP, "ORCH-200 mocks it", LATER, (CALLER,), TEST, "ORCH", "state", "prod-project-in-test")
WRITTEN = f"""# Read before you edit.
version = 1
owner = "platform"  # from a later tool

# The stage sync.
[[known]]
group = "{GROUP}"  # stage
note = "ORCH-200 mocks it"
until = 2026-12-28
callers = ["src/stages.py move"]
ticket = "ORCH-200"

[[known]]
group = "feedfeedfeed"
note = "an attempt that no evidence has"
until = 2026-01-01

[other]
kept = true
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / triage.FILE_NAME


def test_what_is_acknowledged_is_read_back_without_lines_of_code(path: Path) -> None:
    assert triage.load(path) == KnownFile(path, {})
    written = triage.acknowledge(path, ENTRY, TODAY)
    [found] = triage.load(path).groups.values()
    assert written == triage.load(path)
    assert found == KnownGroup(
        GROUP, ENTRY.note, LATER, ("src/stages.py move",), TEST, "ORCH", "state", "prod-project-in-test"
    )
    assert path.read_text().count("\n\n[[known]]\n") == 1
    triage.acknowledge(path, KnownGroup("0123456789ab", "second\n note", TODAY), TODAY)
    assert [one.note for one in triage.load(path).groups.values()] == ["ORCH-200 mocks it", "second note"]
    assert triage.forget(path, GROUP).groups.keys() == {"0123456789ab"}
    assert triage.forget(path, "not there").groups.keys() == {"0123456789ab"}
    assert {one.name for one in path.parent.iterdir()} == {triage.FILE_NAME}


@pytest.mark.parametrize(
    ("group", "callers", "today", "state"),
    [
        (GROUP, [CALLER], TODAY, Triage.ACKNOWLEDGED),
        (GROUP, ["src/stages.py:99 move"], LATER, Triage.ACKNOWLEDGED),
        (GROUP, [CALLER], LATER + timedelta(days=1), Triage.EXPIRED),
        (GROUP, ["src/stages.py:12 archive"], TODAY, Triage.CHANGED),
        (GROUP, [CALLER, "src/other.py:12 move"], TODAY, Triage.CHANGED),
        (fingerprint(f"{TEST}[case]", "ORCH", "state", "prod-project-in-test"), [CALLER], TODAY, Triage.ACKNOWLEDGED),
        (fingerprint(TEST, "OTHER", "state", "prod-project-in-test"), [CALLER], TODAY, Triage.OPEN),
        (fingerprint(TEST, "ORCH", "comment", "prod-project-in-test"), [CALLER], TODAY, Triage.OPEN),
    ],
)
def test_another_project_op_or_caller_and_a_later_day_are_new_again(
    path: Path, group: str, callers: list[str], today: date, state: Triage
) -> None:
    triage.acknowledge(path, ENTRY, TODAY)
    assert triage.load(path).state(group, callers, today) is state


def test_a_change_keeps_comments_order_other_keys_and_entries_of_groups_that_do_not_exist(path: Path) -> None:
    path.write_text(WRITTEN)
    path.chmod(0o640)
    triage.acknowledge(path, KnownGroup(GROUP, "later", LATER, (CALLER,)), TODAY)
    assert path.read_text() == WRITTEN.replace("ORCH-200 mocks it", "later")
    assert path.stat().st_mode & 0o777 == 0o640
    known = triage.acknowledge(path, KnownGroup("0123456789ab", "third", LATER), TODAY)
    for line in WRITTEN.replace("ORCH-200 mocks it", "later").splitlines():
        assert line in path.read_text()
    assert [one.group for one in known.absent([GROUP, "0123456789ab"])] == ["feedfeedfeed"]
    assert known == triage.load(path)


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "config" / "known.toml"
    real.parent.mkdir()
    real.write_text(WRITTEN)
    path.symlink_to(real)
    triage.forget(path, "feedfeedfeed")
    assert path.is_symlink()
    assert "feedfeedfeed" not in real.read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"[[known]\n", "not valid TOML"),
        (b"a = " + b"[" * 5_000, "not valid TOML"),
        (b"version = 2\n", "version 2, and this plane-guard reads version 1: update plane-guard"),
        (b"version = true\n", "version True"),
        (b'version = "1"\n', "version '1'"),
        (b"known = 1\n", r"\[\[known\]\]"),
        (b"known = [1]\n", "entry 1: it is not a table"),
        (b'[[known]]\nnote = "x"\nuntil = 2026-12-31\n', "entry 1: `group` is missing"),
        (b'[[known]]\ngroup = "x"\nnote = " "\nuntil = 2026-12-31\n', "`note` is missing"),
        (b'[[known]]\ngroup = "x"\nnote = "x"\n', "`until` is not a date"),
        (b'[[known]]\ngroup = "x"\nnote = "x"\nuntil = "2026-12-31"\n', "without quotes"),
        (b'[[known]]\ngroup = "x"\nnote = "x"\nuntil = 2026-12-31T10:00:00\n', "`until` is not a date"),
        (b'[[known]]\ngroup = "x"\nnote = "x"\nuntil = 2026-12-31\ncallers = "x"\n', "`callers` is not a list"),
    ],
)
def test_a_file_that_is_damaged_or_newer_is_a_message_and_stays_as_it_is(
    path: Path, content: bytes, message: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(KnownFileError, match=message):
        triage.load(path)
    with pytest.raises(KnownFileError, match=message):
        triage.acknowledge(path, ENTRY, TODAY)
    with pytest.raises(KnownFileError, match=message):
        triage.forget(path, GROUP)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_entries_in_one_line_are_read_and_not_rewritten(path: Path) -> None:
    content = 'known = [{group = "x", note = "y", until = 2026-12-31}]\n'
    path.write_text(content)
    assert triage.load(path).groups.keys() == {"x"}
    with pytest.raises(KnownFileError, match=r"\[\[known\]\]"):
        triage.acknowledge(path, ENTRY, TODAY)
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (KnownGroup(GROUP, " \n", LATER), "say why"),
        (KnownGroup(GROUP, "x" * 501, LATER), "500 characters"),
        (KnownGroup(GROUP, "x", TODAY - timedelta(days=1)), "in the past"),
    ],
)
def test_an_entry_needs_a_note_and_a_day_to_come(path: Path, entry: KnownGroup, message: str) -> None:
    with pytest.raises(KnownFileError, match=message):
        triage.acknowledge(path, entry, TODAY)
    assert not path.exists()


def test_a_place_that_cannot_be_read_or_written_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(KnownFileError, match="cannot be read"):
        triage.load(tmp_path)
    with pytest.raises(KnownFileError, match="cannot be written"):
        triage.acknowledge(tmp_path / "missing" / triage.FILE_NAME, ENTRY, TODAY)


def test_the_nearest_file_counts_and_a_new_one_belongs_to_the_project(tmp_path: Path) -> None:
    inner = tmp_path / "app" / "src"
    inner.mkdir(parents=True)
    assert triage.find(inner) == inner / triage.FILE_NAME
    (tmp_path / "app" / "pyproject.toml").touch()
    assert triage.find(inner) == tmp_path / "app" / triage.FILE_NAME
    (tmp_path / triage.FILE_NAME).touch()
    assert triage.find(inner) == tmp_path / triage.FILE_NAME
    handed = str(tmp_path / "handed.toml")
    assert str(triage.default_path({triage.VARIABLE: handed}, inner)) == handed
    assert triage.default_path(os.environ, inner) == tmp_path / triage.FILE_NAME

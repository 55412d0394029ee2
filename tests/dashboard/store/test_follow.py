"""Files grow, tear, rotate, are copied and deleted: every row is there once, every line is accounted for."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.traces import NoTracesError, SourceState
from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import batch, decision, session, write
from tests.dashboard.store.conftest import cached, ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


def named(*names: str, on: str = "plane_guard.decision") -> list[ReadableSpan]:
    return [decision({"plane_guard.decision.id": name}, on=on) for name in names]


@pytest.fixture(params=["in a file", "in memory"])
def engine(request: pytest.FixtureRequest, folder: Path) -> Callable[[], Local]:
    """Everything holds whether rows can be kept in a file or not."""
    if request.param == "in memory":
        (folder.parent / "cache").write_text("a file where the folder should be")
    return lambda: Local(str(folder))


def test_lines_that_are_appended_are_read_and_no_other_is_read_again(folder: Path, engine: Callable[[], Local]) -> None:
    write(folder / "a.jsonl", *named("a", "b"))
    store = engine()
    assert ids(store) == ["a", "b"]
    before = store.refresh()
    assert store.refresh() == before
    write(folder / "a.jsonl", *named("c"))
    assert ids(store) == ["a", "b", "c"]
    assert store.refresh() != before
    assert (store.health().lines, store.health().duplicates) == (3, 0)
    assert ids(engine()) == ["a", "b", "c"]


def test_a_torn_line_is_pending_until_its_rest_comes(folder: Path, engine: Callable[[], Local]) -> None:
    line = write(folder / "a.tmp", *named("b")).read_bytes()
    path = write(folder / "a.jsonl", *named("a"))
    store = engine()
    half = len(line) // 2
    for piece in (line[:10], line[10:half], line[half:-2]):
        with path.open("ab") as file:
            file.write(piece)
        assert ids(store) == ["a"]
        assert (store.health().pending_lines, store.health().unreadable_lines) == (1, 0)
    with path.open("ab") as file:
        file.write(line[-2:])
    assert ids(store) == ids(engine()) == ["a", "b"]
    assert (store.health().pending_lines, store.health().lines) == (0, 2)


def test_a_torn_first_line_is_pending_as_well(folder: Path, engine: Callable[[], Local]) -> None:
    line = write(folder / "a.tmp", *named("a")).read_bytes()
    store = engine()
    (folder / "a.jsonl").write_bytes(line[:50])
    with pytest.raises(NoTracesError) as refusal:
        store.refresh()
    assert refusal.value.state is SourceState.EMPTY
    with (folder / "a.jsonl").open("ab") as file:
        file.write(line[50:])
    assert ids(store) == ["a"]
    assert store.health().duplicates == 0


def test_a_torn_line_is_damage_once_nobody_writes_any_more_and_still_read_if_someone_does(
    folder: Path, engine: Callable[[], Local]
) -> None:
    line = write(folder / "a.tmp", *named("b")).read_bytes()
    path = write(folder / "a.jsonl", *named("a"))
    with path.open("ab") as file:
        file.write(line[:-40])
    os.utime(path, (time.time() - 100,) * 2)
    store = engine()
    assert ids(store) == ["a"]
    assert (store.health().pending_lines, store.health().unreadable_lines, store.health().lines) == (0, 1, 2)
    assert [sample.file for sample in store.health().samples] == ["a.jsonl"]
    with path.open("ab") as file:
        file.write(line[-40:])
    assert ids(store) == ["a", "b"]
    assert (store.health().unreadable_lines, store.health().lines) == (0, 2)


def test_a_pending_line_becomes_damage_when_its_time_is_over(
    folder: Path, engine: Callable[[], Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder / "a.jsonl", *named("a"))
    with path.open("ab") as file:
        file.write(b'{"resourceSpans":[')
    store = engine()
    store.refresh()
    assert store.health().pending_lines == 1
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    store.refresh()
    assert (store.health().pending_lines, store.health().unreadable_lines) == (0, 1)


def test_a_last_line_without_its_newline_is_read_once(folder: Path, engine: Callable[[], Local]) -> None:
    path = write(folder / "a.jsonl", *named("a"))
    path.write_bytes(path.read_bytes().rstrip())
    store = engine()
    assert ids(store) == ["a"]
    with path.open("ab") as file:
        file.write(b"\n")
    write(path, *named("b"))
    assert ids(store) == ["a", "b"]
    assert (store.health().lines, store.health().duplicates) == (2, 0)


def test_a_rotated_file_goes_on_where_it_was_left(folder: Path, engine: Callable[[], Local]) -> None:
    write(folder / "traces.jsonl", *named("a"))
    store = engine()
    assert ids(store) == ["a"]
    write(folder / "traces.jsonl", *named("b"))
    (folder / "traces.jsonl").rename(folder / "traces-2026.jsonl")
    write(folder / "traces.jsonl", *named("c"))
    assert ids(store) == ["a", "b", "c"]
    assert (store.health().lines, store.health().duplicates) == (3, 0)


def test_a_file_that_is_copied_and_truncated_is_read_anew_and_its_copy_keeps_the_rows(
    folder: Path, engine: Callable[[], Local]
) -> None:
    path = write(folder / "traces.jsonl", *named("a", "b"))
    store = engine()
    store.refresh()
    shutil.copy(path, folder / "traces-1.jsonl")
    assert ids(store) == ["a", "b"]
    assert (store.health().lines, store.health().duplicates) == (4, 2)
    os.truncate(path, 0)
    assert ids(store) == ["a", "b"]
    assert (store.health().lines, store.health().duplicates) == (2, 0)
    write(path, *named("c"))
    assert ids(store) == ids(engine()) == ["a", "b", "c"]


def test_a_file_that_is_written_anew_from_its_start_loses_its_old_rows(
    folder: Path, engine: Callable[[], Local]
) -> None:
    path = write(folder / "traces.jsonl", *named("a", "b"))
    store = engine()
    store.refresh()
    os.truncate(path, 0)
    write(path, *named("c", "d", "e"))
    assert ids(store) == ids(engine()) == ["c", "d", "e"]


def test_copies_are_counted_and_shown_once_wherever_they_lie(folder: Path, engine: Callable[[], Local]) -> None:
    write(folder / "a.jsonl", *named("a", "a", "b"))
    store = engine()
    store.refresh()
    write(folder / "b.jsonl", *named("b", "c", "c"))
    assert ids(store) == ["a", "b", "c"]
    assert store.health().duplicates == traces.read(folder).accounting.duplicates == 3


def test_of_two_copies_that_come_together_the_one_on_our_own_span_is_kept(
    folder: Path, engine: Callable[[], Local]
) -> None:
    batch(folder / "a.jsonl", *named("a", on="PATCH"), *named("a"), *named("a", on="PATCH"))
    store = engine()
    store.refresh()
    [row] = store.query("decision", {"id": "a"})
    assert (row["span_name"], store.health().duplicates) == ("plane_guard.decision", 2)


def test_a_process_that_two_files_tell_of_is_one(folder: Path, engine: Callable[[], Local]) -> None:
    one = session()
    write(folder / "a.jsonl", one, one)
    store = engine()
    store.refresh()
    write(folder / "b.jsonl", one)
    store.refresh()
    assert store._database.ask("SELECT count(*) AS n FROM sessions") == [{"n": 1}]


def test_the_rows_of_a_file_go_with_it(folder: Path, engine: Callable[[], Local]) -> None:
    for name in "ab":
        write(folder / f"{name}.jsonl", session(), *named(name))
    store = engine()
    assert ids(store) == ["a", "b"]
    (folder / "a.jsonl").unlink()
    assert ids(store) == ids(engine()) == ["b"]
    assert (store.health().files, store.health().lines) == (1, 2)
    (folder / "b.jsonl").unlink()
    with pytest.raises(NoTracesError) as refusal:
        store.refresh()
    assert refusal.value.state is SourceState.EMPTY


def test_what_a_deleted_file_had_first_is_still_there_when_another_has_it(
    folder: Path, engine: Callable[[], Local]
) -> None:
    write(folder / "a.jsonl", *named("a", "b"))
    store = engine()
    store.refresh()
    write(folder / "b.jsonl", *named("b", "c"))
    store.refresh()
    (folder / "a.jsonl").unlink()
    assert ids(store) == ids(engine()) == ["b", "c"]
    assert store.health().duplicates == 0


def test_files_that_cannot_be_read_are_counted_beside_those_that_can(folder: Path, engine: Callable[[], Local]) -> None:
    os.mkfifo(folder / "pipe.jsonl")
    write(folder / "a.jsonl", *named("a"))
    store = engine()
    assert ids(store) == ["a"]
    assert (store.health().unreadable_files, store.health().files) == (1, 2)
    assert store.health().samples[0].reason == "not a regular file"


@pytest.mark.parametrize("content", [None, b"", b"\n \r\n", b"no json\n\0\0\n", b'{"resourceSpans":[]}\n'])
def test_a_source_that_gives_nothing_says_what_the_report_says(folder: Path, content: bytes | None) -> None:
    path = folder / "a.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoTracesError) as expected:
        traces.read(path)
    store = Local(str(path))
    for _ in range(2):
        with pytest.raises(NoTracesError) as refusal:
            store.refresh()
        assert str(refusal.value) == str(expected.value)


def test_evidence_that_comes_later_is_found(folder: Path, engine: Callable[[], Local]) -> None:
    store = engine()
    with pytest.raises(NoTracesError):
        store.refresh()
    write(folder / "a.jsonl", *named("a"))
    assert ids(store) == ["a"]


def test_reading_changes_no_source_file_and_keeps_nothing_of_no_rows(folder: Path) -> None:
    with pytest.raises(NoTracesError):
        Local(str(folder)).refresh()
    assert cached(folder) == []
    path = write(folder / "a.jsonl", *named("a"))
    before = path.read_bytes(), path.stat().st_mtime_ns, list(folder.iterdir())
    ids(Local(str(folder)))
    assert (path.read_bytes(), path.stat().st_mtime_ns, list(folder.iterdir())) == before


def test_a_reader_that_leaves_in_the_middle_has_lost_and_doubled_nothing(
    folder: Path, engine: Callable[[], Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plane_guard_dashboard.store._read._ROWS_TO_PACK", 2)
    monkeypatch.setattr("plane_guard_dashboard.store._read.ROWS_A_BATCH", 4)
    names = [f"{number:02}" for number in range(20)]
    write(folder / "a.jsonl", *named(*names[:10]))
    write(folder / "b.jsonl", *named(*names[10:]))
    store = engine()
    told: list[tuple[int, int]] = []

    def leave(done: int, size: int) -> None:
        told.append((done, size))
        if len(told) % 2:
            raise KeyboardInterrupt

    for _ in range(100):
        try:
            store.refresh(leave)
        except KeyboardInterrupt:
            continue
        break
    assert ids(store) == names
    assert (store.health().lines, store.health().duplicates) == (20, 0)
    assert all(0 < done <= size for done, size in told)

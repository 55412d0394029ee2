"""The cache is only ever a shortcut: damaged, old, read-only or half-written, the answers stay the same."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from plane_guard_dashboard.store import EngineError, _cache, _compact, _database, _ingest, _manifest, _read
from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import decision, session, span, write
from tests.dashboard.store.conftest import cached, everything, ids

if TYPE_CHECKING:
    from pathlib import Path


def fill(folder: Path, *names: str) -> None:
    for name in names:
        write(folder / f"{name}.jsonl", session(), decision({"plane_guard.decision.id": name}), span("GET", {}))


def test_what_is_sealed_is_not_read_again(folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, "a", "b")
    assert ids(Local(str(folder))) == ["a", "b"]
    assert {path.suffix for path in cached(folder)} == {".parquet", ".json", ".lock"}
    monkeypatch.setattr(_read.Reading, "take", None)
    again = Local(str(folder))
    assert ids(again) == ["a", "b"]
    assert again.health().lines == 6


def test_the_caches_of_two_sources_are_two(folder: Path) -> None:
    environ = {"XDG_CACHE_HOME": "/c"}
    assert _cache.folder_of(str(folder), environ) != _cache.folder_of(str(folder / "a.jsonl"), environ)
    assert _cache.folder_of("x", environ) == _cache.folder_of(os.path.abspath("x"), environ)
    assert _cache.folder_of("x", {}).parent.parent.name == ".cache"


@pytest.mark.parametrize("kind", ["manifest.json", "decisions-*", "sessions-*", "spans-*"])
@pytest.mark.parametrize("damage", ["emptied", "cut", "changed", "deleted"])
def test_a_damaged_cache_is_built_again(folder: Path, sealing: None, kind: str, damage: str) -> None:
    fill(folder, "a", "b")
    ids(Local(str(folder)))
    [path] = [path for path in cached(folder) if path.match(kind)]
    content = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        middle = len(content) // 2
        changed = content[:middle] + bytes(255 - byte for byte in content[middle : middle + 9]) + content[middle + 9 :]
        path.write_bytes({"emptied": b"", "cut": content[:-9], "changed": changed}[damage])
    store = Local(str(folder))
    assert ids(store) == ["a", "b"]
    assert (store.health().lines, store.health().duplicates) == (6, 0)
    assert len(cached(folder)) == 5


@pytest.mark.parametrize(
    "content", ["null", "[]", '{"schema":"older"}', f'{{"schema":"{_manifest.SCHEMA}"}}', "[" * 9999]
)
def test_a_manifest_of_another_kind_counts_as_none(folder: Path, sealing: None, content: str) -> None:
    fill(folder, "a")
    ids(Local(str(folder)))
    next(path for path in cached(folder) if path.name == "manifest.json").write_text(content)
    assert ids(Local(str(folder))) == ["a"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("", "next_number", "5"),
        ("tracked", "offset", "5"),
        ("tracked", "number", None),
        ("tracked", "shadowed_by", ["a"]),
        ("tracked", "samples", [["a", "b"]]),
        ("tracked", "name", 5),
        ("segments", "rows", "many"),
        ("segments", "size", -1),
        ("segments", "sources", [True]),
        ("segments", "kind", ["decisions"]),
    ],
)
def test_a_manifest_with_a_value_of_another_type_is_discarded_with_a_message(
    folder: Path, sealing: None, caplog: pytest.LogCaptureFixture, wrong: tuple[str, str, object]
) -> None:
    part, field, value = wrong
    fill(folder, "a")
    ids(Local(str(folder)))
    manifest = next(path for path in cached(folder) if path.name == "manifest.json")
    content = json.loads(manifest.read_text())
    (content[part][0] if part else content)[field] = value
    manifest.write_text(json.dumps(content))
    assert ids(Local(str(folder))) == ["a"]
    assert "is damaged. The dashboard reads the traces again." in caplog.text


def test_the_cache_of_an_older_version_is_discarded_with_a_message(
    folder: Path, sealing: None, caplog: pytest.LogCaptureFixture
) -> None:
    fill(folder, "a")
    old = _cache.all_caches(os.environ) / _cache.mark_of(str(folder))
    old.mkdir(parents=True)
    (old / "manifest.json").write_text(json.dumps({"schema": "older", "origin": str(folder)}))
    (old / "decisions-1.parquet").write_bytes(b"old")
    assert ids(Local(str(folder))) == ["a"]
    assert not old.exists()
    assert f"discards the cache of an older version in {old}" in caplog.text


def test_two_versions_at_once_do_not_make_each_other_read_again(
    folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, "a", "b")
    one = Local(str(folder))
    assert ids(one) == ["a", "b"]
    with monkeypatch.context() as patch:
        for module in (_cache, _manifest):
            patch.setattr(module, "SCHEMA", "0123456789abcdef")
        other = Local(str(folder))
        assert ids(other) == ["a", "b"]
    with monkeypatch.context() as patch:
        patch.setattr(_read.Reading, "take", None)
        for _ in range(3):
            assert ids(one) == ids(other) == ["a", "b"]
        assert ids(Local(str(folder))) == ["a", "b"]
    assert len({path.parent for path in cached(folder)}) == 2


def test_a_full_disk_is_not_kept_full_by_unfinished_files(
    folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> int:
        raise OSError(28, "No space left on device")

    fill(folder, "a")
    with monkeypatch.context() as patch:
        patch.setattr(_cache, "_checksum", full)
        store = Local(str(folder))
        assert ids(store) == ["a"]
        assert "No space left" in store.health().cache
        assert [path for path in cached(folder) if path.suffix == ".tmp"] == []


def test_an_answer_larger_than_the_memory_limit_is_moved_to_disk_and_the_disk_is_left_clean(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_database._SETTINGS, "memory_limit", "60MB")
    fill(folder, "a")
    store = Local(str(folder))
    store.refresh()
    [row] = store._ask("SELECT count(*) AS n FROM (SELECT DISTINCT hash(range)::VARCHAR FROM range(3_000_000))", [])
    assert row["n"] > 2_999_000
    del store
    gc.collect()
    assert list(_cache.folder_of(str(folder), os.environ).glob(f"{_cache.SPILL}*")) == []


def test_what_a_killed_process_moved_to_disk_is_deleted(folder: Path, sealing: None) -> None:
    fill(folder, "a")
    cache = _cache.folder_of(str(folder), os.environ)
    gone, running = (cache / f"{_cache.SPILL}{pid}-ab" for pid in (999_999_998, os.getpid()))
    for spilled in (gone, running):
        spilled.mkdir(parents=True)
        (spilled / "block").write_bytes(b"x")
    ids(Local(str(folder)))
    assert (gone.exists(), running.exists()) == (False, True)


def test_an_answer_for_which_memory_and_disk_do_not_suffice_is_a_sentence_with_a_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_database._SETTINGS, "memory_limit", "60MB")
    (folder.parent / "cache").write_text("a file where the folder should be")
    fill(folder, "a")
    store = Local(str(folder))
    store.refresh()
    with pytest.raises(EngineError, match="Choose a shorter period or more filters, or free disk space in "):
        store._ask("SELECT count(*) FROM (SELECT DISTINCT hash(range)::VARCHAR FROM range(9_000_000))", [])
    assert store.query("scope", everything())


def test_a_cache_that_vanishes_under_an_open_page_is_built_again(folder: Path, sealing: None) -> None:
    fill(folder, "a", "b")
    store = Local(str(folder))
    store.refresh()
    for path in cached(folder):
        path.unlink()
    assert ids(store) == ["a", "b"]
    for path in cached(folder):
        path.unlink()
    assert store.query("leaks", {}) is not None


def test_a_mistake_in_a_question_is_not_taken_for_a_damaged_cache(folder: Path, sealing: None) -> None:
    fill(folder, "a")
    store = Local(str(folder))
    store.refresh()
    with pytest.raises(duckdb.Error):
        store._ask("SELECT nothing FROM decisions", [])


def test_without_a_place_for_a_cache_everything_stays_in_memory_and_that_is_said(
    folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ingest, "BYTES_TO_READ_ALONE", 1)
    (folder.parent / "cache").write_text("a file where the folder should be")
    fill(folder, "a", "b")
    store = Local(str(folder))
    assert ids(store) == ["a", "b"]
    assert "cannot be written" in store.health().cache
    fill(folder, "c")
    assert ids(store) == ["a", "b", "c"]


def test_a_disk_that_is_full_costs_the_cache_and_no_row(
    folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_cache.Cache, "publish", full)
    fill(folder, "a")
    store = Local(str(folder))
    assert ids(store) == ["a"]
    assert "No space left" in store.health().cache
    monkeypatch.undo()


def test_the_files_of_a_cache_stay_few_and_hold_every_row_once(
    folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_compact, "MOST_SMALL", 4)
    monkeypatch.setattr(_compact, "ROWS_OF_A_LARGE_ONE", 6)
    store = Local(str(folder))
    names = [f"{number:02}" for number in range(24)]
    for name in names:
        fill(folder, name)
        store.refresh()
    assert ids(store) == ids(Local(str(folder))) == names
    assert len(store._ingest._manifest.segments) <= 3 * (4 + 24 // 6)
    named = {one.name for one in store._ingest._manifest.segments}
    assert len({path.name for path in cached(folder)} - named) <= 2 + 3 * 5


def test_what_is_deleted_goes_out_of_the_cache_too(folder: Path, sealing: None) -> None:
    store = Local(str(folder))
    for name in "abc":
        fill(folder, name)
        store.refresh()
    fill(folder, "d", "e")
    store.refresh()
    (folder / "a.jsonl").unlink()
    (folder / "d.jsonl").unlink()
    assert ids(store) == ["b", "c", "e"]
    assert {number for one in store._ingest._manifest.segments for number in one.sources} == set(store._ingest.live)
    assert sum(one.rows for one in store._ingest._manifest.segments) == 9


def test_a_page_that_reads_files_that_another_process_merged_asks_again(
    folder: Path, sealing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, "a")
    store, other = Local(str(folder)), Local(str(folder))
    store.refresh()
    monkeypatch.setattr(_compact, "MOST_SMALL", 1)
    for name in "bcd":
        fill(folder, name)
        other.refresh()
    [row] = store.query("decision", {"id": "a"})
    assert row["decision_id"] == "a"
    assert ids(store) == ids(other) == ["a", "b", "c", "d"]


def test_a_process_that_was_overtaken_goes_on_from_where_the_other_is(folder: Path, sealing: None) -> None:
    fill(folder, "a")
    one, other = Local(str(folder)), Local(str(folder))
    assert ids(one) == ids(other) == ["a"]
    for name in "bcdef":
        fill(folder, name)
        one, other = other, one
        assert "".join(ids(one)) == "abcdef"[: "abcdef".index(name) + 1]
    assert ids(other) == [*"abcdef"]
    assert other.health().duplicates == one.health().duplicates == 0


_KILLED = """
import os, signal, sys
from plane_guard_dashboard.store import _cache, _ingest
from plane_guard_dashboard.store.local import Local
_ingest.ROWS_TO_SEAL = 1
real = os.{function}
def killed(*arguments):
    if {condition}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
os.{function} = killed
Local(sys.argv[1]).refresh()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("function", "condition"),
    [
        ("replace", "'decisions' in str(arguments[0])"),
        ("replace", "'sessions' in str(arguments[0])"),
        ("replace", "'manifest' in str(arguments[0])"),
        ("fsync", "True"),
    ],
)
def test_a_process_that_is_killed_while_it_writes_leaves_nothing_but_files_that_the_next_one_removes(
    folder: Path, sealing: None, function: str, condition: str
) -> None:
    fill(folder, "a", "b")
    script = _KILLED.format(function=function, condition=condition)
    killed = subprocess.run([sys.executable, "-c", script, str(folder)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert cached(folder)
    store = Local(str(folder))
    assert ids(store) == ["a", "b"]
    assert store.health().duplicates == 0
    manifest = next(path for path in cached(folder) if path.name == "manifest.json")
    named = {one["name"] for one in json.loads(manifest.read_text())["segments"]}
    assert {path.name for path in cached(folder)} == named | {"manifest.json", "writer.lock"}

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

from plane_guard_dashboard.store import EngineError, _cache, _database, _ingest, _layout, _read
from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import decision, session, span, write
from tests.dashboard.store.conftest import cached, everything, ids

if TYPE_CHECKING:
    from pathlib import Path

KEPT = {"origin", "rows.duckdb", "writer.lock"}


def fill(folder: Path, *names: str) -> None:
    for name in names:
        write(folder / f"{name}.jsonl", session(), decision({"plane_guard.decision.id": name}), span("GET", {}))


def names(folder: Path) -> set[str]:
    return {path.name for path in cached(folder)}


def database(folder: Path) -> Path:
    return next(path for path in cached(folder) if path.name == _cache.DATABASE)


def test_what_is_kept_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, "a", "b")
    assert ids(Local(str(folder))) == ["a", "b"]
    assert names(folder) == KEPT
    monkeypatch.setattr(_read.Reading, "take", None)
    again = Local(str(folder))
    assert ids(again) == ["a", "b"]
    assert again.health().lines == 6


def test_the_caches_of_two_sources_are_two(folder: Path) -> None:
    environ = {"XDG_CACHE_HOME": "/c"}
    assert _cache.folder_of(str(folder), environ) != _cache.folder_of(str(folder / "a.jsonl"), environ)
    assert _cache.folder_of("x", environ) == _cache.folder_of(os.path.abspath("x"), environ)
    assert _cache.folder_of("x", {}).parent.parent.name == ".cache"


@pytest.mark.parametrize("damage", ["emptied", "cut", "changed", "overwritten", "deleted", "a text"])
def test_a_damaged_cache_is_built_again(folder: Path, damage: str) -> None:
    fill(folder, "a", "b")
    ids(Local(str(folder)))
    path = database(folder)
    content = path.read_bytes()
    third = len(content) // 3
    changed = content[:third] + bytes(255 - byte for byte in content[third : third + 9000]) + content[third + 9000 :]
    path.write_bytes(
        {
            "emptied": b"",
            "cut": content[:third],
            "changed": changed,
            "overwritten": content[:4096] + bytes(len(content) - 4096),
            "deleted": b"",
            "a text": b"not a database" * 9999,
        }[damage]
    )
    if damage == "deleted":
        path.unlink()
    store = Local(str(folder))
    assert ids(store) == ["a", "b"]
    assert (store.health().lines, store.health().duplicates) == (6, 0)
    assert store.query("processes", everything())[0]["processes"] == 1
    del store
    assert names(folder) == KEPT


def test_damage_in_any_place_is_noticed_or_harmless(folder: Path) -> None:
    fill(folder, *(f"{number:03}" for number in range(40)))
    expected = ids(Local(str(folder)))
    path = database(folder)
    content = path.read_bytes()
    for place in range(0, len(content), len(content) // 12):
        path.write_bytes(content[:place] + b"\xff" * 4096 + content[place + 4096 :])
        store = Local(str(folder))
        assert ids(store) == expected
        assert store.health().lines == 120
        del store


def test_damage_of_the_log_that_a_killed_process_left_is_noticed_or_harmless(folder: Path) -> None:
    fill(folder, "a", "b")
    script = "import os, sys; from plane_guard_dashboard.store.local import Local; s = Local(sys.argv[1]); s.refresh()"
    subprocess.run([sys.executable, "-c", f"{script}; os._exit(0)", str(folder)], check=True, timeout=60)
    log = database(folder).with_name("rows.duckdb.wal")
    content, kept = log.read_bytes(), database(folder).read_bytes()
    for place in range(0, len(content), len(content) // 5):
        for damaged in (content[:place], content[:place] + b"\xff" * 100 + content[place + 100 :]):
            database(folder).write_bytes(kept)
            log.write_bytes(damaged)
            store = Local(str(folder))
            assert ids(store) == ["a", "b"]
            assert (store.health().lines, store.health().duplicates) == (6, 0)
            del store


@pytest.mark.parametrize("table", ["", "tracked(number VARCHAR)", "all_spans(source BOOLEAN)"])
def test_damage_is_told(folder: Path, caplog: pytest.LogCaptureFixture, table: str) -> None:
    fill(folder, "a")
    ids(Local(str(folder)))
    path = database(folder)
    path.write_bytes(b"not a database" * 9999)
    if table:
        path.unlink()
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"CREATE TABLE {table}")
    assert ids(Local(str(folder))) == ["a"]
    assert f"The cache in {database(folder).parent} is damaged. The dashboard reads the traces again." in caplog.text


@pytest.mark.parametrize("version", ["", "-01234567"])
def test_the_cache_of_an_older_version_is_discarded_with_a_message(
    folder: Path, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    fill(folder, "a")
    old = _cache.all_caches(os.environ) / f"{_cache.mark_of(str(folder))}{version}"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text(json.dumps({"schema": "older", "origin": str(folder)}))
    (old / "decisions-1.parquet").write_bytes(b"old")
    assert ids(Local(str(folder))) == ["a"]
    assert not old.exists()
    assert f"discards the cache of an older version in {old}" in caplog.text


def test_two_versions_at_once_do_not_make_each_other_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, "a", "b")
    one = Local(str(folder))
    assert ids(one) == ["a", "b"]
    with monkeypatch.context() as patch:
        for module in (_cache, _layout):
            patch.setattr(module, "SCHEMA", "0123456789abcdef")
        other = Local(str(folder))
        assert ids(other) == ["a", "b"]
    with monkeypatch.context() as patch:
        patch.setattr(_read.Reading, "take", None)
        for _ in range(3):
            assert ids(one) == ids(other) == ["a", "b"]
        del one
        assert ids(Local(str(folder))) == ["a", "b"]
    assert len({path.parent for path in cached(folder)}) == 2


def test_an_answer_larger_than_the_memory_limit_is_moved_to_disk_and_the_disk_is_left_clean(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_database._SETTINGS, "memory_limit", "60MB")
    fill(folder, "a")
    store = Local(str(folder))
    store.refresh()
    [row] = store._ask("SELECT count(*) AS n FROM (SELECT DISTINCT hash(range)::VARCHAR FROM range(2_000_000))", [])
    assert row["n"] > 1_999_000
    del store
    gc.collect()
    assert names(folder) == KEPT


def test_while_much_is_read_the_database_gets_less_memory_and_one_thread(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ingest, "BYTES_THAT_ARE_MUCH", 1)
    monkeypatch.setattr(_read, "_ROWS_TO_PACK", 1)
    fill(folder, "a", "b")
    store = Local(str(folder))
    limits = []

    def ask(*_: object) -> None:
        [row] = store._database.ask("SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS n")
        limits.append((row["memory"], row["n"]))

    store.refresh(ask)
    ask()
    assert ids(store) == ["a", "b"]
    *while_reading, afterwards = limits
    assert while_reading
    assert set(while_reading) == {("143.0 MiB", 1)}
    assert afterwards == ("1.1 GiB", 2)


def test_what_a_killed_process_left_is_deleted(folder: Path) -> None:
    fill(folder, "a")
    cache = _cache.folder_of(str(folder), os.environ)
    gone, running = (cache / f"rows-{pid}-ab.duckdb" for pid in (999_999_998, os.getpid()))
    for file in (gone, running):
        spilled = _cache.spill_folder(file)
        spilled.mkdir(parents=True)
        (spilled / "block").write_bytes(b"x")
        file.write_bytes(b"x")
    ids(Local(str(folder)))
    assert [path.exists() for path in (gone, _cache.spill_folder(gone))] == [False, False]
    assert [path.exists() for path in (running, _cache.spill_folder(running))] == [True, True]


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


def test_a_cache_that_vanishes_under_an_open_page_is_built_again(folder: Path) -> None:
    fill(folder, "a", "b")
    store = Local(str(folder))
    store.refresh()
    for path in cached(folder):
        path.unlink()
    assert ids(store) == ["a", "b"]
    fill(folder, "c")
    assert ids(store) == ["a", "b", "c"]
    assert store.query("leaks", {}) is not None
    del store
    assert ids(Local(str(folder))) == ["a", "b", "c"]


def test_a_mistake_in_a_question_is_not_taken_for_a_damaged_cache(folder: Path) -> None:
    fill(folder, "a")
    store = Local(str(folder))
    store.refresh()
    with pytest.raises(duckdb.Error):
        store._ask("SELECT nothing FROM decisions", [])
    assert store._database.opened == 1


def test_without_a_place_for_a_cache_everything_stays_in_memory_and_that_is_said(folder: Path) -> None:
    (folder.parent / "cache").write_text("a file where the folder should be")
    fill(folder, "a", "b")
    store = Local(str(folder))
    assert ids(store) == ["a", "b"]
    assert "cannot be written" in store.health().cache
    fill(folder, "c")
    assert ids(store) == ["a", "b", "c"]


_FULL = """
import json, resource, signal, sys
from plane_guard_dashboard.store.local import Local
store = Local(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store.refresh()
health = store.health()
[row] = store._ask("SELECT count(*) AS n, count(DISTINCT decision_id) AS different FROM decisions", [])
print(json.dumps([row["n"], row["different"], health.lines, health.duplicates, health.cache]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
@pytest.mark.parametrize("size", [100, 300_000])
def test_a_disk_that_is_full_costs_the_cache_and_no_row(folder: Path, tmp_path: Path, size: int) -> None:
    line = write(tmp_path / "template", decision({"plane_guard.decision.id": "decision-NUMBER"})).read_bytes()
    (folder / "a.jsonl").write_bytes(b"".join(line.replace(b"NUMBER", b"%d" % n) for n in range(9000)))
    command = [sys.executable, "-c", _FULL, str(folder), str(size)]
    told = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    *counts, cache = json.loads(told)
    assert counts == [9000, 9000, 9000, 0]
    assert "cannot be written" in cache
    assert not (names(folder) - {"origin", "writer.lock"})


def test_the_file_of_a_cache_holds_every_row_once_after_many_looks(folder: Path) -> None:
    store = Local(str(folder))
    expected = [f"{number:02}" for number in range(24)]
    for name in expected:
        fill(folder, name)
        store.refresh()
    assert ids(store) == ids(Local(str(folder))) == expected
    del store
    assert ids(Local(str(folder))) == expected
    assert names(folder) == KEPT


def test_what_is_deleted_goes_out_of_the_cache_too(folder: Path) -> None:
    store = Local(str(folder))
    for name in "abc":
        fill(folder, name)
        store.refresh()
    fill(folder, "d", "e")
    store.refresh()
    (folder / "a.jsonl").unlink()
    (folder / "d.jsonl").unlink()
    assert ids(store) == ["b", "c", "e"]
    for kind in _layout.KINDS:
        sources = {row["source"] for row in store._ask(f"SELECT DISTINCT source FROM all_{kind}", [])}
        assert sources == set(store._ingest.live)
    assert {one.number for one in store._database.tracked()} == set(store._ingest.live)


def test_of_two_processes_one_uses_the_cache_and_the_other_says_that_it_keeps_its_own(folder: Path) -> None:
    fill(folder, "a")
    one, other = Local(str(folder)), Local(str(folder))
    assert ids(one) == ids(other) == ["a"]
    assert one.health().cache == str(database(folder).parent)
    assert "Another dashboard uses the cache in " in other.health().cache
    for name in "bcdef":
        fill(folder, name)
        one, other = other, one
        assert "".join(ids(one)) == "abcdef"[: "abcdef".index(name) + 1]
    assert ids(other) == [*"abcdef"]
    assert other.health().duplicates == one.health().duplicates == 0
    del one, other
    assert names(folder) == KEPT


_KILLED = """
import os, signal, sys
from plane_guard_dashboard.store import _database, _read
from plane_guard_dashboard.store.local import Local
_read._ROWS_TO_PACK, _read.ROWS_A_BATCH, _read.ROWS_A_COMMIT = 1, 1, 1
real, left = _database.Database.{method}, [{after}]
def killed(*arguments):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
_database.Database.{method} = killed
Local(sys.argv[1]).refresh()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("method", "after"), [("take", 1), ("commit", 3), ("take", 3)])
def test_a_process_that_is_killed_while_it_writes_leaves_nothing_half(folder: Path, method: str, after: int) -> None:
    fill(folder, "a", "b")
    script = _KILLED.format(method=method, after=after)
    killed = subprocess.run([sys.executable, "-c", script, str(folder)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert cached(folder)
    store = Local(str(folder))
    assert ids(store) == ["a", "b"]
    assert (store.health().lines, store.health().duplicates) == (6, 0)
    del store
    assert names(folder) == KEPT

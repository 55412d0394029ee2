"""Writers, ingesters and readers at once, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import decision, write
from tests.dashboard.store.conftest import cached, everything, ids

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ROWS = 1500
_WRITER = """
import sys, time
path, template, rows = sys.argv[1], open(sys.argv[2], "rb").read(), int(sys.argv[3])
with open(path, "ab", buffering=0) as file:
    for number in range(rows):
        line = template.replace(b"NUMBER", b"%d" % number)
        middle = number * 37 % len(line)
        file.write(line[:middle])
        if number % 50 == 0:
            time.sleep(0.01)
        file.write(line[middle:])
"""
_FOLLOWER = """
import json, sys, time
from plane_guard_dashboard.store import _read
from plane_guard_dashboard.store.local import Local
from plane_guard_dashboard.evidence.traces import NoTracesError
source, rows = sys.argv[1], int(sys.argv[2])
_read.ROWS_A_COMMIT = int(sys.argv[3])
store, seen, until = Local(source), [0], time.monotonic() + 60
while seen[-1] < rows and time.monotonic() < until:
    try:
        store.refresh()
    except NoTracesError:
        continue
    [answer] = store._ask("SELECT count(*) AS n, count(DISTINCT decision_id) AS different FROM decisions", [])
    assert answer["n"] == answer["different"], answer
    seen.append(answer["n"])
health = store.health()
told = [seen[-1], health.lines, health.unreadable_lines, health.pending_lines, health.duplicates]
print(json.dumps([told, seen == sorted(seen)]))
"""


def test_every_row_is_there_exactly_once_while_one_tears_lines_two_ingest_and_three_read(
    folder: Path, tmp_path: Path
) -> None:
    template = write(tmp_path / "template", decision({"plane_guard.decision.id": "decision-NUMBER"}))

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    followers = [start(_FOLLOWER, folder, ROWS, batch) for batch in (40, 40, 10**9, 10**9, 10**9)]
    writer = start(_WRITER, folder / "a.jsonl", template, ROWS)
    assert writer.communicate(timeout=60)[1] == ""
    for follower in followers:
        told, errors = follower.communicate(timeout=90)
        assert errors == ""
        assert json.loads(told) == [[ROWS, ROWS, 0, 0, 0], True]
    assert len(ids(Local(str(folder)))) == ROWS


def test_of_two_processes_that_start_on_a_large_source_each_has_every_row(folder: Path, tmp_path: Path) -> None:
    line = write(tmp_path / "template", decision({"plane_guard.decision.id": "decision-NUMBER"})).read_bytes()
    (folder / "a.jsonl").write_bytes(b"".join(line.replace(b"NUMBER", b"%d" % n) for n in range(ROWS)))
    command = [sys.executable, "-c", _FOLLOWER, str(folder), str(ROWS), "100"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        assert json.loads(one.communicate(timeout=60)[0])[0] == [ROWS, ROWS, 0, 0, 0]
    assert {path.name for path in cached(folder)} == {"origin", "rows.duckdb", "writer.lock"}


def test_many_pages_of_one_process_ask_and_look_at_once(folder: Path) -> None:
    path = folder / "a.jsonl"
    write(path, decision())
    store = Local(str(folder))
    store.refresh()
    errors: list[BaseException] = []
    ended = threading.Event()

    def page() -> None:
        try:
            while not ended.is_set():
                store.refresh()
                assert store.query("scope", everything())[0]["decisions"] > 0
                store.health()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    pages = [threading.Thread(target=page) for _ in range(6)]
    for one in pages:
        one.start()
    for _ in range(30):
        write(path, decision())
    ended.set()
    for one in pages:
        one.join()
    assert not errors
    assert len(ids(store)) == 31


def test_a_second_page_gets_what_there_is_while_the_first_reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plane_guard_dashboard.store.local._SECONDS_TO_WAIT", 0.01)
    write(folder / "a.jsonl", decision())
    store = Local(str(folder))
    before = store.refresh()
    answers: list[object] = []
    with store._lock:
        other = threading.Thread(target=lambda: answers.append(store.refresh()))
        other.start()
        other.join()
    assert answers == [before]

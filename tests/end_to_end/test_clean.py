"""`plane-guard clean` deletes what is old, and nothing that is still being written."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.evidence import resource

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Child

CLEAN = [sys.executable, "-m", "plane_guard_dashboard", "clean", "--older-than"]
GONE = 999_999_998


def evidence(child: Child, pid: int, days: float, host: str = "", kind: str = "decisions") -> Path:
    file = child.write(f".plane-guard/{kind}-{host or resource.host_name()}-{pid}-abc{days:.0f}.jsonl", "{}\n")
    return aged(file, days)


def account(child: Child, *pids: int, days: float) -> Path:
    """What is left of a run that was killed while it waited for its collector."""
    lines = "".join(f"{pid}-1 10.5 12.0\n" for pid in pids)
    return aged(child.write(f".plane-guard/live-export-{len(pids):032x}.account", lines), days)


def aged(file: Path, days: float) -> Path:
    then = time.time() - days * 86_400
    os.utime(file, (then, then))
    return file


@pytest.mark.parametrize("kind", ["decisions", "spans"])
def test_old_files_of_processes_that_are_gone_are_deleted(child: Child, kind: str) -> None:
    old, young = evidence(child, GONE, 31, kind=kind), evidence(child, GONE, 29, kind=kind)
    result = child.run([*CLEAN, "30d"])

    assert result.returncode == 0
    assert "1 file(s) deleted" in result.stdout
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("kind", ["decisions", "spans"])
def test_a_file_of_a_running_process_stays_however_old(child: Child, kind: str) -> None:
    kept = evidence(child, os.getpid(), 400, kind=kind)
    child.run([*CLEAN, "30d"])

    assert kept.exists()


def test_the_account_of_a_run_stays_while_one_of_its_processes_runs(child: Child) -> None:
    old, of_nobody, running = account(child, GONE, days=31), account(child, days=31), account(child, GONE, 1, days=31)
    young = account(child, GONE, GONE, GONE, days=29)
    child.run([*CLEAN, "30d"])

    assert [file.exists() for file in (old, of_nobody, running, young)] == [False, False, True, True]


def test_a_file_of_another_host_goes_by_its_age_alone(child: Child) -> None:
    old = evidence(child, os.getpid(), 31, host="elsewhere")
    child.run([*CLEAN, "30d"])

    assert not old.exists()


def test_a_dry_run_deletes_nothing(child: Child) -> None:
    old = evidence(child, GONE, 31)

    assert "1 file(s) to delete" in child.run([*CLEAN, "30d", "--dry-run"]).stdout
    assert old.exists()


def test_other_files_are_never_touched(child: Child) -> None:
    names = ("traces.jsonl", "decisions.jsonl", "spans-of-mine.jsonl", "live-export-notes.account", ".shipped.json")
    others = [child.write(f".plane-guard/{name}", "{}\n") for name in names]
    for other in others:
        os.utime(other, (0, 0))
    child.run([*CLEAN, "1m"])

    assert [other for other in others if not other.exists()] == []


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1y", "*"])
def test_an_age_that_is_none_is_refused_with_an_example(child: Child, age: str) -> None:
    result = child.run([*CLEAN, age])

    assert result.returncode == 2
    assert "30d" in result.stderr


def test_a_folder_that_is_not_there_is_a_sentence(child: Child) -> None:
    result = child.run([*CLEAN, "30d", "--traces", "nowhere"])

    assert result.returncode == 1
    assert "nowhere is not a folder with evidence" in result.stderr


def test_an_address_is_no_folder_and_is_named_without_its_password(child: Child) -> None:
    result = child.run([*CLEAN, "30d", "--traces", "clickhouse://me:secret@host/db"])

    assert result.returncode == 1
    assert "clickhouse://host/db is not a folder with evidence" in result.stderr

"""`plane-guard clean` deletes what is old, and nothing that is still being written."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation import _resource

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness import Child

CLEAN = [sys.executable, "-m", "plane_guard_dashboard", "clean", "--older-than"]
GONE = 999_999_998


def evidence(child: Child, pid: int, days: float, host: str = "") -> Path:
    file = child.write(f".plane-guard/decisions-{host or _resource.host_name()}-{pid}-abc{days:.0f}.jsonl", "{}\n")
    then = time.time() - days * 86_400
    os.utime(file, (then, then))
    return file


def test_old_files_of_processes_that_are_gone_are_deleted(child: Child) -> None:
    old, young = evidence(child, GONE, 31), evidence(child, GONE, 29)
    result = child.run([*CLEAN, "30d"])

    assert result.returncode == 0
    assert "1 file(s) deleted" in result.stdout
    assert (old.exists(), young.exists()) == (False, True)


def test_a_file_of_a_running_process_stays_however_old(child: Child) -> None:
    kept = evidence(child, os.getpid(), 400)
    child.run([*CLEAN, "30d"])

    assert kept.exists()


def test_a_file_of_another_host_goes_by_its_age_alone(child: Child) -> None:
    old = evidence(child, os.getpid(), 31, host="elsewhere")
    child.run([*CLEAN, "30d"])

    assert not old.exists()


def test_a_dry_run_deletes_nothing(child: Child) -> None:
    old = evidence(child, GONE, 31)

    assert "1 file(s) to delete" in child.run([*CLEAN, "30d", "--dry-run"]).stdout
    assert old.exists()


def test_other_files_are_never_touched(child: Child) -> None:
    other = child.write(".plane-guard/traces.jsonl", "{}\n")
    os.utime(other, (0, 0))
    child.run([*CLEAN, "1m"])

    assert other.exists()


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1y", "*"])
def test_an_age_that_is_none_is_refused_with_an_example(child: Child, age: str) -> None:
    result = child.run([*CLEAN, age])

    assert result.returncode == 2
    assert "30d" in result.stderr


def test_a_folder_that_is_not_there_is_a_sentence(child: Child) -> None:
    result = child.run([*CLEAN, "30d", "--traces", "nowhere"])

    assert result.returncode == 1
    assert "nowhere is not a folder with evidence" in result.stderr

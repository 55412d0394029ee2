"""`plane-guard clean` deletes what is old, and nothing that is still being written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.cli.process_start import started_at
from plane_guard_instrumentation.evidence import resource

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    assert "1 file deleted" in result.stdout
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("kind", ["decisions", "spans"])
def test_a_file_of_a_running_process_stays_however_old(child: Child, kind: str) -> None:
    kept = evidence(child, os.getpid(), 400, kind=kind)
    child.run([*CLEAN, "30d"])

    assert kept.exists()


def test_evidence_of_a_process_id_that_another_process_has_now_is_deleted(child: Child) -> None:
    long_ago = time.time_ns() - 400 * 86_400 * 10**9
    for pid in (os.getpid(), 1):
        name = f".plane-guard/decisions-{resource.host_name()}-{pid}-{long_ago:x}.jsonl"
        aged(child.write(name, "{}\n"), 399)
    result = child.run([*CLEAN, "30d"])

    assert result.returncode == 0
    assert "2 files deleted" in result.stdout


def test_a_file_that_a_running_process_created_is_kept_and_counted(child: Child) -> None:
    name = f".plane-guard/decisions-{resource.host_name()}-{os.getpid()}-{time.time_ns():x}.jsonl"
    kept = aged(child.write(name, "{}\n"), 399)
    result = child.run([*CLEAN, "30d"])

    assert result.returncode == 0
    assert kept.exists()
    assert "0 files deleted, 1 old file kept, because their processes are running" in result.stdout


def test_the_start_of_this_process_is_known() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = started_at(process.pid)
    assert started is None or abs(started - time.time()) < 60
    assert started_at(GONE) is None


def test_the_name_of_a_process_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "stat").write_text("cpu 1 2\nbtime 1000\n")
    (tmp_path / "7" / "stat").write_text("7 (a) b) 1 (c) S " + "0 " * 18 + f"{os.sysconf('SC_CLK_TCK') * 5} 0 0\n")
    assert started_at(7, tmp_path) == 1005


@contextmanager
def mounted_read_only(folder: Path) -> Iterator[None]:
    bound = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(bound, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_on_a_read_only_mount_nothing_is_called_deleted(child: Child) -> None:
    old = evidence(child, GONE, 31)
    with mounted_read_only(child.folder / ".plane-guard"):
        result = child.run([*CLEAN, "30d"])

    assert (result.returncode, old.exists()) == (2, True)
    assert result.stdout == "0 files deleted, 1 could not be deleted. Run the command as a user who may delete them\n"
    assert result.stderr.count("not deleted: ") == 1
    assert "Read-only file system" in result.stderr


NOBODY = 65_534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@pytest.fixture
def foreign(child: Child) -> Iterator[Path]:
    """A folder with two old files of nobody and one of root between them."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user")
    if subprocess.run([*AS_NOBODY, sys.executable, "-c", "import plane_guard_dashboard"], check=False).returncode:
        pytest.skip("another user cannot run this interpreter: give its folders mode 755")
    for parent in (child.folder, *child.folder.parents[:-2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    for number, owner in ((1, NOBODY), (2, 0), (3, NOBODY)):
        os.chown(evidence(child, GONE - number, 40 + number), owner, owner)
    folder = child.folder / ".plane-guard"
    yield folder
    folder.chmod(0o755)


@pytest.mark.parametrize(
    ("mode", "left", "reason"),
    [
        (0o1777, 1, "Operation not permitted"),
        (0o744, 3, "Permission denied"),
        (0o711, 3, "Permission denied"),
        (0o755, 3, "Permission denied"),
    ],
    ids=["sticky", "no search", "no read", "read only"],
)
def test_what_another_user_owns_is_named_and_the_rest_is_deleted(
    child: Child, foreign: Path, mode: int, left: int, reason: str
) -> None:
    foreign.chmod(mode)
    result = child.run([*AS_NOBODY, *CLEAN, "30d"], HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent")
    foreign.chmod(0o755)

    remaining = sorted(foreign.iterdir())
    assert (result.returncode, len(remaining)) == (2, left), result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout.count("deleted /") + result.stdout.count("deleted .") == 3 - left
    assert reason in result.stderr


def test_the_upload_record_of_a_folder_that_is_gone_is_deleted(child: Child) -> None:
    evidence(child, GONE, 1)
    cache = child.folder / "cache"
    gone = child.write("gone/decisions-box-1-1.jsonl", '{"resourceSpans":[]}\n').parent
    for folder in (gone, child.folder / ".plane-guard"):
        ship = [sys.executable, "-m", "plane_guard_dashboard", "ship", "--timeout", "0.1", "--traces", str(folder)]
        child.run([*ship, "--endpoint", "http://127.0.0.1:9"], XDG_CACHE_HOME=str(cache))
    shutil.rmtree(gone)
    before = len(list(cache.rglob("shipped/*.json")))
    result = child.run([*CLEAN, "30d"], XDG_CACHE_HOME=str(cache))

    assert result.returncode == 0
    assert f"the upload record of {gone}" in result.stdout
    assert len(list(cache.rglob("shipped/*.json"))) == before - 1


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

    assert "1 file to delete" in child.run([*CLEAN, "30d", "--dry-run"]).stdout
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

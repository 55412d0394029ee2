"""`plane-guard clean` deletes the caches of sources that are gone, and no other one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.store import _cache
from plane_guard_dashboard.store._cache import Cache, folder_of
from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import decision, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(folder: Path) -> Path:
    write(folder / "a.jsonl", decision())
    Local(str(folder)).refresh()
    return folder_of(str(folder), os.environ)


def clean(tmp_path: Path, *more: str) -> str:
    here = tmp_path / "here"
    here.mkdir(exist_ok=True)
    result = CliRunner().invoke(main, ["clean", "--older-than", "1d", "--traces", str(here), *more])
    assert result.exit_code == 0
    return result.stdout


def test_a_cache_says_what_it_is_of(cache: Path, folder: Path) -> None:
    assert (cache / _cache.ORIGIN).read_text() == str(folder.resolve())


def test_the_cache_of_a_source_that_is_gone_goes(cache: Path, folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder)
    assert f"would delete {cache}, the cache of {folder}" in clean(tmp_path, "--dry-run")
    assert cache.exists()
    assert f"deleted {cache}" in clean(tmp_path)
    assert not cache.exists()


def test_the_cache_of_a_source_that_is_there_stays(cache: Path, tmp_path: Path) -> None:
    assert str(cache) not in clean(tmp_path)
    assert cache.exists()


@pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
def test_the_cache_of_another_version_goes_once_that_is_not_used_any_more(
    cache: Path, tmp_path: Path, days: int, *, stays: bool
) -> None:
    other = cache.with_name(f"{cache.name[:16]}-01234567")
    shutil.copytree(cache, other)
    then = time.time() - days * 86_400
    os.utime(other / _cache.DATABASE, (then, then))
    clean(tmp_path)
    assert (cache.exists(), other.exists()) == (True, stays)


def test_a_cache_that_a_process_writes_to_stays(cache: Path, folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder)
    with Cache(cache).locked() as ours:
        assert ours
        assert str(cache) not in clean(tmp_path)
    assert cache.exists()


def test_the_cache_in_an_older_format_goes_with_its_source(folder: Path, tmp_path: Path) -> None:
    old = _cache.all_caches(os.environ) / f"{_cache.mark_of(str(folder))}-01234567"
    old.mkdir(parents=True)
    (old / _cache.OLD_MANIFEST).write_text(json.dumps({"schema": "older", "origin": str(folder.resolve())}))
    clean(tmp_path)
    assert old.exists()
    shutil.rmtree(folder)
    assert f"deleted {old}" in clean(tmp_path)
    assert not old.exists()


@pytest.mark.parametrize("file", [_cache.OLD_MANIFEST, _cache.ORIGIN])
@pytest.mark.parametrize("content", ["", "{}", '{"origin": "/nowhere"}', "[" * 100_000, "/nowhere", "\0"])
def test_a_folder_that_is_no_cache_of_ours_stays(folder: Path, tmp_path: Path, content: str, file: str) -> None:
    other = _cache.all_caches(os.environ) / "other"
    other.mkdir(parents=True)
    (other / file).write_text(content)
    assert str(other) not in clean(tmp_path)
    assert other.exists()


def test_it_needs_no_duckdb(folder: Path) -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['streamlit', 'duckdb', 'orjson', 'pyarrow']));"
        "from plane_guard_dashboard.cli import main; main()"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, "clean", "--older-than", "1d", "--traces", str(folder)]
    assert subprocess.run(command, env=environ, check=False).returncode == 0

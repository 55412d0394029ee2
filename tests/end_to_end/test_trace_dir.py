"""`trace_dir` of pyproject is where tests write, and where every command reads without arguments."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.sources import default_source

if TYPE_CHECKING:
    import pytest

    from tests.harness import Child

SUITE = """
import os, httpx, pytest
def test_it(plane_blocked_writes):
    with pytest.raises(RuntimeError):
        httpx.post(f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/')
"""


def test_pytest_and_every_command_use_it(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    child.write("pyproject.toml", '[tool.plane_guard]\ntrace_dir = "build/evidence"\n')
    child.write("test_it.py", SUITE)
    unset = {"PLANE_GUARD_TRACE_DIR": "", "XDG_CACHE_HOME": str(child.folder / "cache")}

    def plane_guard(*arguments: str) -> tuple[int, str]:
        done = child.run([sys.executable, "-m", "plane_guard_dashboard", *arguments], **unset)
        return done.returncode, done.stdout + done.stderr

    assert child.pytest(**unset).returncode == 0
    [written] = (child.folder / "build" / "evidence").glob("*.jsonl")
    code, text = plane_guard("report", "--format", "json")
    assert (code, json.loads(text)["expected"]) == (0, 1)
    code, text = plane_guard("ship", "--endpoint", "http://127.0.0.1:9", "--timeout", "1")
    assert code != 0
    assert "Not sent: " in text
    monkeypatch.chdir(child.folder)
    assert Path(default_source({})).resolve() == written.parent.resolve()  # what the dashboard opens
    os.utime(written, (0, 0))
    assert plane_guard("clean", "--older-than", "1h")[0] == 0
    assert not written.exists()

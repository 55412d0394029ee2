"""Where there is no collector yet, what is missing is said in a sentence."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.collector.configuration import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BUILD = str(ROOT / ".ci" / "collector" / "build")
TOOLS = ("bash", "cat", "cut", "dirname", "sha256sum")


@pytest.mark.parametrize(
    ("option", "sentence"), [("", "there is no Go here: install Go"), ("--cached", "run .ci/collector/build")]
)
def test_without_go_or_a_collector_the_remedy_is_named(tmp_path: Path, option: str, sentence: str) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        (tools / tool).symlink_to(found)
    environ = {"PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [str(tools / "bash"), BUILD, *([option] if option else [])]
    result = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_a_collector_that_was_built_is_not_built_again(tmp_path: Path, otelcol: Path) -> None:
    first = subprocess.run([BUILD, "--cached"], capture_output=True, text=True, check=False)
    if first.returncode:
        pytest.skip("the collector in use was not built here")
    assert subprocess.run([BUILD], capture_output=True, text=True, check=True).stdout == first.stdout

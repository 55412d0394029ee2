"""However a test is started, its write to production is blocked and recorded once. The table is in the docs."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end import ways

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.end_to_end.ways import Way
    from tests.harness import Child


def is_installed(name: str) -> bool:
    """Return if a way can be run here."""
    try:
        return not name or find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.shown)
def test_the_write_is_blocked_and_recorded_once(child: Child, plane: FakePlane, way: Way) -> None:
    if not is_installed(way.needs):
        pytest.skip(f"{way.needs} is not installed")
    if "--disable-plugin-autoload" in way.command and pytest.version_tuple < (8, 4):
        pytest.skip("pytest 8.4 introduced the option")
    for name, text in ways.FILES.items():
        child.write(name, text)
    python = Path(sys.executable)
    command = way.command.format(py=python, bin=python.parent).replace("OURS_OFF", ways.OURS_OFF)
    result = child.run(["bash", "-c", command])
    said = result.stdout[-2000:] + result.stderr[-2000:]

    assert plane.writes == [], said
    assert [row.reason for row in child.decisions()] == ["opt-in-disabled"] * way.writes, said
    assert way.evidence in {session.evidence for session in child.sessions()}, said


def test_the_docs_list_every_way() -> None:
    assert ways.PAGE.read_text(encoding="utf-8") == ways.page(), "run python -m tests.end_to_end.ways"

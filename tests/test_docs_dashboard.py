"""docs/dashboard.md says what the pages do: parameters of the address, groupings, pictures."""

from __future__ import annotations

import re

from plane_guard_dashboard.link_templates import VARIABLES
from plane_guard_dashboard.views import attempts, decision, filters, one_run, runs, timeline
from plane_guard_dashboard.views.period import PRESETS
from tests.docs_blocks import ROOT, links

PAGE = ROOT / "docs" / "dashboard.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| `")]
OWN = {
    *("live", attempts.BY, attempts.GROUP, runs.INSPECT, one_run.AGAINST, decision.ID),
    *(timeline.PART, timeline.SANDBOX),
}


def code(cell: str) -> list[str]:
    """The code spans of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def meaning(name: str) -> list[str]:
    """What the table says a parameter may be."""
    return next(code(row[2]) for row in ROWS if name in code(row[0]))


def test_every_parameter_of_the_address_is_in_the_table_and_no_other() -> None:
    assert {name for row in ROWS for name in code(row[0])} == {*filters.KEYS, *OWN}


def test_the_values_of_a_parameter_are_those_that_there_are() -> None:
    assert meaning(filters.RANGE) == [name for name in PRESETS if name != "all"]
    assert meaning(attempts.BY) == [*attempts.GROUPINGS, attempts.DECISION]


def test_the_variables_of_links_are_named() -> None:
    assert [name for name in VARIABLES.values() if f"`{name}`" not in TEXT] == []


def test_every_picture_is_shown_and_small() -> None:
    pictures = {file.name: file.stat().st_size for file in (ROOT / "docs" / "screenshots").glob("*.png")}
    assert {target.rpartition("/")[2] for target in links(PAGE) if target.endswith(".png")} == set(pictures)
    assert all(size < 200_000 for size in pictures.values())

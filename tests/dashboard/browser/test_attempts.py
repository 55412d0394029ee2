"""Attempts in a real browser: a group is in the address, and its occurrences lead to a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard.browser.driving import choose, grid, heading, path, query, settle, tick, visit, wait_for_query
from tests.dashboard.evidence import decision, session, write
from tests.dashboard.pages.single import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

ALL = "Attempts, grouped by "
OCCURRENCES = "The latest decisions of this group"


@pytest.mark.parametrize("by", ["test", "project", "caller"])
def test_the_grouping_comes_from_the_address_and_goes_there(
    page: Page, dashboard: Callable[[Path], str], past: Path, by: str
) -> None:
    url = dashboard(past)
    visit(page, url, "/attempts", {"by": by})
    grid(page, ALL + by).wait_for()
    wait_for_query(page, {"by": [by]})
    page.get_by_test_id("stButtonGroup").get_by_text("issue").click()
    grid(page, ALL + "issue").wait_for()
    settle(page)
    wait_for_query(page, {})
    page.get_by_test_id("stButtonGroup").get_by_text(by).click()
    grid(page, ALL + by).wait_for()
    page.wait_for_url(f"**/attempts?by={by}")


def test_a_row_leads_to_its_occurrences_and_one_of_them_to_its_decision(
    page: Page, dashboard: Callable[[Path], str], past: Path
) -> None:
    visit(page, dashboard(past), "/attempts", {"by": "test"})
    tick(page, ALL + "test", 1)
    grid(page, OCCURRENCES).wait_for()
    settle(page)
    chosen = query(page)
    assert set(chosen) == {"by", "group"}
    page.reload()
    grid(page, OCCURRENCES).wait_for()
    settle(page)
    wait_for_query(page, chosen)
    tick(page, OCCURRENCES)
    page.wait_for_url("**/decision?**")
    page.get_by_role("heading", name="How to fix it").wait_for()
    assert path(page) == "/decision"
    assert set(query(page)) == {"id"}


def test_all_groups_are_one_click_away(page: Page, dashboard: Callable[[Path], str], past: Path) -> None:
    visit(page, dashboard(past), "/attempts")
    tick(page, ALL + "issue")
    page.get_by_role("button", name="All issues").click()
    grid(page, ALL + "issue").wait_for()
    settle(page)
    wait_for_query(page, {})
    assert heading(page) == "Attempts"


def test_a_value_can_be_filtered_by(page: Page, dashboard: Callable[[Path], str], past: Path) -> None:
    visit(page, dashboard(past), "/attempts")
    choose(page, ALL + "issue", 560)
    page.get_by_role("button", name="Only this operation").click()
    page.wait_for_url("**/attempts?op=*")
    settle(page)
    assert len(query(page)["op"]) == 1


def test_what_traces_say_is_never_obeyed(page: Page, dashboard: Callable[[Path], str], tmp_path: Path) -> None:
    names = ("test.case.name", "plane_guard.op", "plane_guard.project.id", "plane_guard.decision.reason")
    spans = [decision(dict.fromkeys(names, words)) for words in HOSTILE]
    write(tmp_path / "a.jsonl", session(), *spans)
    visit(page, dashboard(tmp_path), "/attempts")
    grid(page, ALL + "issue").wait_for()
    tick(page, ALL + "issue", 3)
    grid(page, OCCURRENCES).wait_for()
    settle(page)
    main = page.get_by_test_id("stMain")
    assert main.locator("script, img[src=x], a[href^=javascript], .katex").count() == 0


@pytest.mark.parametrize("width", [800, 1280])
def test_nothing_runs_out_of_the_window(page: Page, dashboard: Callable[[Path], str], past: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, dashboard(past), "/attempts")
    grid(page, ALL + "issue").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

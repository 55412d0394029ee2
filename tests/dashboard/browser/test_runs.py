"""Runs in a real browser: the link of a CI job summary shows one run against the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.driving import grid, path, query, settle, tick, visit, wait_for_query
from tests.dashboard.evidence import write
from tests.dashboard.pages.traced import days

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

ALL = "Runs, the latest first"
ISSUES = "Attempts of this run and the previous one"
TRIED = "The latest attempts of this run"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write(folder / "a.jsonl", *days())
    return folder


def test_a_link_to_a_run_shows_it_against_the_one_before(
    page: Page, dashboard: Callable[[Path], str], runs: Path
) -> None:
    visit(page, dashboard(runs), "/runs", {"inspect": "run-5-main"})
    page.get_by_role("heading", name="14 attempts to write to production, all blocked").wait_for()
    expect(page.get_by_text("1 new, 1 repeated, 0 absent")).to_have_count(1)
    expect(page.get_by_text("plane-guard report --run run-5-main")).to_have_count(1)
    assert page.get_by_role("link", name="Open the pipeline").get_attribute("href") == "https://ci.example/runs/5"
    page.reload()
    grid(page, ISSUES).wait_for()
    settle(page)
    wait_for_query(page, {"inspect": ["run-5-main"]})


def test_a_row_leads_to_its_run_and_back(page: Page, dashboard: Callable[[Path], str], runs: Path) -> None:
    visit(page, dashboard(runs), "/runs")
    tick(page, ALL, 2)
    grid(page, ISSUES).wait_for()
    settle(page)
    wait_for_query(page, {"inspect": ["run-4-main"]})
    page.get_by_role("button", name="All runs").click()
    grid(page, ALL).wait_for()
    settle(page)
    wait_for_query(page, {})


@pytest.mark.parametrize(("name", "page_name"), [(ISSUES, "/attempts"), (TRIED, "/decision")])
def test_what_a_run_did_leads_on(
    page: Page, dashboard: Callable[[Path], str], runs: Path, name: str, page_name: str
) -> None:
    visit(page, dashboard(runs), "/runs", {"inspect": "run-5-main"})
    tick(page, name)
    page.wait_for_url(f"**{page_name}?**")
    settle(page)
    assert path(page) == page_name
    assert set(query(page)) == {"group" if name == ISSUES else "id"}


@pytest.mark.parametrize("width", [800, 1280])
def test_nothing_runs_out_of_the_window(page: Page, dashboard: Callable[[Path], str], runs: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, dashboard(runs), "/runs", {"inspect": "run-5-main"})
    grid(page, TRIED).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    labels = page.locator("[data-testid=stMetricLabel] p")
    assert labels.evaluate_all("all => all.every(label => label.scrollWidth <= label.clientWidth)")

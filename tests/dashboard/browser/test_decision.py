"""A decision in a real browser: found by its link, with the trace around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.driving import grid, heading, open_row, settle, visit, wait_for_query
from tests.dashboard.evidence import decision, session, write
from tests.dashboard.pages.single import HOSTILE
from tests.dashboard.pages.traced import traced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

TRACE = "The trace of the decision"
ID = "a decision/with?odd&letters=1"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    write(folder / "a.jsonl", session(), *traced({"plane_guard.decision.id": ID}), decision())
    return folder


def test_the_link_on_the_page_leads_to_the_page(page: Page, dashboard: Callable[[Path], str], one: Path) -> None:
    url = dashboard(one)
    visit(page, url, "/decision", {"id": ID})
    told = heading(page)
    assert told.startswith("Blocked: moving a work item to another state")
    page.get_by_role("heading", name="Share").wait_for()
    link = page.get_by_test_id("stCode").filter(has_text="/decision?id=").inner_text()
    assert link.startswith(url)
    page.goto(link.strip())
    page.get_by_role("heading", name=told).wait_for()
    settle(page)
    wait_for_query(page, {"id": [ID]})


def test_the_trace_around_it_is_a_waterfall(page: Page, dashboard: Callable[[Path], str], one: Path) -> None:
    visit(page, dashboard(one), "/decision", {"id": ID})
    chart = page.get_by_test_id("stVegaLiteChart")
    chart.wait_for()
    expect(page.get_by_text("5 spans in this trace.")).to_have_count(1)
    box = chart.bounding_box()
    assert box is not None
    assert box["height"] > 5 * 30
    page.get_by_text("The same as a table").click()
    grid(page, TRACE).wait_for()
    for name in ("· · SELECT stage", "· · · ▶ plane_guard.decision"):
        grid(page, TRACE).locator("td", has_text=name).wait_for()


def test_the_raw_span_is_on_the_page(page: Page, dashboard: Callable[[Path], str], one: Path) -> None:
    visit(page, dashboard(one), "/decision", {"id": ID})
    page.get_by_text("The raw span").click()
    page.get_by_text('"plane_guard.decision.reason"').first.wait_for()


def test_without_an_id_one_can_be_chosen(page: Page, dashboard: Callable[[Path], str], one: Path) -> None:
    visit(page, dashboard(one), "/decision")
    open_row(page, "The latest attempts")
    page.wait_for_url("**/decision?id=*")
    page.get_by_role("heading", name="How to fix it").wait_for()


def test_another_decision_of_the_test_is_one_click_away(
    page: Page, dashboard: Callable[[Path], str], one: Path
) -> None:
    visit(page, dashboard(one), "/decision", {"id": ID})
    open_row(page, "Other decisions of the same test in the same run")
    page.wait_for_url("**/decision?id=decision-*")
    page.get_by_text("No other span of this trace was collected").wait_for()


def test_what_traces_say_is_never_obeyed(page: Page, dashboard: Callable[[Path], str], tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    names = ("test.case.name", "plane_guard.op", "plane_guard.work_item.key", "plane_guard.decision.reason")
    for number, words in enumerate(HOSTILE[:2]):
        changes = dict.fromkeys(names, words) | {"plane_guard.decision.id": f"{number}"}
        write(tmp_path / "a.jsonl", *traced(changes, root=words))
    for number in range(2):
        visit(page, dashboard(tmp_path), "/decision", {"id": f"{number}"})
        page.get_by_role("heading", name="Share").wait_for()
        page.get_by_test_id("stVegaLiteChart").wait_for()
        main = page.get_by_test_id("stMain")
        assert main.locator("script, img[src=x], a[href^=javascript], .katex").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

"""Every view is an address: it can be opened, reloaded, sent, and kept from page to page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard.browser.driving import choose, heading, path, query, settle, tick, visit, wait_for_query

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

TEST = "tests/test_comments.py::test_says_thanks"
LAST = "The latest attempts"
FILTERS: tuple[dict[str, list[str]], ...] = (
    {"range": ["30d"]},
    {"from": ["2026-01-01T00:00"], "until": ["2099-01-01T00:00"]},
    {"verdict": ["blocked", "expected block"]},
    {"target": ["prod"]},
    {"project": ["11111111-1111-4111-8111-111111111111"]},
    {"op": ["comment", "state"]},
    {"reason": ["opt-in-disabled"]},
    {"service": ["notifier"]},
    {"run": ["run-03"]},
    {"branch": ["feature/rename-stages"]},
    {"test": [TEST]},
    {"contains": ["stage"]},
    {"origin": ["demo"]},
    {"issue": ["0123456789ab"]},
    {"without": ["op:comment", f"test:{TEST}"]},
    {"reason": ["nobody knows :red[this] <b>&amp;</b>"]},
)


@pytest.mark.parametrize("chosen", FILTERS, ids="-".join)
def test_a_filter_in_the_address_is_used_and_stays(
    page: Page, dashboard: Callable[[Path], str], past: Path, chosen: dict[str, list[str]]
) -> None:
    visit(page, dashboard(past), query=chosen)
    told = page.get_by_text("Filtered by").inner_text()
    assert all(value in told for values in chosen.values() for value in values)
    page.get_by_role("link", name="Data").click()
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    wait_for_query(page, chosen)
    settle(page)
    page.reload()
    settle(page)
    assert page.get_by_text("Filtered by").inner_text() == told
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text("Filtered by").wait_for(state="hidden")
    wait_for_query(page, {})


def test_a_value_that_is_chosen_is_in_the_address(page: Page, dashboard: Callable[[Path], str], past: Path) -> None:
    visit(page, dashboard(past))
    page.get_by_role("combobox", name="Verdict").click()
    page.get_by_role("option", name="expected block").click()
    page.get_by_text("Filtered by").wait_for()
    wait_for_query(page, {"verdict": ["expected block"]})


def test_the_way_to_a_decision_keeps_the_filters_and_leads_back(
    page: Page, dashboard: Callable[[Path], str], past: Path
) -> None:
    visit(page, dashboard(past), query={"target": "prod"})
    told = heading(page)
    tick(page, LAST)
    page.wait_for_url("**/decision?**")
    settle(page)
    assert set(query(page)) == {"id", "target"}
    assert heading(page).startswith("Blocked")
    page.go_back()
    page.get_by_role("heading", name=told).wait_for()
    settle(page)
    assert path(page) == "/"


def test_a_cell_narrows_the_view(page: Page, dashboard: Callable[[Path], str], past: Path) -> None:
    visit(page, dashboard(past))
    choose(page, LAST, 250)
    page.get_by_role("button", name="Without this test").click()
    page.get_by_text("Filtered by").wait_for()
    settle(page)
    (left_out,) = query(page)["without"]
    assert left_out.startswith("test:tests/test_cleanup.py::")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_a_page_of_another_name_gets_no_data(dashboard: Callable[[Path], str], past: Path, host: str) -> None:
    assert _handshake(dashboard(past), host) == 403
    assert _handshake(dashboard(past), "localhost") == 101


def _handshake(url: str, host: str) -> int:
    """The status with which the server answers a browser that was led here under another name (DNS rebinding)."""
    import http.client
    from urllib.parse import urlsplit

    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    headers = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    try:
        connection.putrequest("GET", "/_stcore/stream", skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()

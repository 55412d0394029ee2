"""Every view is an address: it can be opened, reloaded, sent, and kept from page to page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard.browser.driving import settle, visit, wait_for_query

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

TEST = "tests/test_comments.py::test_says_thanks"
FILTERS: dict[str, list[str]] = {
    "contains": ["test"],
    "range": ["30d"],
    "from": ["2026-01-01T00:00"],
    "until": ["2099-01-01T00:00"],
    "verdict": ["blocked", "expected block"],
    "project": ["11111111-1111-4111-8111-111111111111"],
    "op": ["comment", "state"],
    "test": [TEST],
    "origin": ["any"],
    "without": ["op:link", "reason:nobody knows :red[this] <b>&amp;</b>"],
}


def test_every_filter_is_in_the_address_and_stays_from_page_to_page(
    page: Page, dashboard: Callable[[Path], str], past: Path
) -> None:
    visit(page, dashboard(past), query=FILTERS)
    used = page.get_by_role("group", name="Filters in use")
    told = used.inner_text()
    assert all(value in told for values in FILTERS.values() for value in values)
    page.get_by_role("link", name="Attempts", exact=True).click()
    page.get_by_role("heading", name="Attempts", exact=True).wait_for()
    wait_for_query(page, FILTERS)
    settle(page)
    page.reload()
    settle(page)
    assert used.inner_text() == told
    used.get_by_role("link", name="Clear all").click()
    used.wait_for(state="hidden")
    wait_for_query(page, {})
    page.go_back()
    used.wait_for()
    wait_for_query(page, FILTERS)


def test_a_value_a_search_and_a_menu_go_into_the_address(
    page: Page, dashboard: Callable[[Path], str], past: Path
) -> None:
    visit(page, dashboard(past), "/attempts")
    page.get_by_role("group", name="Verdict").get_by_role("link", name="expected block").click()
    wait_for_query(page, {"verdict": ["expected block"]})
    settle(page)
    page.get_by_role("searchbox", name="Search").fill("thanks")
    page.keyboard.press("Enter")
    wait_for_query(page, {"verdict": ["expected block"], "contains": ["thanks"]})
    settle(page)
    page.get_by_text("More filters").click()
    page.get_by_role("combobox", name="Branch").select_option("main")
    wait_for_query(page, {"verdict": ["expected block"], "contains": ["thanks"], "branch": ["main"]})


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

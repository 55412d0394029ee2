"""Drive the dashboard: open, wait until it stands still, read, open a row."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playwright.sync_api import Locator, Page

MILLISECONDS_TO_START = 150
Query = dict[str, list[str]]


def visit(page: Page, url: str, path: str = "/", query: Mapping[str, str | Sequence[str]] | None = None) -> None:
    """Open a page and wait until it is drawn."""
    page.goto(f"{url}{path}{'?' + urlencode(query, doseq=True) if query else ''}")
    settle(page)


def settle(page: Page) -> None:
    """Wait until there is a page and the server is done with it."""
    page.locator("h1").first.wait_for()
    for _ in range(2):  # what a script did last may start it again
        page.wait_for_timeout(MILLISECONDS_TO_START)
        page.wait_for_function(
            "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
            " && !document.querySelector('[data-stale=true]')"
        )


def wait_for_query(page: Page, expected: Query) -> None:
    """Wait until this is in the address bar, and nothing else."""
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == expected)


def query(page: Page) -> Query:
    """The query in the address bar."""
    return parse_qs(urlsplit(page.url).query)


def path(page: Page) -> str:
    """The path in the address bar."""
    return urlsplit(page.url).path


def heading(page: Page) -> str:
    """The title."""
    return page.locator("h1").first.inner_text()


def grid(page: Page, name: str) -> Locator:
    """A table by its accessible name."""
    return page.get_by_role("table", name=name, exact=True)


def row(page: Page, name: str, number: int = 0) -> Locator:
    """A row of a table."""
    return grid(page, name).locator("tbody tr").nth(number)


def open_row(page: Page, name: str, number: int = 0) -> None:
    """Click on a row, beside its link."""
    row(page, name, number).locator("td").nth(1).click()

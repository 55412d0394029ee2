"""The data page in a real browser."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.dashboard.browser.driving import grid, visit
from tests.dashboard.evidence import decision, session, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page


def test_every_part_of_the_account_is_there(page: Page, dashboard: Callable[[Path], str], past: Path) -> None:
    visit(page, dashboard(past), "/data")
    headings = page.locator("h2").all_inner_texts()
    assert headings[:2] == ["Sources", "Bad lines"]
    assert len(headings) == 6
    expect(grid(page, "What is read")).to_have_count(1)


def test_a_bad_line_is_shown_and_taken_along_as_csv(
    page: Page, dashboard: Callable[[Path], str], tmp_path: Path
) -> None:
    write(tmp_path / "a.jsonl", session(), decision())
    (tmp_path / "=b.jsonl").write_bytes(b"garbage\n")
    visit(page, dashboard(tmp_path), "/data")
    page.get_by_text("1 line and 0 files could not be read").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").nth(1).click()
    assert download.value.suggested_filename == "plane-guard-bad.csv"
    with download.value.path().open(encoding="utf-8", newline="") as file:
        headings, cells = csv.reader(file)
    assert headings == ["File", "Byte", "Why"]
    assert cells[:2] == ["'=b.jsonl", "0"]

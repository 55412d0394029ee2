"""Takes the pictures of the docs anew: the real dashboard on the evidence of some days, a page per picture.

python -m tests.dashboard.browser.screenshots
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.dashboard.browser.driving import settle, visit
from tests.dashboard.browser.serving import past, start
from tests.dashboard.evidence import SECOND, decision, resource, session, write
from tests.dashboard.pages.traced import traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser

PICTURES = Path(__file__).parents[3] / "docs" / "screenshots"
SHOWN = "3f2a9c41d7e84b06a5c2f1908e6d7b34"
RUN = "8c1f5b2e"
TEST = "tests/test_stage.py::test_moves_to_done"
NEWEST = "tests/test_notes.py::test_tells_the_reporter"
WIDTH, HEIGHT = 1280, 900
JOB = {
    "vcs.ref.head.name": "main",
    "vcs.ref.head.revision": "6b1f" * 10,
    "vcs.repository.name": "orchestrator-wt-3",
    "vcs.repository.url.full": "https://github.com/acme/orchestrator",
    "cicd.pipeline.run.id": "412",
    "cicd.pipeline.task.name": "unit",
    "cicd.pipeline.run.url.full": "https://github.com/acme/orchestrator/actions/runs/412",
}
LEAK = {"plane_guard.decision.outcome": "allow", "test.case.name": "tests/test_notes.py::test_thanks_everybody"}
MILLISECONDS_TO_DRAW = 1_000

# By the name of the picture: the page, what its address says, and the colours.
TAKEN: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    "overview": ("/", {}, "light"),
    "overview-dark": ("/", {}, "dark"),
    "attempts": ("/attempts", {}, "light"),
    "runs": ("/runs", {"inspect": RUN}, "light"),
    "decision": ("/decision", {"id": SHOWN}, "light"),
    "data": ("/data", {}, "light"),
}


def evidence(folder: Path, elsewhere: Path) -> Path:
    """Evidence of some days; the last run but the demo has the spans of the code under test around a decision."""
    folder.mkdir(parents=True)
    past(folder, elsewhere)
    of = resource(RUN, "orchestrator", **JOB)
    at = time.time_ns() - 120 * SECOND
    changes: list[dict[str, str]] = [
        {"test.case.name": TEST, "plane_guard.decision.id": SHOWN},
        {"test.case.name": TEST},
        {"test.case.name": NEWEST, "plane_guard.op": "comment"},
    ]
    decisions = [
        traced(change, at=at + number * SECOND, of=of, root=change["test.case.name"])
        for number, change in enumerate(changes)
    ]
    leak = decision(LEAK, at=at - 3600 * SECOND, of=of)
    write(folder / "decisions-box-12.jsonl", session(at=at, of=of), *itertools.chain(*decisions), leak)
    return folder


@contextmanager
def dashboard() -> Iterator[str]:
    """The address of a dashboard on such evidence."""
    with tempfile.TemporaryDirectory(prefix="plane-guard-") as work:
        folder, cache = Path(work, "orchestrator", ".plane-guard"), Path(work, ".cache")
        cache.mkdir()
        url, child = start(evidence(folder, cache), cache)
        try:
            yield url
        finally:
            child.terminate()
            child.wait(10)


def take(browser: Browser, url: str, name: str) -> Path:
    """Take one picture."""
    path, query, colours = TAKEN[name]
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=colours)  # type: ignore[arg-type]
    visit(page, url, path, query)
    page.wait_for_timeout(MILLISECONDS_TO_DRAW)  # charts and grids are drawn after the page
    settle(page)
    picture = PICTURES / f"{name}.png"
    page.screenshot(path=picture)
    page.close()
    return picture


def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(exist_ok=True)
    with dashboard() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in TAKEN:
            picture = take(browser, url, name)
            print(f"{picture.name}: {picture.stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main()

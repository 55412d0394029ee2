"""The tasks of the person who was paged, counted in clicks, with the keyboard alone, and checked by axe-core."""

from __future__ import annotations

import itertools
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser.driving import grid, heading, open_row, path, query, row, settle, visit
from tests.dashboard.browser.serving import start
from tests.dashboard.evidence import SECOND, decision, resource, session, write
from tests.dashboard.history import history
from tests.dashboard.pages.single import HOSTILE
from tests.dashboard.pages.traced import traced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

TOP, LATEST, ALL = "Top attempts, new ones first", "The latest attempts", "Attempts, grouped by issue"
OCCURRENCES = "The latest decisions of this group"
LEAK, BLOCKED = "leak-0123456789abcdef", "3f2a9c41d7e84b06a5c2f1908e6d7b34"
TEST = "tests/integration/test_notes.py::test_tells_the_reporter"
JOB: dict[str, str] = {
    "vcs.ref.head.name": "topic",
    "vcs.ref.head.revision": "6b1f" * 10,
    "vcs.repository.name": "orchestrator-wt-3",
    "vcs.repository.url.full": "https://github.com/acme/orchestrator",
    "cicd.pipeline.run.id": "412",
    "cicd.pipeline.task.name": "unit",
    "cicd.pipeline.run.url.full": "https://github.com/acme/orchestrator/actions/runs/412",
}
RUN = "8c1f5b2e-3f2a-4b06-9d8e-000000000412"
PAGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("/", {}),
    ("/attempts", {}),
    ("/attempts", {"by": "decision", "op": "comment", "from": "yesterday", "sandbox": "1"}),
    ("/attempts", {"group": "first"}),
    ("/runs", {}),
    ("/runs", {"inspect": RUN}),
    ("/decision", {"id": BLOCKED}),
    ("/data", {}),
)
VIEWS = [*itertools.product((1440, 1280, 390), ("light", "dark"))]
WITH_VIEWS = pytest.mark.parametrize(
    ("width", "scheme"),
    [pytest.param(*view, marks=() if view in (VIEWS[0], VIEWS[-1]) else pytest.mark.exhaustive) for view in VIEWS],
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on evidence of some days, whose newest run comes from a CI job and has a write that got through."""
    work = tmp_path_factory.mktemp("tasks")
    folder, elsewhere = work / "traces", work / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    history(folder)
    write(folder / "decisions-box-12.jsonl", *_newest(time.time_ns() - 30 * SECOND))
    known = {"PLANE_GUARD_KNOWN_FILE": str(elsewhere / "plane-guard-known.toml")}
    address, child = start(folder, elsewhere, **known)
    yield address
    child.terminate()
    child.wait(10)


def _newest(at: int) -> list[Any]:
    of = resource(RUN, "orchestrator", **JOB)
    new = {"plane_guard.decision.id": BLOCKED, "test.case.name": TEST, "plane_guard.op": "comment"}
    name = {"plane_guard.project.name": "ORCH (production)"}
    leak = {"plane_guard.decision.id": LEAK, "plane_guard.decision.outcome": "allow"}
    return [session(at=at, of=of), *traced(new | name, at=at, of=of), decision(leak | name, at=at, of=of)]


@pytest.fixture
def shared(chromium: Browser) -> Iterator[Page]:
    """A tab that may use the clipboard."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Asia/Tokyo")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    yield tab
    context.close()


def line(page: Page) -> Locator:
    """The group of the newest test."""
    return grid(page, TOP).locator("tbody tr", has_text=TEST.rpartition("::")[2])


def torn_names(page: Page) -> object:
    """The parts of names in tables that go on in another line."""
    return page.locator("td b").evaluate_all("""names => names.flatMap(name => {
        const texts = document.createTreeWalker(name, NodeFilter.SHOW_TEXT), torn = [];
        while (texts.nextNode()) {
            const range = document.createRange();
            for (const part of texts.currentNode.data.matchAll(/[^_]+/g)) {
                range.setStart(texts.currentNode, part.index);
                range.setEnd(texts.currentNode, part.index + part[0].length);
                if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) torn.push(part[0]);
            }
        }
        return torn;
    })""")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_who_from_where_and_since_when_need_no_click(shared: Page, url: str) -> None:
    visit(shared, url)
    assert shared.title() == "‼ 1 got through · Overview · plane-guard"
    assert heading(shared) == "1 write to production got through"
    card = shared.get_by_role("region", name="Incident").inner_text()
    for fact in ("ORCH-114", "test_moves_to_done", "topic", "orchestrator-wt-3", "CI 412 / unit", "ORCH (production)"):
        assert fact in card
    newest = line(shared).inner_text()
    for fact in ("NEW", "test_tells_the_reporter", "topic · orchestrator-wt-3 · box", "CI 412 / unit", "ago"):
        assert fact in newest
    assert row(shared, TOP, 0).get_attribute("class") == "opens leak"
    when = shared.get_by_role("region", name="Incident").locator("time").first
    local, utc = (when.get_attribute("title") or "").split("\n")
    assert local.removesuffix(" local time") == when.inner_text()
    assert utc.removesuffix(" UTC") != local.removesuffix(" local time")  # Tokyo is nine hours ahead
    assert torn_names(shared) == []


def test_any_other_group_is_one_click_away_and_back_one_press(shared: Page, url: str) -> None:
    visit(shared, url, query={"op": "comment"})
    told = heading(shared)
    line(shared).locator("td").nth(1).click()
    shared.get_by_role("region", name="The newest attempt of this group").wait_for()
    settle(shared)
    assert (path(shared), set(query(shared))) == ("/attempts", {"group", "op"})
    group = query(shared)
    open_row(shared, OCCURRENCES)
    shared.wait_for_url("**/decision?**")
    settle(shared)
    assert set(query(shared)) == {"id", "op"}
    shared.go_back()
    grid(shared, OCCURRENCES).wait_for()
    settle(shared)
    assert (path(shared), query(shared)) == ("/attempts", group)
    shared.go_back()
    shared.get_by_role("heading", name=told).wait_for()
    settle(shared)
    assert (path(shared), query(shared)) == ("/", {"op": ["comment"]})


def test_the_fix_is_on_the_clipboard_after_two_clicks(shared: Page, url: str) -> None:
    visit(shared, url)
    blocked = grid(shared, LATEST).locator("tbody tr", has_text="✖ blocked").first
    blocked.locator("td").nth(1).click()  # first click
    shared.wait_for_url("**/decision?**")
    shared.get_by_role("button", name="Copy: Command").click()  # second click
    assert clipboard(shared).startswith("plane-guard fix tests/")
    visit(shared, url)
    line(shared).get_by_role("button").click()
    assert clipboard(shared) == f"plane-guard fix {TEST}"


def test_an_id_is_short_and_copied_in_full(shared: Page, url: str) -> None:
    visit(shared, url)
    commit = shared.get_by_role("region", name="Incident").locator(".command", has_text="6b1f").first
    commit.get_by_role("button").click()
    assert clipboard(shared) == JOB["vcs.ref.head.revision"]
    box = commit.locator(".id").bounding_box()
    assert box is not None
    assert box["width"] < 150


def test_everything_about_a_work_item_takes_one_click_after_typing_it(shared: Page, url: str) -> None:
    visit(shared, url, "/attempts")
    assert torn_names(shared) == []
    shared.get_by_role("searchbox", name="Search").fill("ORCH-114")
    shared.get_by_role("button", name="Apply").click()
    shared.wait_for_url("**contains=ORCH-114")
    settle(shared)
    expect(shared.get_by_text("1 write got through").first).to_be_visible()
    visit(shared, url, "/attempts", {"contains": "no such thing"})
    expect(shared.get_by_text("No decision matches these filters")).to_be_visible()


def test_a_group_is_acknowledged_with_two_clicks(shared: Page, url: str) -> None:
    visit(shared, url)
    grid(shared, TOP).locator("tbody tr", has_text="ongoing").first.locator("td").nth(1).click()  # first click
    shared.get_by_role("button", name="Acknowledge").click()  # second click
    shared.get_by_text("Acknowledged until").wait_for()
    shared.go_back()
    grid(shared, TOP).get_by_text("☑ known").wait_for()


def test_every_task_works_with_the_keyboard_alone(shared: Page, url: str) -> None:
    visit(shared, url)
    _tab_to(shared, "a", f"✱ NEW, {TEST}")
    shared.keyboard.press("Enter")
    shared.wait_for_url("**group=**")
    grid(shared, OCCURRENCES).wait_for()
    settle(shared)
    _tab_to(shared, "button", "Acknowledge")
    _tab_to(shared, "a", f"✖ blocked, {TEST}")
    shared.keyboard.press("Enter")
    shared.wait_for_url("**/decision?**")
    shared.get_by_role("heading", name="How to fix it").wait_for()
    settle(shared)
    _tab_to(shared, "button", "Copy: Command")
    shared.keyboard.press("Enter")
    shared.wait_for_timeout(200)
    assert clipboard(shared) == f"plane-guard fix {TEST}"


def _tab_to(page: Page, name: str, text: str) -> None:
    focused = """() => {
        let found = document.activeElement;
        while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
        return [found.localName, `${found.textContent} ${found.getAttribute("aria-label") || ""}`];
    }"""
    for _ in range(150):
        page.keyboard.press("Tab")
        kind, said = page.evaluate(focused)
        if kind == name and text in said:
            return
    pytest.fail(f"no {name} {text!r} can be reached with Tab")


@WITH_VIEWS
def test_axe_finds_no_violation_and_nothing_runs_out_of_the_window(
    shared: Page, url: str, width: int, scheme: str
) -> None:
    script = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    shared.set_viewport_size({"width": width, "height": 900})
    shared.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    labels = shared.locator("[data-testid=stMetricLabel] .stMarkdownEllipsis")
    titles = set()
    for place, parameters in PAGES:
        if "group" in parameters:
            visit(shared, url, place)
            grid(shared, ALL).locator("a.open").first.click()
            grid(shared, OCCURRENCES).wait_for()
            settle(shared)
        else:
            visit(shared, url, place, parameters)
        shared.wait_for_timeout(500)
        shared.evaluate(script)
        found = shared.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == [], (place, parameters)
        wide = "[...document.querySelectorAll('[data-testid=stMain]')].every(one => one.scrollWidth <= one.clientWidth)"
        assert shared.evaluate(wide), (place, parameters)
        assert labels.evaluate_all("all => all.every(label => label.scrollWidth <= label.clientWidth)"), place
        titles.add(shared.title())
    assert len(titles) == len({place for place, _ in PAGES})
    background = shared.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 31)"}[scheme]


def test_what_traces_say_is_never_obeyed(page: Page, chromium: Browser, tmp_path: Path) -> None:
    del chromium
    names = ("test.case.name", "plane_guard.op", "plane_guard.project.id", "plane_guard.decision.reason")
    folder, elsewhere = tmp_path / "traces", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    for number, words in enumerate(HOSTILE):
        of = resource(words, **{"vcs.ref.head.name": words, "cicd.pipeline.run.url.full": words})
        own = {"plane_guard.decision.id": f"{number}"}
        write(folder / "a.jsonl", *traced(dict.fromkeys(names, words) | own, at=time.time_ns(), of=of, root=words))
    address, child = start(folder, elsewhere)
    try:
        for place, parameters in (("/", {}), ("/attempts", {}), ("/runs", {}), ("/decision", {"id": "1"})):
            visit(page, address, place, parameters)
            main = page.get_by_test_id("stMain")
            assert main.locator("script, img[src=x], a[href^=javascript], .katex").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.goto("about:blank")  # a page whose server ends reports an error
    finally:
        child.terminate()
        child.wait(10)

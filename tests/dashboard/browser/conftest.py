"""A real dashboard and a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.browser import serving

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

MILLISECONDS_TO_WAIT = 30_000
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a file, for which evil.example is this machine.

    While it is open, no other test of this process can start an event loop.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs: pip install playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty tab. What is opened in it may ask nobody else for anything, and may report no error."""
    complaints: list[str] = []
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(MILLISECONDS_TO_WAIT)
    tab.on("console", lambda message: complaints.extend(_error(message)))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: complaints.extend(_foreign(request)))
    yield tab
    tab.close()
    assert not complaints


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Serves the evidence of a folder and returns the address; once per folder."""
    served: dict[Path, tuple[str, subprocess.Popen[bytes]]] = {}

    def serve(folder: Path) -> str:
        if folder not in served:
            served[folder] = serving.start(folder, tmp_path_factory.mktemp("elsewhere"))
        return served[folder][0]

    yield serve
    for _, child in served.values():
        child.terminate()
        child.wait(10)


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence of some days, and one run of `plane-guard demo`. Tests do not change it."""
    return serving.past(tmp_path_factory.mktemp("past"), tmp_path_factory.mktemp("cache"))


def _error(message: ConsoleMessage) -> list[str]:
    # On an address below the root Streamlit's script first asks there where its server is, and then at the root.
    asks_for_server = "/_stcore/" in message.location.get("url", "")
    return [message.text] if message.type == "error" and not asks_for_server else []


def _foreign(request: Request) -> list[str]:
    here = request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))
    return [] if here else [f"asked {request.url}"]

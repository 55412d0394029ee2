"""The pages of the dashboard on a month of evidence: drawn again, drawn with another filter, and left open.

A page is the whole app, as Streamlit's own test driver runs it; nothing is subtracted.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import environments, trace_lines
from benchmarks.registry import Effort, Figure, folder, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser
    from streamlit.testing.v1 import AppTest

_DECISIONS = (1_000_000, 20_000)
_PAGES = ("overview", "attempts", "runs", "decision", "data")
_OPEN = 10
_ROUNDS = (25, 5)
_SECONDS_TO_READ = 900
_spellings = map("".join, product(*({letter, letter.upper()} for letter in "test_case_1")))
_SECONDS_TO_SETTLE = 5
_SECONDS_TO_WATCH = 20


class Times(NamedTuple):
    """Seconds of the processor and seconds on the wall, run by run."""

    used: list[float]
    passed: list[float]

    @property
    def milliseconds(self) -> float:
        """Of the processor: the median."""
        return median(self.used) * 1e3

    def __str__(self) -> str:
        used, passed = (f"{median(one) * 1e3:.0f} (min {min(one) * 1e3:.0f})" for one in self)
        return f"{used}, clock {passed}"


@measure("a page drawn again, the slowest of five", against="an app of one line", goal=100, slip=900, unit="ms")
def drawn_again(effort: Effort) -> Figure:
    """Every answer is in the cache."""
    found = {name: _timed(_page(effort, name).run, effort) for name in _PAGES}
    return _slowest(found, _timed(_one_line().run, effort))


@measure("a filter changed, the slowest of five pages", against="that page drawn again", goal=600, slip=4000, unit="ms")
def another_filter(effort: Effort) -> Figure:
    """Change a filter: queries that depend on the filters are not in the cache."""
    found: dict[str, Times] = {}
    again: dict[str, Times] = {}
    for name in _PAGES:
        page = _page(effort, name)
        again[name] = _timed(page.run, effort)
        found[name] = _timed(_filtered(page), effort)
    return _slowest(found, again[_name_of_slowest(found)])


@measure("ten open pages that are live", against="one", goal=25, slip=25, unit="% of a core", short=False)
def left_open(effort: Effort) -> Figure:
    """The processor time of open pages while nothing new comes."""
    _month(effort)
    with _chromium() as browser, _server() as (address, process):
        one = _used(browser, address, process, 1)
        ten = _used(browser, address, process, _OPEN)
    return Figure(ten, f"{ten:.1f} %", f"{one:.1f} %")


def _month(effort: Effort) -> Path:
    """A folder of evidence that has been read; made once in a run, and gone at its end."""
    place = folder() / "pages"
    evidence, cache = place / "evidence", place / "cache"
    os.environ |= {"XDG_CACHE_HOME": str(cache), "PLANE_GUARD_TRACES": str(evidence)}
    if not evidence.exists():
        evidence.mkdir(parents=True)
        trace_lines.write(evidence / "traces.jsonl", effort.of(*_DECISIONS))
    return evidence


def _page(effort: Effort, name: str) -> AppTest:
    from streamlit.testing.v1 import AppTest

    import plane_guard_dashboard

    _month(effort)
    app = AppTest.from_file(Path(plane_guard_dashboard.__file__).with_name("app.py"), default_timeout=_SECONDS_TO_READ)
    app.switch_page(f"views/{name}.py")
    return _without_exception(app.run())


def _one_line() -> AppTest:
    from streamlit.testing.v1 import AppTest

    return AppTest.from_string("import streamlit as st; st.title('plane-guard')").run()


def _filtered(page: AppTest) -> Callable[[], object]:
    """Each call asks what none before it did, with as much to count: the same word, spelt otherwise."""

    def run() -> AppTest:
        page.query_params["contains"] = next(_spellings)
        return _without_exception(page.run())

    return run


def _without_exception(app: AppTest) -> AppTest:
    if app.exception:
        raise RuntimeError(app.exception[0].value)
    return app


def _timed(run: Callable[[], object], effort: Effort) -> Times:
    """After one run that does not count."""
    run()
    found = Times([], [])
    for _ in range(effort.of(*_ROUNDS)):
        used, passed = time.process_time(), time.perf_counter()
        run()
        found.used.append(time.process_time() - used)
        found.passed.append(time.perf_counter() - passed)
    return found


def _name_of_slowest(found: dict[str, Times]) -> str:
    return max(found, key=lambda name: found[name].milliseconds)


def _slowest(found: dict[str, Times], peer: Times) -> Figure:
    each = "; ".join(f"{name} {times}" for name, times in found.items())
    return Figure(found[_name_of_slowest(found)].milliseconds, f"{each} ms", f"{peer} ms")


@contextmanager
def _chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def _server() -> Iterator[tuple[str, int]]:
    """A dashboard on the month: its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    traces = ["--traces", os.environ["PLANE_GUARD_TRACES"], "--port", str(port)]
    command = [sys.executable, "-m", "plane_guard_dashboard", "dashboard", *traces]
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(command, cwd=folder(), env=environments.environ(), stdout=quiet, stderr=quiet)  # noqa: S603  our own command
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", child)
        yield f"http://127.0.0.1:{port}", child.pid
    finally:
        child.terminate()
        child.wait()


def _wait(address: str, child: subprocess.Popen[bytes]) -> None:
    while child.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  our own server
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the dashboard ended with exit code {child.returncode}")


def _used(browser: Browser, address: str, process: int, pages: int) -> float:
    """Percent of a core that the server uses for so many pages of one reader each, with nothing to do but to look."""
    contexts = [browser.new_context() for _ in range(pages)]
    for context in contexts:
        page = context.new_page()
        page.goto(address)
        page.locator("h1").first.wait_for(timeout=_SECONDS_TO_READ * 1e3)
    time.sleep(_SECONDS_TO_SETTLE)
    before, begin = _seconds_of(process), time.perf_counter()
    time.sleep(_SECONDS_TO_WATCH)
    used = (_seconds_of(process) - before) / (time.perf_counter() - begin)
    for context in contexts:
        context.close()
    return used * 100


def _seconds_of(process: int) -> float:
    import psutil  # type: ignore[import-untyped]

    root = psutil.Process(process)
    every: Sequence[psutil.Process] = [root, *root.children(recursive=True)]
    return float(sum(one.cpu_times().user + one.cpu_times().system for one in every))

"""Keep the pages up to date: all open pages share one refresh per second."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.evidence.traces import NoTracesError
from plane_guard_dashboard.store import open_engine
from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.blocks import block
from plane_guard_dashboard.views.filters import LIVE
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from plane_guard_dashboard.store import Engine
    from plane_guard_dashboard.views.view import View

    Found = Hashable | NoTracesError
    Show = Callable[[int, int], None]

OFF = "off"
SECONDS_BETWEEN_LOOKS = 1
SECONDS_BETWEEN_RERUNS = 2
SECONDS_UNTIL_AGES_ARE_OLD = 60
_FRESH = 0.5
_MOST_SECONDS_OF_OPTIONS = 30
_MOST_OPTIONS = 100
_DRAWN, _MARK, _COUNT, _ATTEMPTS = "_drawn", "_mark", "_count", "_attempts"


class Watch:
    """One source, read by one thread at a time for all pages."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = Lock()
        self._found: Found = None
        self._looked = 0.0
        self._progress = (0, 0)

    def look(self, show: Show | None = None) -> Found:
        """Return the generation of the data, or the reason why there is none. `show` receives the progress in bytes."""
        while not self._lock.acquire(timeout=0.2):
            if self._found is not None or show is None:
                return self._found
            show(*self._progress)
        try:
            if time.monotonic() - self._looked >= _FRESH:
                self._found = self._refresh(show)
                self._looked = time.monotonic()
            return self._found
        finally:
            self._lock.release()

    def _refresh(self, show: Show | None) -> Found:
        def progress(done: int, total: int) -> None:
            self._progress = (done, total)
            if show:
                show(done, total)

        try:
            return self.engine.refresh(progress)
        except NoTracesError as error:
            return error


@st.cache_resource(max_entries=2, show_spinner=False)
def watch_of(source: str) -> Watch:
    """Return the watch of a source. There is one per server."""
    return Watch(open_engine(source))


@st.cache_data(ttl=_MOST_SECONDS_OF_OPTIONS, max_entries=50, show_spinner=False)
def values(_engine: Engine, source: str, field: str) -> list[str]:  # noqa: ARG001 - part of the cache's key
    """Return the values of a field, most frequent first. New values may take half a minute to appear."""
    return [row["value"] for row in _engine.query(f"values_of_{field}", {"limit": _MOST_OPTIONS})]


def load(watch: Watch) -> Found:
    """Refresh, with a progress bar while there is much to read, and remember what this page shows."""
    place, begin = st.empty(), time.monotonic()

    def show(done: int, total: int) -> None:
        place.progress(
            min(1.0, done / total) if total else 0.0, text=progress_text(done, total, time.monotonic() - begin)
        )

    found = watch.look(show)
    place.empty()
    st.session_state[_MARK], st.session_state[_DRAWN] = _mark(found), time.monotonic()
    return found


def progress_text(done: int, total: int, seconds: float) -> str:
    """Return the progress of reading: percentage, size, and the time left."""
    if not total:
        return "Reading the traces …"
    left = f", about {seconds / done * (total - done):,.0f} s left" if done and seconds >= 1 else ""
    return f"Reading the traces: {done / total:.0%} of {total / 1e6:,.0f} MB{left}"


def switch(page: str) -> bool:
    """Show the switch of live updates, and return True if they are paused. The browser remembers it."""
    query = links.query()
    paused = query.get(LIVE) == [OFF]
    resumed = {name: values for name, values in query.items() if name != LIVE}
    addresses = {
        "on": links.with_query(page, resumed),
        "off": links.with_query(page, {**resumed, LIVE: [OFF]}),
    }
    block("live", "live", paused=paused, **addresses)
    return paused


def remember(view: View, page: str) -> str:
    """Remember the counts of the page, announce attempts that came since the last one, and return the tab's title."""
    scope, leaks = view.row("scope"), view.row("leaks")["prod_allowed"]
    before, new = st.session_state.get(_ATTEMPTS), 0
    counts = (view.filters, page, scope["prod_attempts"], leaks)
    if before is not None and before[:2] == counts[:2]:
        new = _toast(scope["prod_attempts"] - before[2], leaks - before[3])
    st.session_state[_ATTEMPTS] = counts
    st.session_state[_COUNT] = scope["decisions"]
    through = f"‼ {leaks:,} got through · " if leaks else ""
    return f"{f'({new:,} new) ' if new else ''}{through}{page} · plane-guard"


def _toast(attempts: int, leaks: int) -> int:
    if leaks > 0:
        st.toast(f"{plural(leaks, 'write')} to production got through", icon="🚨", duration="infinite")
    if attempts > 0:
        st.toast(f"{plural(attempts, 'new attempt')} on production", icon="🚨")
    return max(0, attempts) + max(0, leaks)


def tick(watch: Watch, view: View | None, title: str, *, live: bool) -> None:
    """Refresh while the page is open. Rerun the page if there is new data, or offer to."""
    found = watch.look()
    drawn = time.monotonic() - st.session_state.get(_DRAWN, 0)
    if _mark(found) == st.session_state.get(_MARK):
        if live and drawn >= SECONDS_UNTIL_AGES_ARE_OLD:
            st.rerun()
    elif view is None or isinstance(found, NoTracesError) or (live and drawn >= SECONDS_BETWEEN_RERUNS):
        st.rerun()
    elif not live:
        _announce(view, found, title)


follow = st.fragment(tick, run_every=SECONDS_BETWEEN_LOOKS)


def _announce(view: View, found: Hashable, title: str) -> None:
    new = replace(view, generation=found).row("scope")["decisions"] - st.session_state[_COUNT]
    if new > 0:
        st.set_page_config(page_title=f"({new:,} new) {title}")
    if new > 0 and st.button(f"{plural(new, 'new decision')}: show", key="show", icon=":material/refresh:"):
        st.rerun()


def _mark(found: Found) -> Hashable:
    return found.state if isinstance(found, NoTracesError) else found

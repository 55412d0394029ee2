"""The entry script of the dashboard: open the traces, draw the common parts, and route to a page."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streamlit as st

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.views import links, live
from plane_guard_dashboard.views.attempts import attempts
from plane_guard_dashboard.views.data import data
from plane_guard_dashboard.views.decision import decision
from plane_guard_dashboard.views.empty_states import nothing
from plane_guard_dashboard.views.filters import active, filters
from plane_guard_dashboard.views.live_toggle import switch
from plane_guard_dashboard.views.overview import overview
from plane_guard_dashboard.views.runs import runs
from plane_guard_dashboard.views.view import View

ICON = Path(__file__).with_name("icon.png")
PAGES = {"overview": overview, "attempts": attempts, "runs": runs, "decision": decision, "data": data}

st.set_page_config(page_title="plane-guard", page_icon=ICON, layout="wide")
st.logo(ICON, size="large")

source = traces.default_source(os.environ)
watch = live.watch_of(source)
generation = live.load(watch)
if isinstance(generation, traces.NoTracesError):
    nothing(generation)
    live.follow(watch, None, live=True)
else:
    now = datetime.now(UTC)
    above_the_filters = st.sidebar.container()
    view = View(
        source, watch.engine, generation, filters(partial(live.values, watch.engine, source), now), now
    ).without_demo()
    pages = {
        name: st.Page(partial(show, view), title=name.title(), url_path=name, default=show is overview)
        for name, show in PAGES.items()
    }
    links.register(pages)
    page = st.navigation(list(pages.values()))
    st.set_page_config(page_title=f"{page.title} · plane-guard")
    live.remember(view)
    live.follow(watch, view, live=page is pages["overview"] and switch(above_the_filters))
    active()
    try:
        page.run()
    except traces.NoTracesError as error:  # the source went away meanwhile
        nothing(error)

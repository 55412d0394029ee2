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
from plane_guard_dashboard.views.filters import chosen, kept
from plane_guard_dashboard.views.overview import overview
from plane_guard_dashboard.views.runs import runs
from plane_guard_dashboard.views.view import View

ICON = Path(__file__).with_name("icon.png")
STYLE = Path(__file__).parent / "views" / "browser" / "app.css"
SIDEBAR = 210  # pixels
PAGES = {"overview": overview, "attempts": attempts, "runs": runs, "decision": decision, "data": data}

st.set_page_config(page_title="plane-guard", page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR)
st.html(STYLE)
st.logo(ICON, size="large")

source = traces.default_source(os.environ)
watch = live.watch_of(source)
generation = live.load(watch)
if isinstance(generation, traces.NoTracesError):
    nothing(generation)
    live.follow(watch, None, "", live=True)
else:
    now = datetime.now(UTC)
    query = links.query()
    view = View(source, watch.engine, generation, chosen(query, now).filters, now).without_demo()
    pages = {
        name: st.Page(partial(show, view), title=name.title(), url_path=name, default=show is overview)
        for name, show in PAGES.items()
    }
    page = st.navigation(list(pages.values()), position="hidden")
    with st.sidebar:
        for name, target in pages.items():
            if name != "decision":  # it is reached from a row
                st.page_link(target, query_params=kept(query))
        paused = live.switch(page.url_path)
    title = live.remember(view, page.title)
    st.set_page_config(page_title=title)
    live.follow(watch, view, title, live=page is pages["overview"] and not paused)
    try:
        page.run()
    except traces.NoTracesError as error:  # the source went away meanwhile
        nothing(error)

"""The dashboard's entry script: reads the traces and routes to a page, nothing else."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streamlit as st

from plane_guard_dashboard import live, traces
from plane_guard_dashboard.views.attempts import attempts

ICON = Path(__file__).with_name("icon.png")

st.set_page_config(page_title="plane-guard", page_icon=ICON, layout="wide")
st.logo(ICON, size="large")

source = traces.default_source(os.environ)
found = live.load(source)
page = partial(attempts, found, datetime.now(UTC))
st.navigation([st.Page(page, title="Attempts", url_path="attempts", default=True)]).run()
live.follow(source)

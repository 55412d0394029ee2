"""The dashboard as an ASGI application, which `plane-guard dashboard` serves.

Streamlit executes this module after it has read its settings, so the settings that matter are checked here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from plane_guard_dashboard.server.own_origin import OwnOrigin
from plane_guard_dashboard.server.settings import problem

reason = problem(st.get_option)
if reason:
    sys.stderr.write(f"The dashboard was not started: {reason}\n")
    sys.exit(2)

app = st.App(Path(__file__).parents[1] / "app.py", middleware=[Middleware(OwnOrigin)])

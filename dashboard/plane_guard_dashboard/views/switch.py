"""The switch of the overview: does it follow what happens, or stand still?"""

from __future__ import annotations

import streamlit as st

ON, OFF = "on", "off"


def switch() -> bool:
    """Whether the page follows."""
    with st.sidebar:
        chosen = st.segmented_control(
            "Live", [ON, OFF], default=ON, required=True, key="live", bind="query-params", width="stretch"
        )
    return chosen != OFF

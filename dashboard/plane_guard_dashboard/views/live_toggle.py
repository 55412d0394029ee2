"""The switch that pauses live updates of the overview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

ON, OFF = "on", "off"


def switch(place: DeltaGenerator) -> bool:
    """Show the switch; return True if live updates are on."""
    with place:
        chosen = st.segmented_control(
            "Live", [ON, OFF], default=ON, required=True, key="live", bind="query-params", width="stretch"
        )
    return chosen != OFF

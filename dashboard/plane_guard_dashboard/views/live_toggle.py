"""The switch of the overview: does it follow what happens, or stand still?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

ON, OFF = "on", "off"


def switch(place: DeltaGenerator) -> bool:
    """Whether the page follows."""
    with place:
        chosen = st.segmented_control(
            "Live", [ON, OFF], default=ON, required=True, key="live", bind="query-params", width="stretch"
        )
    return chosen != OFF

"""The line of the overview that says if the latest run was compared with the Plane server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.evidence import verifications
from plane_guard_dashboard.views.trend_status import MOST_RUNS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from plane_guard_dashboard.evidence.verifications import Answer
    from plane_guard_dashboard.views.view import View


def verified(view: View) -> None:
    """Show the outcome of `plane-guard verify` for the latest run."""
    runs = view.rows("newest_runs", limit=MOST_RUNS)
    latest = next((row["run"] for row in runs if not row["demo"]), "")
    if not latest:
        return
    found = _answer(view.source, latest, view.generation)
    if found.code == 1:
        st.error(f"The latest run was {found.sentence}.", icon=":material/policy_alert:")
        st.caption("The guard was bypassed. `plane-guard verify` lists the changes.")
    else:
        st.caption(f"The latest run was {found.sentence}.")


@st.cache_data(max_entries=20, show_spinner=False)
def _answer(source: str, run: str, generation: Hashable) -> Answer:  # noqa: ARG001 - part of the cache's key
    return verifications.answer(verifications.read(source), [run])

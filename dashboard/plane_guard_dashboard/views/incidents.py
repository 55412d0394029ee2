"""Incident cards: each write to production that got through, in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.views import explanations, links
from plane_guard_dashboard.views.links import is_web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

MOST_INCIDENTS = 20
_FACTS = (
    ("Work item", "work_item"),
    ("Project", "project"),
    ("Test", "test"),
    ("Called from", "caller"),
    ("Branch", "branch"),
    ("Commit", "revision"),
    ("Service", "service"),
    ("Host", "host"),
    ("Worker", "worker"),
    ("CI job", "pipeline"),
    ("Run", "run"),
)
NEXT_STEP = (
    "Look up the object in Plane and undo the change. Rotate the token that the test used. "
    "Run `plane-guard doctor` where the test ran."
)


def incidents(view: View) -> None:
    """Show a card for each write to production that got through, the newest first. Filters do not hide them."""
    found = view.rows("incidents", limit=MOST_INCIDENTS)
    for row in found:
        _card(row)


def _card(row: Mapping[str, Any]) -> None:
    with st.container(border=True):
        st.error(explanations.sentence({**row, "prod_allowed": True}), icon=":material/crisis_alert:")
        when = f"{moment(row['time_ns']):%Y-%m-%d %H:%M:%S} UTC"
        facts = [("Time", when), *((label, visible(row[key])) for label, key in _FACTS if row[key])]
        st.text("\n".join(f"{label}: {value}" for label, value in facts))
        st.markdown(f"**Next:** {NEXT_STEP}")
        with st.container(horizontal=True):
            if st.button("Details", key=f"incident-{row['decision_id']}", icon=":material/arrow_forward:"):
                links.to_decision(row["decision_id"])
            if is_web(row["pipeline"]):
                st.link_button("CI job", row["pipeline"], icon=":material/open_in_new:")

"""Acknowledge a group of attempts, with a note and an end date, in the known-file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard import triage
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.triage import KnownFileError, KnownGroup, Triage
from plane_guard_dashboard.views.groups import Known, known_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

USUAL = timedelta(days=30)
_PROBLEM = "_triage_problem"
_STATES: Mapping[Triage, str] = {
    Triage.OPEN: "This group is not acknowledged.",
    Triage.ACKNOWLEDGED: "Acknowledged until {until}:",
    Triage.EXPIRED: "The acknowledgement ended on {until}:",
    Triage.CHANGED: "This group was acknowledged, and has a new caller since. It counts as new.",
}


def triage_form(view: View, group: str, row: Mapping[str, Any]) -> None:
    """Show the state of the group by the known-file, and a form that changes it."""
    known = known_groups(view.rows("callers_of_issues", keys=[group], limit=MOST_ROWS), view.now)
    if unusable(known):
        return
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error("Nothing was changed.", icon=":material/error:")
        st.text(visible(problem, 1000))
    entry = known.file.groups.get(group)
    st.markdown(_STATES[known.state(group)].format(until=entry.until if entry else ""))
    if entry:
        st.text(visible(entry.note, triage.LONGEST_NOTE))
    if known.state(group) is Triage.ACKNOWLEDGED:
        st.button("Not known any more", key="forget", on_click=_forget, args=(known, group))
    else:
        _form(known, group, row)


def unusable(known: Known) -> bool:
    """Return True if the known-file cannot be used, and say why."""
    if known.problem:
        st.warning("No group counts as known, because the known-file cannot be used.", icon=":material/warning:")
        st.text(visible(known.problem, 1000))
    return bool(known.problem)


def _form(known: Known, group: str, row: Mapping[str, Any]) -> None:
    with st.form("triage", border=True):
        st.text_input("Why is it known?", key="triage-note", max_chars=triage.LONGEST_NOTE, value="Looked at")
        st.date_input("Until", key="triage-until", value=known.today + USUAL, min_value=known.today)
        st.form_submit_button("Acknowledge", on_click=_acknowledge, args=(known, group, dict(row)))
        st.caption("Writes plane-guard-known.toml, which you commit. The report uses the same file.")


def _acknowledge(known: Known, group: str, row: Mapping[str, Any]) -> None:
    texts = {name: str(row[name]) for name in ("test", "project", "op", "reason")}
    note, until = st.session_state["triage-note"], st.session_state["triage-until"]
    entry = KnownGroup(group, note, until, known.callers.get(group, ()), **texts)
    try:
        triage.acknowledge(known.file.path, entry, known.today)
    except KnownFileError as error:
        st.session_state[_PROBLEM] = str(error)


def _forget(known: Known, group: str) -> None:
    try:
        triage.forget(known.file.path, group)
    except KnownFileError as error:
        st.session_state[_PROBLEM] = str(error)

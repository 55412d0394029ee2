"""Texts for pages with little to show: no data yet, unreadable, quiet, stale, or hidden by filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.evidence.traces import NoTracesError, SourceState
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES: Mapping[SourceState, str] = {
    SourceState.MISSING: "No data yet",
    SourceState.EMPTY: "No data yet",
    SourceState.FOREIGN: "No plane-guard data in this source",
    SourceState.DENIED: "The traces cannot be read",
    SourceState.BROKEN: "The traces cannot be read",
    SourceState.UNSUPPORTED: "The traces cannot be read",
}
_WAITING = (SourceState.MISSING, SourceState.EMPTY)


def nothing(error: NoTracesError) -> None:
    """Explain why there are no traces, and what to do."""
    st.title(_TITLES[error.state])
    if error.state in _WAITING:
        st.info(
            "This does not mean that everything is fine: no guarded test process has reported.",
            icon=":material/hourglass_empty:",
        )
    else:
        st.error(
            "This source cannot show whether anything tried to write to production.",
            icon=":material/warning:",
        )
    st.text(str(error))
    if error.state in _WAITING:
        st.caption("The page updates when evidence arrives. To try it out:")
        st.code("plane-guard demo", language=None)


def unmatched(decisions: int) -> None:
    """Say that the filters hide every decision."""
    verb = "is" if decisions == 1 else "are"
    st.info(
        f"No decision matches these filters; there {verb} {decisions:,} in all.",
        icon=":material/filter_alt_off:",
    )


def stale(age: str) -> None:
    """Say that the last report is old."""
    st.warning(
        f"The last report is {age} old. Nothing is known about the time since: "
        "no guarded process has run, or its evidence goes elsewhere.",
        icon=":material/schedule:",
    )


def ahead() -> None:
    """Say that the age of the last report is unknown."""
    st.warning(
        "The time of the last report is in the future, so its age is unknown. Runs lists it first. "
        "Set the clock of the machine that made it.",
        icon=":material/schedule:",
    )


def quiet(processes: int, decisions: int) -> None:
    """Say that guarded processes ran and no attempt to write to production was seen."""
    if not processes:
        st.warning(
            "No guarded process has reported. Only decisions were found, so others may be missing.",
            icon=":material/warning:",
        )
        return
    reported = f"{plural(processes, 'guarded process', 'guarded processes')} reported"
    where = "production" if decisions else "Plane"
    st.success(f"{reported}; no attempt to write to {where} was seen.", icon=":material/verified_user:")

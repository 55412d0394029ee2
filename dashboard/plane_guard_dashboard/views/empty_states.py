"""What a page says when there is little to show: not yet, unreadable, quiet, stale and filtered away all differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from plane_guard_dashboard.evidence.traces import NoTracesError, SourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES: Mapping[SourceState, str] = {
    SourceState.MISSING: "No evidence yet",
    SourceState.EMPTY: "No evidence yet",
    SourceState.FOREIGN: "Nothing of plane-guard here",
    SourceState.DENIED: "The traces cannot be read",
    SourceState.BROKEN: "The traces cannot be read",
    SourceState.UNSUPPORTED: "The traces cannot be read",
}
_WAITING = (SourceState.MISSING, SourceState.EMPTY)


def nothing(error: NoTracesError) -> None:
    """There are no traces: why, and what to do."""
    st.title(_TITLES[error.state])
    if error.state in _WAITING:
        st.info(
            "This is not a clean bill: no test process has reported that it is guarded.",
            icon=":material/hourglass_empty:",
        )
    else:
        st.error(
            "Whether anything tried to write to production cannot be told from this source.",
            icon=":material/warning:",
        )
    st.text(str(error))
    if error.state in _WAITING:
        st.caption("The page fills by itself as soon as there is something to read. To try it out:")
        st.code("plane-guard demo", language=None)


def unmatched(decisions: int) -> None:
    """There are decisions, but the filters leave none of them."""
    verb = "is" if decisions == 1 else "are"
    st.info(
        f"No decision matches these filters; there {verb} {decisions:,} in all.",
        icon=":material/filter_alt_off:",
    )


def stale(age: str, when: str) -> None:
    """Nothing was reported for a long time."""
    st.warning(
        f"The last report is {age} old ({when}). What happened since then is not known here: "
        "no guarded process has run, or its evidence goes elsewhere.",
        icon=":material/schedule:",
    )


def quiet(processes: int, decisions: int) -> None:
    """Guarded, and nothing to see."""
    if not processes:
        st.warning("No guarded process has reported itself; only decisions were found.", icon=":material/warning:")
    elif decisions:
        st.success(
            "The guard was in place and stopped nothing on its way to production.",
            icon=":material/verified_user:",
        )
    else:
        st.success(
            "The guard was in place and nothing tried to write to Plane at all.",
            icon=":material/verified_user:",
        )

"""Attempts: groups of similar attempts to write to production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.views import explanations
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.grid import grid
from plane_guard_dashboard.views.groups import Slots, lines, standing
from plane_guard_dashboard.views.labels import number
from plane_guard_dashboard.views.no_matches import no_attempts
from plane_guard_dashboard.views.occurrences import AGO, WHEN, occurrences
from plane_guard_dashboard.views.trend_status import EXPLAINED, compared_runs, shown
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.view import View

    Row = Mapping[str, Any]

BY, GROUP = "by", "group"
MOST_GROUPS = 200
MOST_OCCURRENCES = 100
GROUPINGS = ("issue", "test", "project", "caller")
_WIDE, _NARROW = st.column_config.TextColumn(width=230), st.column_config.TextColumn(width=110)
_TEST = Column("Test", "test", config=_WIDE)
_WORD, _WORDS = st.column_config.TextColumn(width=90), st.column_config.TextColumn(width=160)
_OP, _REASON = Column("Op", "op", config=_WORD), Column("Reason", "reason", config=_WORDS)
_PROJECT, _CALLER = Column("Project", "project", config=_NARROW), Column("Called from", "caller", config=_WIDE)
_WHAT: Mapping[str, tuple[Column, ...]] = {
    "issue": (
        _TEST,
        Column("Op", "op", "op", _WORD),
        Column("Reason", "reason", "reason", _WORDS),
        Column("Project", "project", "project", _NARROW),
    ),
    "test": (_TEST, _OP, _REASON, _PROJECT, _CALLER),
    "project": (Column("Project", "project", "project", _WIDE), _OP, _REASON, _TEST, _CALLER),
    "caller": (_CALLER, _OP, _REASON, _PROJECT, _TEST),
}
_STANDS = (
    Column("Status", "status", config=st.column_config.TextColumn(width=120)),
    Column("Attempts", "attempts"),
    Column("Over time", "trend", config=st.column_config.BarChartColumn(width=90, y_min=0)),
)
_SEEN = (
    Column("Last seen", "last", config=AGO),
    Column("Last seen (UTC)", "last", config=WHEN),
    Column("First seen", "first", config=AGO),
    Column("First seen (UTC)", "first", config=WHEN),
    Column("Branch", "branch", config=_NARROW),
    Column("Host", "host", config=_NARROW),
    Column("Blocked on production", "prod_attempts"),
    Column("Got through", "prod_allowed"),
    Column("Tests", "tests"),
    Column("Runs", "runs"),
    Column("Made by", "maker"),
)


def attempts(view: View) -> None:
    """Show all groups, or the group that the address names."""
    st.title("Attempts")
    scope = view.row("scope")
    _alarm(view.row("leaks")["prod_allowed"], scope["prod_allowed"])
    by = _grouping()
    found = _lines(view, by)
    group = st.query_params.get(GROUP)
    if group is not None:  # that of the unknown caller has an empty key
        _group(view, by, group, [line for line in found if line["key"] == group])
    elif found:
        _groups(view, scope, by, found)
    else:
        no_attempts(view)


def _alarm(leaks: int, within: int) -> None:
    if leaks:
        hidden = "" if within else " The current filters hide them."
        st.error(
            f"{plural(leaks, 'write')} to production got through. Overview shows each of them.{hidden}",
            icon=":material/crisis_alert:",
        )


def _grouping() -> str:
    chosen = st.segmented_control(
        "Grouped by",
        GROUPINGS,
        default="issue",
        key=BY,
        bind="query-params",
        required=True,
        on_change=_show_all,
    )
    return chosen or "issue"


def _show_all() -> None:
    st.query_params.pop(GROUP, None)


def _lines(view: View, by: str) -> list[dict[str, Any]]:
    groups = view.rows(f"attempts_by_{by}", **compared_runs(view), limit=MOST_GROUPS)
    keys = [group["key"] for group in groups]
    slots = Slots.over(groups)
    trends = view.rows(f"attempt_slots_by_{by}", keys=keys, step=slots.step)
    return lines(groups, slots.counts(trends))


def _groups(view: View, scope: Row, by: str, found: Sequence[dict[str, Any]]) -> None:
    counts = view.row(f"attempt_standing_by_{by}", **compared_runs(view))
    listed = f" The first {len(found):,} are listed." if counts["groups"] > len(found) else ""
    st.caption(f"{plural(counts['groups'], by)}: {standing(counts)}.{listed} {_asides(scope)}")
    chosen = grid(found, _columns(by), key=f"attempts-{by}", alt=f"Attempts, grouped by {by}", select=True)
    signs = "; ".join(f"{shown(state)}: {text}" for state, text in EXPLAINED.items())
    st.caption(f"Select a row for its decisions. {signs}.")
    if chosen is not None:
        st.query_params[GROUP] = chosen["key"]
        st.rerun()


def _columns(by: str) -> tuple[Column, ...]:
    return (*_STANDS, *_WHAT[by], *_SEEN)


def _asides(scope: Row) -> str:
    words = (
        (plural(scope["prod_attempts"], "attempt") + " on production blocked", True),
        (plural(scope["other_blocks"], "other block"), scope["other_blocks"]),
        (plural(scope["expected"], "expected block") + " not counted", scope["expected"]),
        (plural(scope["demo_attempts"], "attempt") + " made by the demo", scope["demo_attempts"]),
    )
    return " · ".join(text for text, said in words if said)


def _group(view: View, by: str, group: str, found: Sequence[dict[str, Any]]) -> None:
    st.button(f"All {by}s", on_click=_show_all, icon=":material/arrow_back:")
    decisions = view.rows(f"occurrences_by_{by}", key=group, limit=MOST_OCCURRENCES)
    if not decisions:
        st.info("The current filters hide every decision of this group.", icon=":material/filter_alt_off:")
        return
    if by == "issue":
        st.subheader(explanations.sentence({**decisions[0], "prod_allowed": decisions[0]["verdict"] == "allowed"}))
    if found:
        grid(found, _columns(by), key=f"attempts-{by}-one", alt="The group that was chosen")
    st.caption(f"{number(len(decisions), MOST_OCCURRENCES, 'decision')}; select a row for details.")
    occurrences(decisions, f"occurrences-{by}", "The latest decisions of this group")

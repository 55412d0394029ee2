"""Attempts: the explorer of decisions, as groups of similar attempts or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.store.queries import END_OF_TIME, MOST_ROWS
from plane_guard_dashboard.views import explanations, links
from plane_guard_dashboard.views.blocks import facts, grid, link_row
from plane_guard_dashboard.views.columns import Column, Fact
from plane_guard_dashboard.views.figures import asides
from plane_guard_dashboard.views.filter_bar import filter_bar
from plane_guard_dashboard.views.groups import Slots, known_groups, lines, standing
from plane_guard_dashboard.views.incidents import who_and_where
from plane_guard_dashboard.views.labels import number
from plane_guard_dashboard.views.no_matches import no_attempts
from plane_guard_dashboard.views.occurrences import occurrences
from plane_guard_dashboard.views.timeline import timeline
from plane_guard_dashboard.views.trend_status import EXPLAINED, newest_runs, shown
from plane_guard_dashboard.views.triage_form import triage_form, unusable
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plane_guard_dashboard.views.view import View

    Row = Mapping[str, Any]

PAGE, BY, GROUP = "attempts", "by", "group"
DECISION = "decision"
MOST_GROUPS = 200
MOST_OCCURRENCES = 100
GROUPINGS = ("issue", "test", "project", "caller")
_TEST, _OWNER = Column("Test", "test", "test"), Column("Owner", "owner", under=True)
_OP, _REASON = Column("Op", "op"), Column("Reason", "reason", under=True)
_PROJECT, _CALLER = Column("Project", "project_name", "id"), Column("Called from", "caller", "caller")
_WHAT: Mapping[str, tuple[Column, ...]] = {
    "issue": (_TEST, _OWNER, _OP, _REASON, _PROJECT, _CALLER),
    "test": (_TEST, _OWNER, _OP, _REASON, _PROJECT, _CALLER),
    "project": (_PROJECT, _OP, _REASON, _TEST, _CALLER),
    "caller": (_CALLER, _OP, _REASON, _PROJECT, _TEST),
}
_STANDS = (
    Column("Status", "status"),
    Column("Attempts", "attempts", "number"),
    Column("Runs", "runs", "number", under=True),
    Column("Over time", "trend", "bars"),
)
_SEEN = (
    Column("From", "place"),
    Column("CI job", "job_link", "job", under=True),
    Column("Latest", "last_ns", "ago"),
    Column("First", "first_ns", "ago", under=True),
    Column("In commit", "first_commit", "id", under=True),
)


def attempts(view: View) -> None:
    """Show all groups or decisions, or the group that the address names."""
    st.title("Attempts")
    by = _grouping()
    group = st.query_params.get(GROUP)
    if group is not None:  # that of the unknown caller has an empty key
        _group(view, by, group)
        return
    scope = view.row("scope")
    _alarm(view.row("leaks")["prod_allowed"], scope["prod_allowed"])
    filter_bar(view, PAGE)
    choices = [(f"By {name}", links.with_query(PAGE, {**links.query(), BY: [name]})) for name in (*GROUPINGS, DECISION)]
    link_row(choices, key=BY, alt="Grouped by", chosen=f"By {by}")
    if by == DECISION:
        _decisions(view, scope)
    else:
        _groups(view, scope, by)


def _alarm(leaks: int, within: int) -> None:
    if leaks:
        hidden = "" if within else " The current filters hide them."
        st.error(
            f"{plural(leaks, 'write')} to production got through. Overview shows each of them.{hidden}",
            icon=":material/crisis_alert:",
        )


def _grouping() -> str:
    chosen = st.query_params.get(BY, "")
    return chosen if chosen in (*GROUPINGS, DECISION) else "issue"


def _decisions(view: View, scope: Row) -> None:
    found = view.rows("latest", before_ns=END_OF_TIME, before_id="", limit=MOST_OCCURRENCES)
    if not found:
        no_attempts(view)
        return
    st.caption(f"{plural(scope['decisions'], 'decision')}: {_counts(scope)}. {_listed(len(found), scope['decisions'])}")
    occurrences(found, "decisions", "Decisions, the latest first")


def _groups(view: View, scope: Row, by: str) -> None:
    found, shown_lines = _lines(view, by)
    if not found:
        no_attempts(view)
        return
    told = _listed(len(found), found[0]["groups"])
    st.caption(f"{plural(found[0]['groups'], by)}: {standing(found)}.{told} {_counts(scope)}")
    signs = "; ".join(f"{shown(state)}: {text}" for state, text in EXPLAINED.items())
    grid(shown_lines, _columns(by), key=f"attempts-{by}", alt=f"Attempts, grouped by {by}", opens=_opener(by))
    st.caption(f"Select a row for its decisions. {signs}.")
    timeline(view, PAGE)


def _listed(found: int, everything: int) -> str:
    return f" The first {found:,} are listed." if everything > found else ""


def _opener(by: str) -> Any:
    return lambda row: links.address(PAGE, by=by, group=row["key"])


def _lines(view: View, by: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    groups = view.rows(f"attempts_by_{by}", newest=newest_runs(view), limit=MOST_GROUPS)
    return groups, _shown(view, by, groups)


def _shown(view: View, by: str, groups: Sequence[Row], *, alone: bool = False) -> list[dict[str, Any]]:
    keys = [group["key"] for group in groups]
    slots = Slots.over(groups)
    trends = view.rows(f"attempt_slots_by_{by}", keys=keys, step=slots.step)
    callers = view.rows("callers_of_issues", keys=keys, limit=MOST_ROWS) if by == "issue" else []
    known = known_groups(callers, view.now)
    if not alone:
        unusable(known)
    return lines(groups, slots.counts(trends), known)


def _columns(by: str) -> tuple[Column, ...]:
    return (*_STANDS, *_WHAT[by], *_SEEN)


def _counts(scope: Row) -> str:
    first = plural(scope["prod_attempts"], "attempt") + " on production blocked"
    through = f" · {plural(scope['prod_allowed'], 'write')} got through" if scope["prod_allowed"] else ""
    rest = asides(scope)
    return f"{first}{through}" + (f" · {rest}" if rest else "")


def _group(view: View, by: str, group: str) -> None:
    back = {name: values for name, values in links.query().items() if name != GROUP}
    link_row([(f"← All {by}s", links.with_query(PAGE, back))], key="back", alt="Back")
    decisions = view.rows(f"occurrences_by_{by}", key=group, limit=MOST_OCCURRENCES)
    if not decisions:
        st.info("The current filters hide every decision of this group.", icon=":material/filter_alt_off:")
        return
    if by == "issue":
        row = {**decisions[0], "prod_allowed": decisions[0]["verdict"] == "allowed"}
        st.header(explanations.sentence(row))
        facts(who_and_where(decisions[0]), key="group-newest", alt="The newest attempt of this group")
        triage_form(view, group, decisions[0])
    every = view.rows(f"attempts_by_{by}", newest=newest_runs(view), limit=MOST_ROWS)
    found = [one for one in every if one["key"] == group]
    if found:
        grid(
            _shown(view, by, found, alone=True), _columns(by), key=f"attempts-{by}-one", alt="The group that was chosen"
        )
        since = [
            Fact("First seen", found[0]["first_ns"], "time"),
            Fact("In commit", found[0]["first_commit"], "copied id"),
        ]
        facts(since, key="group-first", alt="Since when")
    st.caption(f"{number(len(decisions), MOST_OCCURRENCES, 'decision')}; select a row for details.")
    occurrences(decisions, f"occurrences-{by}", "The latest decisions of this group")

"""Overview: the verdict for production, the incidents, and the groups that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.views import empty_states, links, trend_status
from plane_guard_dashboard.views.blocks import facts, grid, link_row
from plane_guard_dashboard.views.columns import Column, Fact
from plane_guard_dashboard.views.figures import (
    STALE_AFTER,
    age,
    asides,
    figures,
    headline,
    is_ahead,
    seconds_since,
    tiles,
)
from plane_guard_dashboard.views.filter_bar import filter_bar
from plane_guard_dashboard.views.groups import known_groups, lines, standing
from plane_guard_dashboard.views.incidents import incidents
from plane_guard_dashboard.views.occurrences import occurrences
from plane_guard_dashboard.views.timeline import timeline
from plane_guard_dashboard.views.triage_form import unusable
from plane_guard_dashboard.views.verified import verified
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from plane_guard_dashboard.views.figures import Figures, Gaps
    from plane_guard_dashboard.views.view import View

MOST_ATTEMPTS = 10
MOST_GAPS, LONGEST_GAP = 3, 1_000
_TOP = (
    Column("Status", "status"),
    Column("Test", "test", "test"),
    Column("Owner", "owner", under=True),
    Column("From", "place"),
    Column("CI job", "job_link", "job", under=True),
    Column("Called from", "caller", "caller"),
    Column("Work item", "work_item", "id"),
    Column("Project", "project_name", "id", under=True),
    Column("Attempts", "attempts", "number"),
    Column("Latest", "last_ns", "ago"),
    Column("First", "first_ns", "ago", under=True),
    Column("In commit", "first_commit", "id", under=True),
    Column("Next step", "fix", "copy"),
)


def overview(view: View) -> None:
    """Show the page."""
    found = figures(view)
    st.title(headline(found))
    incidents(view)
    verified(view)
    _state(view, found)
    groups = view.rows("attempts_by_issue", newest=trend_status.newest_runs(view), limit=MOST_ATTEMPTS)
    _since(found, standing(groups) if groups else "")
    _top(view, groups)
    _closed(found.gaps)
    filter_bar(view, links.HOME)
    tiles(found)
    if found.scope["decisions"]:
        timeline(view, links.HOME)
    if rows := view.rows("latest_attempts", limit=MOST_ATTEMPTS):
        st.header("Latest attempts")
        occurrences(rows, "last", "The latest attempts")


def _state(view: View, found: Figures) -> None:
    seconds = seconds_since(found.last_report_ns, found.now)
    if seconds >= STALE_AFTER:
        empty_states.stale(age(seconds))
    if is_ahead(found.last_report_ns, found.now):
        empty_states.ahead()
    for reason in found.unknown:
        if "read" in reason:
            st.warning(f"Evidence may be missing: {reason}. Data lists them.", icon=":material/warning:")
    _open(found.gaps)
    decisions = view.everything().row("scope")["decisions"]
    if decisions and not found.scope["decisions"]:
        empty_states.unmatched(decisions)
    elif not found.scope["prod_attempts"] and not found.leaks:
        empty_states.quiet(found.processes, found.scope["decisions"])


def _open(gaps: Gaps) -> None:
    if gaps.open:
        where = plural(gaps.open, "process", "processes")
        st.warning(f"A write may be missing: not everything is covered in {where}.", icon=":material/warning:")
        _texts(gaps)


def _closed(gaps: Gaps) -> None:
    if gaps.processes and not gaps.open:
        where = plural(gaps.processes, "process", "processes")
        st.info(
            f"Some clients are covered for known Plane hosts only, in {where}. Name those of your Plane in `hosts`.",
            icon=":material/visibility_off:",
        )
        _texts(gaps)


def _texts(gaps: Gaps) -> None:
    for text in gaps.texts[:MOST_GAPS]:
        st.text(visible(text, LONGEST_GAP))


def _since(found: Figures, groups: str) -> None:
    if text := asides(found.scope):
        st.caption(text)
    known = [
        Fact("First attempt", found.scope["first_attempt_ns"], "time"),
        Fact("Latest attempt", found.scope["last_attempt_ns"], "ago"),
        Fact("Groups", groups),
        Fact("Last report", found.last_report_ns, "ago"),
    ]
    facts(known, key="since", alt="Since when")


def _top(view: View, found: list[dict[str, Any]]) -> None:
    if not found:
        return
    keys = [group["key"] for group in found]
    known = known_groups(view.rows("callers_of_issues", keys=keys, limit=MOST_ROWS), view.now)
    st.header("What to fix")
    st.caption("Attempts are grouped by test, project, operation and reason. New groups come first.")
    unusable(known)
    grid(
        lines(found, {}, known),
        _TOP,
        key="top",
        alt="Top attempts, new ones first",
        opens=lambda row: links.address("attempts", group=row["key"]),
    )
    if found[0]["groups"] > len(found):
        every = f"All {plural(found[0]['groups'], 'group')}"
        link_row([(every, links.address("attempts"))], key="all-groups", alt="More")

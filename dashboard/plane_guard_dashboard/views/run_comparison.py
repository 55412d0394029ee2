"""One run compared with the previous run: new, repeated and absent attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import Filters, Origins
from plane_guard_dashboard.views import links
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.comparison import SIGNS, Change, change, compared, earlier
from plane_guard_dashboard.views.grid import grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

    Row = Mapping[str, Any]

MOST_ISSUES = 200
_WIDE = st.column_config.TextColumn(width=230)
_WORD, _WORDS = st.column_config.TextColumn(width=90), st.column_config.TextColumn(width=160)
_ISSUES = (
    Column("Change", "change"),
    Column("Now", "here"),
    Column("Before", "before"),
    Column("Test", "test", config=_WIDE),
    Column("Op", "op", config=_WORD),
    Column("Reason", "reason", config=_WORDS),
    Column("Project", "project", config=_WORDS),
)


def against(view: View, run: Row) -> None:
    """Show the comparison."""
    relation, other = before(view, run)
    name = other["run"] if other else ""
    issues = view.rows("run_issues", this_run=run["run"], other_run=name or run["run"], limit=MOST_ISSUES)
    st.subheader("Compared with the previous run")
    st.markdown(compared(issues, relation))
    if other:
        st.code(visible(name), language=None)
    if not issues:
        return
    rows = sorted((_issue(issue, compared_with_one=other is not None) for issue in issues), key=_urgency)
    st.caption("Select a row for all decisions of the group.")
    chosen = grid(rows, _ISSUES, key="run-issues", alt="Attempts of this run and the previous one", select=True)
    if chosen is not None:
        links.to_page("attempts", group=chosen["issue"])


def _issue(issue: Row, *, compared_with_one: bool) -> dict[str, Any]:
    seen = {**issue, "before": issue["before"] if compared_with_one else 0}
    return {**seen, "change": ("‼ got through · " if issue["prod_allowed"] else "") + SIGNS[change(seen)]}


def _urgency(issue: Row) -> tuple[bool, int]:
    return not issue["prod_allowed"], list(Change).index(change(issue))


def before(view: View, run: Row) -> tuple[str, Row | None]:
    """Return the nearest earlier run and its relation to this one."""
    origin = Origins.DEMO if run["demo"] else Origins.TESTS
    for relation, shared in earlier(run):
        if found := newest_run(
            view, until_ns=run["first_ns"], origin=origin, only=shared, without={"run": (run["run"],)}
        ):
            return relation, found[0]
    return "", None


def newest_run(view: View, **filters: Any) -> list[dict[str, Any]]:
    """Return the newest run that matches these filters, or an empty list."""
    return view.rows("runs", **Filters(**filters).parameters(), limit=1)

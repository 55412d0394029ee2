"""Incident cards: each write to production that got through, in full."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard import link_templates
from plane_guard_dashboard.views import explanations, links
from plane_guard_dashboard.views.blocks import commands, facts
from plane_guard_dashboard.views.columns import Fact
from plane_guard_dashboard.views.labels import job, owner_of
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

MOST_INCIDENTS = 20
NEXT_STEP = (
    "Look up the object in Plane and undo the change. Rotate the token that the test used. "
    "Run `plane-guard doctor` where the test ran."
)


def incidents(view: View) -> None:
    """Show a card for each write to production that got through, the newest first. Filters do not hide them."""
    found = view.rows("incidents", limit=MOST_INCIDENTS + 1)
    for row in found[:MOST_INCIDENTS]:
        _card(row)
    if len(found) > MOST_INCIDENTS:
        more = view.row("leaks")["prod_allowed"] - MOST_INCIDENTS
        st.error(f"{plural(more, 'more write')} got through. Attempts lists all of them.")


def _card(row: Mapping[str, Any]) -> None:
    with st.container(border=True):
        st.error(explanations.sentence({**row, "prod_allowed": True}), icon=":material/crisis_alert:")
        facts(who_and_where(row), key=f"incident-{row['decision_id']}", alt="Incident")
        st.markdown(f"**Next:** {NEXT_STEP}")
        commands({"Where the test ran": "plane-guard doctor"}, key=f"next-{row['decision_id']}", alt="Next step")


def who_and_where(row: Mapping[str, Any]) -> list[Fact]:
    """Return time, test, place and object of a decision, with links."""
    found = link_templates.from_environment(os.environ).links(row)
    item = found.get(link_templates.Link.WORK_ITEM)
    code = found.get(link_templates.Link.CODE)
    return [
        Fact("When", row["time_ns"], "time"),
        Fact("Age", row["time_ns"], "ago"),
        Fact("Work item", [row["work_item"], item] if item else row["work_item"], "link" if item else "copied id"),
        Fact("Project", row["project_name"]),
        Fact("Project id", row["project"] if row["project"] != row["project_name"] else "", "copied id"),
        Fact("Test", row["test"], "test"),
        Fact("Owner", owner_of(row["test"])),
        Fact("Called from", [row["caller"], code] if code else row["caller"], "link" if code else "text"),
        Fact("Branch", row["branch"]),
        Fact("Repository or worktree", row["repository"]),
        Fact("Commit", row["revision"], "copied id"),
        Fact("Host", row["host"]),
        Fact("Worker", row["worker"]),
        Fact("CI job", job(row), "job"),
        Fact("Started by", row["actor"]),
        Fact("Service", row["service"]),
        Fact("Run", [row["run"], links.address("runs", inspect=row["run"])], "page"),
        Fact("Decision", [row["decision_id"], links.decision(row["decision_id"])], "page"),
    ]

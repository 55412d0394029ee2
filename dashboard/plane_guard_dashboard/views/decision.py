"""Decision: why one write was allowed or blocked, how to fix it, and its trace."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import streamlit as st

from plane_guard_dashboard import link_templates
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.fixing import Attempt, fix
from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views import explanations, links
from plane_guard_dashboard.views.attributes import attributes
from plane_guard_dashboard.views.blocks import commands, facts, grid, link_row
from plane_guard_dashboard.views.columns import Column
from plane_guard_dashboard.views.incidents import who_and_where
from plane_guard_dashboard.views.labels import fix_command, number, outcome
from plane_guard_dashboard.views.no_matches import no_attempts
from plane_guard_dashboard.views.occurrences import occurrences
from plane_guard_dashboard.views.trace import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.views.view import View

ID = "id"
MOST_CHOICES = 100
MOST_OTHERS = 50
MOST_LETTERS = 50_000
_ATTRIBUTES = (
    Column("Group", "group"),
    Column("Name", "name"),
    Column("Value", "value"),
    Column("Attribute", "attribute"),
)


def decision(view: View) -> None:
    """Show the decision that the address names, or the latest to choose from."""
    wanted = st.query_params.get(ID, "")
    found = view.rows("decision", id=wanted) if wanted else []
    if found:
        _decision(view, found[0])
        return
    st.title("Decision")
    if wanted:
        _unknown(wanted)
    _choice(view)


def _decision(view: View, row: Mapping[str, Any]) -> None:
    st.title(explanations.sentence(row))
    _verdict(row)
    facts(who_and_where(row), key="decision", alt="When, where and who")
    _links_out(row)
    st.header("How to fix it")
    commands(_fixes(row), key="fix", alt="How to fix it")
    st.header("Trace")
    trace(view, row)
    _others(view, row)
    st.header("Attributes")
    grid(attributes(row), _ATTRIBUTES, key="attributes", alt="All attributes of the decision")
    _ways_out(row)
    _raw(view, row["decision_id"])


def _verdict(row: Mapping[str, Any]) -> None:
    if row["prod_allowed"]:
        st.error("A write to production got through.", icon=":material/crisis_alert:")
    said = [outcome(row), explanations.aside(row), "made by plane-guard demo" if row["demo"] else ""]
    st.markdown(" · ".join(fact for fact in said if fact))


def _fixes(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts to copy: what to do, the command that does it, the fixture and the mock."""
    told = {"What to do": explanations.remedy(row)}
    if row["prod_allowed"]:
        return {"Command": "plane-guard doctor", **told}
    if row["verdict"] == "allowed":
        return told
    proposed = fix([Attempt.of_columns(row)])
    return {
        "Command": fix_command(row["test"]),
        **told,
        "The change": "\n".join(text for text in (proposed.advice, proposed.diff) if text),
        **{f"Mock with {library}": code for library, code in proposed.mocks},
    }


def _links_out(row: Mapping[str, Any]) -> None:
    templates = link_templates.from_environment(os.environ)
    with st.container(horizontal=True):
        for link, address in templates.links(row).items():
            st.link_button(f"Open the {link}", address, icon=":material/open_in_new:")
    for problem in templates.problems:
        st.text(visible(problem))


def _ways_out(row: Mapping[str, Any]) -> None:
    st.header("Share")
    st.caption("Link to this page")
    st.code(_address(row["decision_id"]), language=None, wrap_lines=True)
    st.caption("Id of the decision")
    st.code(visible(row["decision_id"]), language=None, wrap_lines=True)
    link_row(
        [
            ("All similar attempts", links.address("attempts", group=row["issue"])),
            ("Its run", links.address("runs", inspect=row["run"])),
        ],
        key="ways-on",
        alt="Related pages",
    )


def _address(decision_id: str) -> str:
    return f"{st.context.url or '/decision'}?{ID}={quote(decision_id, safe='')}"


def _others(view: View, row: Mapping[str, Any]) -> None:
    if row["test"] == NOBODY:
        return
    only = Filters(only={"run": (row["run"],), "test": (row["test"],)}).parameters()
    latest = view.rows("latest", **only, before_ns=2**63 - 1, before_id="", limit=MOST_OTHERS + 1)
    others = [other for other in latest if other["decision_id"] != row["decision_id"]][:MOST_OTHERS]
    if others:
        st.header("The same test in the same run")
        st.caption(f"{number(len(others), MOST_OTHERS, 'other decision')}; select a row for details.")
        occurrences(others, "others", "Other decisions of the same test in the same run")


def _raw(view: View, decision_id: str) -> None:
    with st.expander("The raw span"):
        text = view.engine.raw(decision_id)
        if text is None:
            st.caption("The span is no longer in the source, or it could not be read again.")
        else:
            st.code(pretty(text), language="json", wrap_lines=True)


def pretty(text: str) -> str:
    """Return JSON with indentation, without characters that change the direction of text or are invisible."""
    try:
        lines = json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        lines = text.splitlines()
    shown = "\n".join(visible(line, MOST_LETTERS) for line in lines)
    return shown if len(shown) <= MOST_LETTERS else shown[:MOST_LETTERS] + "\n…"


def _unknown(wanted: str) -> None:
    st.warning("There is no decision with this id in these traces.", icon=":material/search_off:")
    st.code(visible(wanted), language=None, wrap_lines=True)
    st.caption(
        "Its evidence may have been deleted, or not collected yet. "
        "To read other traces, run `plane-guard dashboard --traces …`."
    )


def _choice(view: View) -> None:
    latest = view.rows("latest_attempts", limit=MOST_CHOICES)
    if not latest:
        no_attempts(view)
        return
    st.caption("Select one of the latest attempts for details.")
    occurrences(latest, "choice", "The latest attempts")

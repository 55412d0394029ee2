"""The text of an empty list of attempts: hidden by filters, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.store.queries import Filters
from plane_guard_dashboard.views import empty_states

if TYPE_CHECKING:
    from plane_guard_dashboard.views.view import View


def no_attempts(view: View) -> None:
    """Say why there is no attempt to show."""
    decisions, processes = view.row("scope")["decisions"], view.row("processes")["processes"]
    known = view.row("scope", **Filters().parameters())["decisions"]
    if not decisions and (known or not processes):
        empty_states.unmatched(known)
    else:
        empty_states.quiet(processes, decisions)

"""The data of a page: an engine, filters and a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from plane_guard_dashboard.store.queries import Filters, Origins, needed
from plane_guard_dashboard.views.filters import AUTO

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime

    from plane_guard_dashboard.store import Engine


@dataclass(frozen=True, slots=True)
class View:
    """One state of the traces. `generation` changes whenever an answer may have changed."""

    source: str
    engine: Engine
    generation: Hashable
    filters: Filters
    now: datetime

    def rows(self, name: str, **more: object) -> list[dict[str, Any]]:
        """Return the rows of a named query, with the parameters of the filters and `more`."""
        # A filter that the query does not have asks for nothing new.
        parameters = needed(name, {**self.filters.parameters(), **more})
        return _answer(self.engine, self.source, self.generation, name, repr(parameters), parameters)

    def row(self, name: str, **more: object) -> dict[str, Any]:
        """Return the only row of a named query."""
        return self.rows(name, **more)[0]

    def changed(self, **filters: Any) -> View:
        """Return the same view with other filters."""
        return replace(self, filters=replace(self.filters, **filters))

    def without_demo(self) -> View:
        """Return the same view without the demo's decisions, if there are others and no filter asks for the demo."""
        if self.filters.origin != AUTO:
            return self
        named = any(self.filters.only.get(name) for name in ("service", "run"))
        tests = not named and self.row("origins")["tests"]
        return self.changed(origin=Origins.TESTS if tests else Origins.ANY)

    def everything(self) -> View:
        """Return the same view without filters, but with or without the demo as before."""
        return replace(self, filters=Filters(origin=self.filters.origin))


@st.cache_data(max_entries=500, show_spinner=False)
def _answer(
    _engine: Engine,
    source: str,  # noqa: ARG001 - part of the cache's key
    generation: Hashable,  # noqa: ARG001 - part of the cache's key
    name: str,
    key: str,  # noqa: ARG001 - the parameters in a form that takes a tenth of the time to hash
    _parameters: dict[str, object],
) -> list[dict[str, Any]]:
    return _engine.query(name, _parameters)

"""One page of the dashboard by itself, run by Streamlit's own test driver on real files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from streamlit.testing.v1 import AppTest

from plane_guard_dashboard.store import open_engine

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_dashboard.store import Engine
    from plane_guard_dashboard.store.queries import Filters

HOSTILE = (
    ":red[x] **b** $\\frac{1}{2}$ [a](javascript:alert(1))",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "=cmd()|' /C calc'!A0",
    "日本語 🧪 \u202e\u200f\x00\x1b[31m",
    "'; DROP TABLE decisions; --",
    "x" * 5000,
)
_MARKDOWN = ("markdown", "caption", "info", "success", "warning", "error", "title", "subheader", "header")
_LABELLED = ("button", "metric", "expander", "link_button")


@cache
def engine_of(source: str) -> Engine:
    """One engine per folder, however often a page is run on it."""
    return open_engine(source)


def _script(name: str, source: str, filters: object) -> None:
    from datetime import UTC, datetime
    from importlib import import_module

    from plane_guard_dashboard.store.queries import Filters
    from plane_guard_dashboard.views.view import View
    from tests.dashboard.pages.single import engine_of

    engine = engine_of(source)
    view = View(
        source, engine, engine.refresh(), filters if isinstance(filters, Filters) else Filters(), datetime.now(UTC)
    )
    getattr(import_module(f"plane_guard_dashboard.views.{name}"), name)(view)


def shown(name: str, folder: Path, *, filters: Filters | None = None, **query: str) -> AppTest:
    """The page on the evidence of a folder, with these query parameters."""
    app = AppTest.from_function(
        _script, default_timeout=30, kwargs={"name": name, "source": str(folder), "filters": filters}
    )
    for parameter, value in query.items():
        app.query_params[parameter] = value
    app.run()
    assert not app.exception
    return app


def grid(app: AppTest, number: int = 0) -> list[dict[str, Any]]:
    """The rows of a grid."""
    found: list[dict[str, Any]] = app.dataframe[number].value.to_dict("records")
    return found


def choose(app: AppTest, key: str, row: int = 0) -> AppTest:
    """Tick the box of a row."""
    name, _ = app.session_state[f"_grid_{key}"]
    app.session_state[name] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    return app


def parameter(app: AppTest, name: str) -> str:
    """What the address bar holds."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def markdown(app: AppTest) -> str:
    """Everything that the browser would read as Markdown."""
    return "\n".join([*_all(app, _MARKDOWN, "value"), *_all(app, _LABELLED, "label")])


def text(app: AppTest) -> str:
    """Everything that is shown as it is."""
    return "\n".join(_all(app, ("text", "code"), "value"))


def _all(app: AppTest, kinds: tuple[str, ...], attribute: str) -> list[str]:
    return [str(getattr(element, attribute, "")) for kind in kinds for element in app.get(kind)]

"""One page of the dashboard by itself, run by Streamlit's own test driver on real files."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from streamlit.testing.v1 import AppTest

from plane_guard_dashboard.store import open_engine

if TYPE_CHECKING:
    from collections.abc import Mapping
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


def at(folder: Path, href: str) -> AppTest:
    """The page at an address of the dashboard."""
    return _opened(urlsplit(href).path, folder, None, followed(href))


def shown(name: str, folder: Path, *, filters: Filters | None = None, **query: str) -> AppTest:
    """The page on the evidence of a folder, with these query parameters."""
    return _opened(name, folder, filters, query)


def _opened(name: str, folder: Path, filters: Filters | None, query: Mapping[str, str]) -> AppTest:
    app = AppTest.from_function(
        _script, default_timeout=30, kwargs={"name": name, "source": str(folder), "filters": filters}
    )
    for parameter, value in query.items():
        app.query_params[parameter] = value
    app.run()
    assert not app.exception
    return app


def blocks(app: AppTest, kind: str) -> list[dict[str, Any]]:
    """The data of the blocks of a kind, in the order of the page."""
    data = [json.loads(found.proto.json) for found in app.get("bidi_component")]
    return [one for one in data if one["block"] == kind]


def tables(app: AppTest) -> list[dict[str, Any]]:
    """The tables of a page."""
    return blocks(app, "table")


def grid(app: AppTest, number: int | str = 0) -> list[dict[str, Any]]:
    """The rows of a table, by its place on the page or by its name."""
    found = tables(app)
    one = found[number] if isinstance(number, int) else next(table for table in found if table["label"] == number)
    heads = [column["label"] for column in one["columns"]]
    return [dict(zip(heads, row["cells"], strict=True)) for row in one["rows"]]


def opened(app: AppTest, number: int | str = 0, row: int = 0) -> str:
    """The address that a row leads to."""
    found = tables(app)
    one = found[number] if isinstance(number, int) else next(table for table in found if table["label"] == number)
    return str(one["rows"][row]["href"])


def followed(href: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(href).query, keep_blank_values=True))


def facts(app: AppTest, number: int | str = 0) -> dict[str, Any]:
    """The labelled values of a block, by its place on the page or by its name."""
    found = blocks(app, "facts")
    one = found[number] if isinstance(number, int) else next(block for block in found if block["label"] == number)
    return {label: value for label, _, value in one["items"]}


def commands(app: AppTest) -> dict[str, str]:
    """The texts that can be copied."""
    return {name: text for one in blocks(app, "commands") for name, text in one["items"]}


def ways(app: AppTest, name: str) -> dict[str, str]:
    """The addresses of a row of links, by their texts."""
    (found,) = (one for one in blocks(app, "links") if one["label"] == name)
    return {item["text"]: item["href"] for item in found["items"]}


def filters(app: AppTest) -> dict[str, Any]:
    """The filters above the page."""
    (found,) = blocks(app, "filters")
    return found


def markdown(app: AppTest) -> str:
    """Everything that the browser would read as Markdown."""
    return "\n".join([*_all(app, _MARKDOWN, "value"), *_all(app, _LABELLED, "label")])


def text(app: AppTest) -> str:
    """Everything that is shown as it is."""
    shown_as_is = [found.proto.json for found in app.get("bidi_component")]
    return "\n".join([*_all(app, ("text", "code"), "value"), *shown_as_is])


def _all(app: AppTest, kinds: tuple[str, ...], attribute: str) -> list[str]:
    return [str(getattr(element, attribute, "")) for kind in kinds for element in app.get(kind)]

"""The whole dashboard, with its filters and its routing, run by Streamlit's own test driver on real files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamlit.testing.v1 import AppTest

import plane_guard_dashboard
from tests.dashboard.evidence import write

if TYPE_CHECKING:
    import pytest
    from opentelemetry.sdk.trace import ReadableSpan

APP = Path(plane_guard_dashboard.__file__).with_name("app.py")


class Dashboard:
    """Opens the dashboard on the evidence of one folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("PLANE_GUARD_TRACES", str(folder))

    def holds(self, *spans: ReadableSpan, raw: bytes = b"") -> Dashboard:
        """Add evidence."""
        if raw:
            (self.folder / "raw.jsonl").write_bytes(raw)
        if spans:
            write(self.folder / "decisions-box-1.jsonl", *spans)
        return self

    def opened(self, page: str = "overview", /, **query: str | list[str]) -> AppTest:
        """A page, with these query parameters."""
        app = AppTest.from_file(str(APP), default_timeout=30)
        if page != "overview":
            app.switch_page(f"views/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app


def title(app: AppTest) -> str:
    """The sentence at the top."""
    return str(app.title[0].value)


def figures(app: AppTest) -> dict[str, str]:
    """The tiles."""
    return {metric.label: metric.value for metric in app.metric}

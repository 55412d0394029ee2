"""Links out: the template is of whoever runs the dashboard, the ids are somebody's text."""

from __future__ import annotations

import pytest

from plane_guard_dashboard.views.links import TRACE_URL, trace_link


@pytest.mark.parametrize(
    ("template", "link"),
    [
        ("https://jaeger/trace/{trace_id}?uiFind={span_id}", "https://jaeger/trace/ab?uiFind=c%2F%7Btrace_id%7D"),
        ("http://localhost:16686/trace/{trace_id}", "http://localhost:16686/trace/ab"),
        ("https://tempo/explore", "https://tempo/explore"),
        ("", None),
        ("javascript:alert('{trace_id}')", None),
        ("file:///{trace_id}", None),
        ("//jaeger/{trace_id}", None),
        ("https:///{trace_id}", None),
        ("https://{trace_id}.example/", None),
        ("https://[jaeger/{trace_id}", None),
    ],
)
def test_only_a_web_address_becomes_a_link(monkeypatch: pytest.MonkeyPatch, template: str, link: str | None) -> None:
    monkeypatch.setenv(TRACE_URL, template)
    assert trace_link("ab", "c/{trace_id}") == link


def test_without_a_trace_there_is_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACE_URL, "https://jaeger/{trace_id}")
    assert trace_link("", "c") is None
    monkeypatch.delenv(TRACE_URL)
    assert trace_link("ab", "c") is None

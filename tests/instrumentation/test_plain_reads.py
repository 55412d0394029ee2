"""What the shells let pass as a plain read is nothing that a judgement would have stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plane_guard import classify
from plane_guard.request import OVERRIDES
from plane_guard_instrumentation.clients import http_message
from plane_guard_instrumentation.enforcement import check

PATH = "/api/v1/workspaces/acme/projects/8c5a3025-4f9d-4190-b79f-fa06276bb27e/work-items/"
NAMES = [
    "Accept",
    "Content-Type",
    *OVERRIDES,
    *(name.title() for name in OVERRIDES),
    *(name.upper() for name in OVERRIDES),
]
METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "get", "Get", "POST", "PATCH", "DELETE", "QUERY", " GET", "GET "]
fields = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["x", "DELETE", "PATCH"])), max_size=3)


@given(st.sampled_from(METHODS), fields)
def test_a_plain_read_is_never_a_write(method: str, headers: list[tuple[str, str]]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    is_write = classify(method, "https://api.plane.so" + PATH, headers=raw) is not None

    assert check.is_read(method.encode(), raw) is not is_write


@given(st.sampled_from(METHODS), fields)
def test_a_head_is_a_plain_read_only_if_its_request_is(method: str, headers: list[tuple[str, str]]) -> None:
    lines = [f"{method} {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    head = http_message.as_sent([line.encode() for line in lines])
    raw = [(name.encode(), value.encode()) for name, value in headers]

    assert http_message.reads(head, http_message.Body()) == check.is_read(method.encode(), raw)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\nDELETE /api/v1/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nDELETE /api/v1/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nDELETE /api/v1/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nDELETE /api/v1/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n",
        b"GET / /api/ HTTP/1.1\r\n\r\n",
        b"",
    ],
)
def test_what_is_more_than_one_plain_head_is_judged(head: bytes) -> None:
    assert not http_message.reads(head, http_message.Body())


def test_a_read_with_a_body_is_judged() -> None:
    assert not http_message.reads(b"GET / HTTP/1.1\r\n\r\n", http_message.Body(b"POST /api/v1/ HTTP/1.1"))

"""Spans as lines of OTLP JSON, made from plain values, and read back.

OpenTelemetry's own exporter needs the SDK, and everything that the SDK uses can be replaced by a test. A test compares
these lines with what that exporter writes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.evidence import attributes as names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from plane_guard_instrumentation.evidence.sanitize import Attributes, Value
    from plane_guard_instrumentation.evidence.trace_context import SpanContext

_KIND_INTERNAL = 1
_STATUS_ERROR = 2
_FLAGS_CONTEXT_HAS_IS_REMOTE = 256
_FLAGS_CONTEXT_IS_REMOTE = 512
# A bound method of our own object: a mock of `json.dumps` does not reach it.
_encode: Callable[[object], str] = json.JSONEncoder(separators=(",", ":")).encode


class Span:
    """A finished span of plane-guard. A decision is a moment, so it ends when it starts."""

    __slots__ = (
        "attributes",
        "end_ns",
        "event",
        "is_error",
        "name",
        "parent",
        "resource",
        "span_id",
        "start_ns",
        "trace_id",
    )

    def __init__(  # noqa: PLR0913  the fields of a span
        self,
        name: str,
        *,
        trace_id: str,
        span_id: str,
        parent: SpanContext | None,
        start_ns: int,
        end_ns: int = 0,
        resource: Attributes,
        attributes: Attributes,
        event: Attributes | None = None,
        is_error: bool = False,
    ) -> None:
        self.name = name
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent = parent
        self.start_ns = start_ns
        self.end_ns = end_ns or start_ns
        self.resource = resource
        self.attributes = attributes
        self.event = event
        self.is_error = is_error


def line(span: Span) -> bytes:
    """Return a span as one line of OTLP JSON."""
    scope = {"name": names.SCOPE, "version": span.resource[names.VERSION]}
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": key_values(span.resource)},
                "scopeSpans": [{"scope": scope, "spans": [_span(span)], "schemaUrl": names.SCHEMA_URL}],
                "schemaUrl": names.SCHEMA_URL,
            }
        ]
    }
    return f"{_encode(document)}\n".encode()


def spans(text: str) -> list[dict[str, Any]]:
    """Return the spans of a line; none if it is no line of ours, such as one that is not complete yet."""
    try:
        resources = json.loads(text)["resourceSpans"]
        return [span for one in resources for scope in one["scopeSpans"] for span in scope["spans"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def values(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span or event of such a line. A number is text there, and a list has ``values``."""
    try:
        return {pair["key"]: next(iter(pair["value"].values())) for pair in owner.get("attributes", ())}
    except (KeyError, TypeError, AttributeError, StopIteration):
        return {}


def _span(span: Span) -> dict[str, object]:
    start = str(span.start_ns)
    found: dict[str, object] = {"traceId": span.trace_id, "spanId": span.span_id, "flags": _flags(span.parent)}
    if span.parent is not None:
        found["parentSpanId"] = span.parent.span_id
        if span.parent.state:
            found["traceState"] = span.parent.state
    found |= {"name": span.name, "kind": _KIND_INTERNAL, "startTimeUnixNano": start}
    found["endTimeUnixNano"] = str(span.end_ns)
    if span.attributes:
        found["attributes"] = key_values(span.attributes)
    if span.event is not None:
        found["events"] = [{"timeUnixNano": start, "name": span.name, "attributes": key_values(span.event)}]
    found["status"] = {"code": _STATUS_ERROR} if span.is_error else {}
    return found


def _flags(parent: SpanContext | None) -> int:
    return _FLAGS_CONTEXT_HAS_IS_REMOTE | (_FLAGS_CONTEXT_IS_REMOTE if parent and parent.is_remote else 0)


def key_values(attributes: Mapping[str, Value]) -> list[object]:
    """Return attributes as OTLP writes them."""
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: Value) -> dict[str, object]:
    # By exact type: a mock of `isinstance` would turn a text into a flag.
    return _BY_TYPE[type(value)](value)


def _array(values: Iterable[str]) -> dict[str, object]:
    found = [{"stringValue": value} for value in values]
    return {"arrayValue": {"values": found} if found else {}}


_BY_TYPE: Mapping[type, Callable[..., dict[str, object]]] = {
    str: lambda value: {"stringValue": value},
    bool: lambda value: {"boolValue": value},
    int: lambda value: {"intValue": str(value)},
    list: _array,
}

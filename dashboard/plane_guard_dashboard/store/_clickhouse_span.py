"""A span of the table as JSON text, with the field names of OTLP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.store._clickhouse_client import Connection
    from plane_guard_dashboard.store._clickhouse_table import Table

# Field names of OTLP and their columns. Queries name only columns that the table has.
_PLAIN: Mapping[str, str] = {
    "traceId": "TraceId",
    "spanId": "SpanId",
    "parentSpanId": "ParentSpanId",
    "traceState": "TraceState",
    "name": "SpanName",
    "kind": "SpanKind",
    "scope": "ScopeName",
    "scopeVersion": "ScopeVersion",
    "statusCode": "StatusCode",
    "statusMessage": "StatusMessage",
    "resource": "ResourceAttributes",
    "attributes": "SpanAttributes",
}
_COMPUTED: Mapping[str, str] = {
    "startTimeUnixNano": "toUnixTimestamp64Nano(Timestamp)",
    "endTimeUnixNano": "toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)",
    "eventTimes": "arrayMap(at -> toUnixTimestamp64Nano(at), Events.Timestamp)",
    "eventNames": "Events.Name",
    "eventAttributes": "Events.Attributes",
}


def span_as_json(connection: Connection, table: Table, trace_id: str, span_id: str) -> str | None:
    """Return the span with its attributes and events, or None if the table does not have it."""
    plain = {name: column for name, column in _PLAIN.items() if column in table.columns}
    columns = {**plain, **_COMPUTED}
    wanted = ", ".join(f"{source} AS {name}" for name, source in columns.items())
    where = "TraceId = {trace:String} AND SpanId = {span:String}"
    sql = f"SELECT {wanted} FROM {table.quoted} WHERE {where} LIMIT 1"  # noqa: S608 - constants
    for values in connection.ask(sql, {"trace": trace_id, "span": span_id}).result_rows:
        return json.dumps(_nested(dict(zip(columns, values, strict=True))), indent=2, ensure_ascii=False, default=str)
    return None


def _nested(span: dict[str, Any]) -> dict[str, Any]:
    events = zip(span.pop("eventTimes"), span.pop("eventNames"), span.pop("eventAttributes"), strict=True)
    listed = [{"timeUnixNano": at, "name": name, "attributes": attributes} for at, name, attributes in events]
    return {name: value for name, value in span.items() if value != ""} | {"events": listed}

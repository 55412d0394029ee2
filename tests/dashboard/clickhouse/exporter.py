"""Puts spans into ClickHouse as the collector's exporter does: every value a text, statuses and kinds as words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event

from tests.dashboard.evidence import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clickhouse_connect.driver.client import Client
    from opentelemetry.sdk.trace import ReadableSpan

SCHEMA = Path(__file__).parents[3] / "deploy" / "clickhouse.sql"
MAKES_TABLES = ("CREATE DATABASE", "CREATE TABLE", "CREATE MATERIALIZED VIEW")
COLUMNS = [
    "Timestamp",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "SpanName",
    "SpanKind",
    "ServiceName",
    "ResourceAttributes",
    "SpanAttributes",
    "Duration",
    "StatusCode",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
]


def statements(text: str) -> Iterator[str]:
    """The statements of a script, without its comments."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    yield from filter(None, (one.strip() for one in code.split(";")))


def tables(name: str, *, json_type: bool = False) -> list[str]:
    """The statements that make the exporter's tables, in a database of this name."""
    found = [one for one in statements(SCHEMA.read_text()) if one.startswith(MAKES_TABLES)]
    made = [
        one.replace("plane_guard.", f"{name}.").replace("DATABASE IF NOT EXISTS plane_guard", f"DATABASE {name}")
        for one in found
    ]
    return [_with_json(one) for one in made] if json_type else made


def _with_json(statement: str) -> str:
    lines = [line for line in statement.splitlines() if not ("INDEX" in line and "_attr_" in line)]
    return "\n".join(lines).replace("Map(LowCardinality(String), String)", "JSON")


def as_text(value: object) -> str:
    """As Go's `Value.AsString` writes it."""
    if isinstance(value, str):
        return value
    return json.dumps(list(value) if isinstance(value, tuple | list) else value, separators=(",", ":"))


def row(span: ReadableSpan, *, json_type: bool = False) -> list[Any]:
    """The row that the exporter makes of a span."""

    def attributes(found: Mapping[str, Any] | None) -> Any:
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in (found or {}).items()}
        return plain if json_type else {name: as_text(value) for name, value in plain.items()}

    events = [event for event in span.events if isinstance(event, Event)]
    return [
        span.start_time,
        f"{span.context.trace_id:032x}",
        f"{span.context.span_id:016x}",
        f"{span.parent.span_id:016x}" if span.parent else "",
        span.name,
        span.kind.name.title(),
        str(span.resource.attributes.get("service.name", "")),
        attributes(span.resource.attributes),
        attributes(span.attributes),
        (span.end_time or 0) - (span.start_time or 0),
        span.status.status_code.name.title(),
        [event.timestamp for event in events],
        [event.name for event in events],
        [attributes(event.attributes) for event in events],
    ]


def insert(client: Client, database: str, *spans: ReadableSpan, json_type: bool = False) -> None:
    """One insert, as the exporter's queue makes one of many spans."""
    rows = [row(span, json_type=json_type) for span in spans]
    client.insert("otel_traces", rows, column_names=COLUMNS, database=database)


def insert_log_records(client: Client, database: str, *spans: ReadableSpan) -> None:
    """Make the exporter's table of log records, and insert the record of each decision on these spans."""
    columns = {
        "Timestamp": "DateTime64(9)",
        "TraceId": "String",
        "SpanId": "String",
        "EventName": "String",
        "LogAttributes": "Map(String, String)",
    }
    kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    client.command(f"CREATE TABLE {database}.otel_logs ({kinds}) ENGINE = MergeTree ORDER BY Timestamp")
    rows = [
        [time, trace, span, name, attributes]
        for found in map(row, spans)
        for (_, trace, span), times, names, all_attributes in [(found[:3], *found[-3:])]
        for time, name, attributes in zip(times, names, all_attributes, strict=True)
    ]
    client.insert("otel_logs", rows, column_names=list(columns), database=database)


def moments(count: int, start: int) -> list[int]:
    """One per second."""
    return [start + number * SECOND for number in range(count)]

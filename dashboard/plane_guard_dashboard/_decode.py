"""Spans to rows: picks plane-guard's own spans and events out of a document and types their attributes."""

from __future__ import annotations

import re
import types
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from plane_guard_dashboard import _otlp, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from plane_guard_dashboard._otlp import Json, Value


def _types(row: type) -> dict[str, type]:
    """The plain type of each field: `str` for `str | None`."""
    hints = get_type_hints(row, vars(rows), {"Mapping": dict})
    kinds = {f.name: hints[f.name] for f in fields(row)}
    return {name: get_args(kind)[0] if isinstance(kind, types.UnionType) else kind for name, kind in kinds.items()}


_ID = re.compile(r"[0-9A-Fa-f]{0,32}")
_DECISION_TYPES = _types(rows.DecisionRow)
_SESSION_TYPES = {**_types(rows.SessionRow), "shells": tuple}


def decode(found: Json, problems: list[str]) -> Iterator[rows.DecisionRow | rows.SessionRow]:
    """Every decision and session in a document."""
    resources: dict[int, dict[str, Any]] = {}
    for resource, span in _otlp.spans(found, problems):
        events = [e for e in _otlp.objects(span, "events", problems) if e.get("name") == rows.DECISION]
        is_session = span.get("name") == rows.SESSION
        if not events and not is_session:
            continue
        if id(resource) not in resources:
            resources[id(resource)] = _resource(resource, problems)
        origin = resources[id(resource)] | _place(span, problems)
        if is_session:
            yield _session(span, origin, problems)
        for index, event in enumerate(events):
            row = _decision(span, event, index, origin, problems)
            if row is not None:
                yield row


def _resource(resource: Json, problems: list[str]) -> dict[str, Any]:
    found = _otlp.attributes(resource, problems)
    context = {k: str(v) for k, v in found.items() if k.startswith(rows.CONTEXT_PREFIXES)}
    return _typed(found, rows.RESOURCE_ATTRIBUTES, _DECISION_TYPES, problems) | {"context": context}


def _place(span: Json, problems: list[str]) -> dict[str, Any]:
    return {
        "trace_id": _hex(span, "traceId", problems),
        "span_id": _hex(span, "spanId", problems),
        "parent_span_id": _hex(span, "parentSpanId", problems),
    }


def _session(span: Json, origin: dict[str, Any], problems: list[str]) -> rows.SessionRow:
    found = _otlp.attributes(span, problems)
    values = _typed(found, rows.SESSION_ATTRIBUTES, _SESSION_TYPES, problems)
    return rows.SessionRow(**origin, **values, time_ns=_time([span.get("startTimeUnixNano")], problems))


def _decision(
    span: Json, event: Json, index: int, origin: dict[str, Any], problems: list[str]
) -> rows.DecisionRow | None:
    values = _typed(_otlp.attributes(event, problems), rows.EVENT_ATTRIBUTES, _DECISION_TYPES, problems)
    try:
        values["outcome"] = rows.Outcome(values.get("outcome", ""))
    except ValueError:
        problems.append("a decision without a known outcome")
        return None
    values.setdefault("decision_id", f"{origin['trace_id']}-{origin['span_id']}-{index}")
    when = _time([event.get("timeUnixNano"), span.get("startTimeUnixNano")], problems)
    return rows.DecisionRow(**origin, **values, time_ns=when, span_name=str(span.get("name")))


def _typed(
    found: Mapping[str, Value], names: Mapping[str, str], kinds: Mapping[str, type], problems: list[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, name in names.items():
        value = found.get(name)
        if value is None:
            continue
        kind = kinds[column]
        if kind is int and isinstance(value, str):
            value = _otlp.integer(value)
        if isinstance(value, str if kind is rows.Outcome else kind) and not (kind is int and isinstance(value, bool)):
            values[column] = value
        else:
            problems.append(f"{name} has the wrong type")
    return values


def _time(candidates: Iterable[object], problems: list[str]) -> int:
    for candidate in candidates:
        value = _otlp.integer(candidate)
        if value is not None and value > 0:
            return value
    problems.append("a time that is missing or out of range")
    return 0


def _hex(span: Json, key: str, problems: list[str]) -> str:
    value = span.get(key, "")
    if isinstance(value, str) and _ID.fullmatch(value):
        return value.lower()
    problems.append(f"{key} is not an id")
    return ""

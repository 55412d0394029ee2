"""Spans to rows: picks plane-guard's own spans and events out of a document and types their attributes."""

from __future__ import annotations

import re
import types
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_type_hints

from plane_guard_dashboard.evidence import otlp, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plane_guard_dashboard.evidence.otlp import Json, Value


def _types(row: type) -> dict[str, type]:
    """The plain type of each field: `str` for `str | None`."""
    hints = get_type_hints(row, vars(rows), {"Mapping": dict})
    kinds = {f.name: hints[f.name] for f in fields(row)}
    return {name: get_args(kind)[0] if isinstance(kind, types.UnionType) else kind for name, kind in kinds.items()}


_ID = re.compile(r"[0-9A-Fa-f]{0,32}")
_DECISION_TYPES = _types(rows.DecisionRow)
_SESSION_TYPES = {**_types(rows.SessionRow), "shells": tuple}
_RESOURCE = {name: column for column, name in rows.RESOURCE_ATTRIBUTES.items()}
_EVENT = {name: column for column, name in rows.EVENT_ATTRIBUTES.items()}
_SESSION = {name: column for column, name in rows.SESSION_ATTRIBUTES.items()}
_TEXTS = {name: column for name, column in _EVENT.items() if _DECISION_TYPES[column] in (str, rows.Outcome)}
_NUMBERS = {name: column for name, column in _EVENT.items() if _DECISION_TYPES[column] is int}
_LONGEST = otlp.LONGEST_TEXT
_SHORT = otlp.SURELY_64_BITS
_OUTCOMES = {str(outcome): outcome for outcome in rows.Outcome}

Own: TypeAlias = tuple[type[rows.DecisionRow] | type[rows.SessionRow], dict[str, Any]]


def decode(found: Json, problems: list[str]) -> Iterator[rows.DecisionRow | rows.SessionRow]:
    """Every decision and session in a document."""
    origins: dict[int, dict[str, Any]] = {}
    for resource, span in otlp.spans(found, problems):
        for kind, values in own(span, problems):
            if id(resource) not in origins:
                origins[id(resource)] = origin(resource, problems)
            yield kind(**origins[id(resource)], **values)


def own(span: Json, problems: list[str]) -> list[Own]:
    """What plane-guard said in a span: the kind of each row and its values, without those of the resource."""
    events = [e for e in otlp.objects(span, "events", problems) if e.get("name") == rows.DECISION]
    is_session = span.get("name") == rows.SESSION
    if not events and not is_session:
        return []
    place = ids(span, problems)
    found: list[Own] = [(rows.SessionRow, _session(span, place, problems))] if is_session else []
    for index, event in enumerate(events):
        values = _decision(span, event, index, place, problems)
        if values is not None:
            found.append((rows.DecisionRow, values))
    return found


def carrier(found: Json, decision_id: str) -> Json | None:
    """The span that carries a decision, plane-guard's own rather than a copy of the event on another one."""
    problems: list[str] = []
    carriers = [
        span
        for _, span in otlp.spans(found, problems)
        if any(values.get("decision_id") == decision_id for _, values in own(span, problems))
    ]
    return min(carriers, key=lambda span: span.get("name") != rows.DECISION, default=None)


def origin(resource: Json, problems: list[str]) -> dict[str, Any]:
    """The values that every row of a resource shares."""
    found = otlp.attributes(resource, problems)
    context = {k: str(v) for k, v in found.items() if k.startswith(rows.CONTEXT_PREFIXES)}
    return _typed(found, _RESOURCE, _DECISION_TYPES, problems) | {"context": context}


def ids(span: Json, problems: list[str]) -> dict[str, Any]:
    """The ids of a span, as lower-case hexadecimal text."""
    return {
        "trace_id": _hex(span, "traceId", problems),
        "span_id": _hex(span, "spanId", problems),
        "parent_span_id": _hex(span, "parentSpanId", problems),
    }


def _session(span: Json, place: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    found = otlp.attributes(span, problems)
    values = _typed(found, _SESSION, _SESSION_TYPES, problems)
    return {**place, **values, "time_ns": _time(problems, span.get("startTimeUnixNano"))}


def _decision(span: Json, event: Json, index: int, place: dict[str, Any], problems: list[str]) -> dict[str, Any] | None:
    values = _of_event(event, problems)
    outcome = _OUTCOMES.get(values.get("outcome", ""))
    if outcome is None:
        problems.append("a decision without a known outcome")
        return None
    values["outcome"] = outcome
    if "decision_id" not in values:
        values["decision_id"] = f"{place['trace_id']}-{place['span_id']}-{index}"
    values["time_ns"] = _time(problems, event.get("timeUnixNano"), span.get("startTimeUnixNano"))
    values["span_name"] = otlp.text(str(span.get("name")))
    values.update(place)
    return values


def _of_event(event: Json, problems: list[str]) -> dict[str, Any]:
    """As `_typed` of `_otlp.attributes`; plain texts and digits, which nearly all values are, take a short way."""
    values: dict[str, Any] = {}
    rest: list[Json] = []
    items = event.get("attributes")
    for item in items if type(items) is list else otlp.objects(event, "attributes", problems):
        try:
            name, written = item["key"], item["value"]
            if len(written) == 1:
                if name in _TEXTS:
                    value = written["stringValue"]
                    if value.isascii() and len(value) <= _LONGEST:
                        values[_TEXTS[name]] = value
                        continue
                elif name in _NUMBERS:
                    value = written["intValue"]
                    if value.isdigit() and len(value) <= _SHORT and value.isascii():
                        values[_NUMBERS[name]] = int(value)
                        continue
        except (KeyError, TypeError, AttributeError):
            pass  # not written like that
        rest.append(item)
    if rest:
        found = otlp.attributes({"attributes": rest}, problems)
        values |= _typed(found, _EVENT, _DECISION_TYPES, problems)
    return values


def _typed(
    found: Mapping[str, Value], columns: Mapping[str, str], kinds: Mapping[str, type], problems: list[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in found.items():
        column = columns.get(name)
        if column is None:
            continue
        kind = kinds[column]
        typed = otlp.integer(value) if kind is int else value
        if isinstance(typed, str if kind is rows.Outcome else kind):
            values[column] = typed
        else:
            problems.append(f"{name} has the wrong type")
    return values


def _time(problems: list[str], *candidates: object) -> int:
    for candidate in candidates:
        value = otlp.integer(candidate)
        if value is not None and value > 0:
            return value
    problems.append("a time that is missing or out of range")
    return 0


def _hex(span: Json, key: str, problems: list[str]) -> str:
    value = span.get(key, "")
    if value == "":
        return ""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value.lower()
    problems.append(f"{key} is not an id")
    return ""

"""Documents to rows: plane-guard's own spans, events and log records, with typed attributes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import types
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_type_hints

from plane_guard_dashboard.evidence import otlp, rows
from plane_guard_dashboard.evidence.rows import job_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plane_guard_dashboard.evidence.otlp import Json, Value


def _types(row: type) -> dict[str, type]:
    """The plain type of each field: `str` for `str | None`."""
    hints = get_type_hints(row, vars(rows), {"Mapping": dict})
    kinds = {f.name: hints[f.name] for f in fields(row)}
    return {name: get_args(kind)[0] if isinstance(kind, types.UnionType) else kind for name, kind in kinds.items()}


_ID = re.compile(r"[0-9A-Fa-f]{0,32}")
_BASE64_ID = re.compile(r"[A-Za-z0-9+/]{11}=|[A-Za-z0-9+/]{22}==")  # 8 or 16 bytes
_DECISION_TYPES = _types(rows.DecisionRow)
_SESSION_TYPES = {**_types(rows.SessionRow), "shells": tuple, "uncovered": tuple, "test_keys": tuple}
_RESOURCE = {name: column for column, name in rows.RESOURCE_ATTRIBUTES.items()}
_EVENT = {name: column for column, name in rows.EVENT_ATTRIBUTES.items()}
_SESSION = {name: column for column, name in rows.SESSION_ATTRIBUTES.items()}
_TEXTS = {name: column for name, column in _EVENT.items() if _DECISION_TYPES[column] in (str, rows.Outcome)}
_NUMBERS = {name: column for name, column in _EVENT.items() if _DECISION_TYPES[column] is int}
_LONGEST = otlp.LONGEST_TEXT
_SHORT = otlp.SURELY_64_BITS
_OUTCOMES = {str(outcome): outcome for outcome in rows.Outcome}
_MOST_RESOURCES = 1_000
_TARGETS = frozenset(map(str, rows.Target))

Own: TypeAlias = tuple[type[rows.DecisionRow] | type[rows.SessionRow], dict[str, Any]]


class Origins:
    """The values of resources. Those of one process are on each of its lines, and are decoded once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[dict[str, Any], tuple[str, ...]]] = {}

    def of(self, resource: Json, problems: list[str]) -> dict[str, Any]:
        """Return the values that every row of a resource shares."""
        key = otlp.digest(resource)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_RESOURCES:
                self._known.clear()
            found: list[str] = []
            known = self._known[key] = origin(resource, found), tuple(found)
        problems.extend(known[1])
        return known[0]


def decode(
    found: Json, problems: list[str], origins: Origins | None = None
) -> Iterator[rows.DecisionRow | rows.SessionRow]:
    """Yield every decision and session of a document."""
    origins = origins or Origins()
    for resource, kind, values in _all(found, problems):
        yield kind(**origins.of(resource, problems), **values)


def _all(found: Json, problems: list[str]) -> Iterator[tuple[Json, type[Any], dict[str, Any]]]:
    for resource, span in otlp.spans(found, problems):
        for kind, values in own(span, problems, resource):
            yield resource, kind, values
    for resource, record in otlp.log_records(found, problems):
        for kind, values in of_log(record, problems, resource):
            yield resource, kind, values


def own(span: Json, problems: list[str], resource: Json | None = None) -> list[Own]:
    """Return the rows of a span: the kind of each and its values, without those of the resource."""
    is_decision, is_session = span.get("name") == rows.DECISION, span.get("name") == rows.SESSION
    before = len(problems)
    events = [e for e in otlp.objects(span, "events", problems) if e.get("name") == rows.DECISION]
    if not events and not is_session and not is_decision:
        return []
    place = ids(span, problems)
    found: list[Own] = [(rows.SessionRow, _session(span, place, problems))] if is_session else []
    for index, event in enumerate(events):
        values = _decision(event, event.get("timeUnixNano"), span.get("startTimeUnixNano"), problems)
        if values is not None:
            if "decision_id" not in values:
                values["decision_id"] = _without_id(place, str(index), (resource, event))
            values.update(place)
            values["span_name"] = otlp.text(str(span.get("name")))
            found.append((rows.DecisionRow, values))
    if is_decision and not events and len(problems) == before:
        problems.append("a decision span without its event")
    if is_decision and not events:
        found += _of_attributes(span, place, problems, resource)
    return found


def of_log(record: Json, problems: list[str], resource: Json | None = None) -> list[Own]:
    """Return the decision of a log record, without the values of the resource."""
    if not _is_decision(record):
        return []
    place = {**ids(record, problems), "span_name": ""}
    values = _decision(record, record.get("timeUnixNano"), record.get("observedTimeUnixNano"), problems)
    if values is None:
        return []
    values.setdefault("decision_id", _without_id(place, "log", (resource, record)))
    return [(rows.DecisionRow, {**values, **place})]


def _is_named(record: Json) -> bool:
    """Return True for a record in the older form, which has the name of the event in an attribute."""
    items = record.get("attributes")
    expected = {"key": "event.name", "value": {"stringValue": rows.DECISION}}
    return isinstance(items, list) and expected in items


def _of_attributes(span: Json, place: dict[str, Any], problems: list[str], resource: Json | None) -> list[Own]:
    """Return the decision of a span that lost its event; the span repeats outcome and target."""
    values = _decision(span, span.get("startTimeUnixNano"), None, problems)
    if values is None:
        return []
    values.setdefault("decision_id", _without_id(place, "0", (resource, span)))
    return [(rows.DecisionRow, {**values, **place, "span_name": rows.DECISION})]


def _without_id(place: dict[str, Any], index: str, content: object) -> str:
    """Return an identity for a decision without an id: its place in the trace, else a digest of everything it says."""
    if place["trace_id"] or place["span_id"]:
        return f"{place['trace_id']}-{place['span_id']}-{index}"
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def carrier(found: Json, decision_id: str) -> Json | None:
    """Return the span or log record of a decision; its own span rather than a copy of the event on another one."""
    problems: list[str] = []
    carriers = [
        span
        for resource, span in otlp.spans(found, problems)
        if any(values.get("decision_id") == decision_id for _, values in own(span, problems, resource))
    ]
    records = (
        record
        for resource, record in otlp.log_records(found, problems)
        if any(values.get("decision_id") == decision_id for _, values in of_log(record, problems, resource))
    )
    return min(carriers, key=lambda span: span.get("name") != rows.DECISION, default=None) or next(records, None)


def origin(resource: Json, problems: list[str]) -> dict[str, Any]:
    """Return the values that every row of a resource shares."""
    found = otlp.attributes(resource, problems)
    context = {k: str(v) for k, v in found.items() if k.startswith(rows.CONTEXT_PREFIXES)}
    return _typed(found, _RESOURCE, _DECISION_TYPES, problems) | {"context": context}


def runs(found: Json, origins: Origins) -> Iterator[tuple[str | None, str, int]]:
    """Yield run id, CI job and start time of each span or log record of plane-guard. Much faster than `decode`."""
    ignored: list[str] = []
    for members, is_own in ((otlp.spans, _is_own), (otlp.log_records, _is_decision)):
        for resource, member in members(found, ignored):
            if is_own(member):
                values = origins.of(resource, ignored)
                time_ns = otlp.integer(member.get("startTimeUnixNano") or member.get("timeUnixNano"))
                yield values.get("run_id"), job_of(values["context"]), time_ns or 0


def _is_own(span: Json) -> bool:
    if span.get("name") in (rows.DECISION, rows.SESSION):
        return True
    return any(event.get("name") == rows.DECISION for event in otlp.objects(span, "events", []))


def _is_decision(record: Json) -> bool:
    return record.get("eventName") == rows.DECISION or _is_named(record)


def ids(span: Json, problems: list[str]) -> dict[str, Any]:
    """Return the ids of a span, as lower-case hexadecimal text; base64 ones are converted."""
    return {
        "trace_id": _hex(span, "traceId", problems),
        "span_id": _hex(span, "spanId", problems),
        "parent_span_id": _hex(span, "parentSpanId", problems),
    }


def _session(span: Json, place: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    found = otlp.attributes(span, problems)
    values = _typed(found, _SESSION, _SESSION_TYPES, problems)
    end_ns = otlp.integer(span.get("endTimeUnixNano")) or 0
    return {**place, **values, "time_ns": _time(problems, span.get("startTimeUnixNano")), "end_ns": end_ns}


def _decision(holder: Json, time: object, otherwise: object, problems: list[str]) -> dict[str, Any] | None:
    """Return the values of a decision from the attributes of an event, span or log record."""
    values = _of_event(holder, problems)
    outcome = _OUTCOMES.get(values.get("outcome", ""))
    if outcome is None:
        problems.append("a decision without a known outcome")
        return None
    if values.get("target", rows.Target.UNRESOLVED) not in _TARGETS:
        # Counted as what it says, but nobody can tell what that means.
        problems.append("a decision with an unknown target")
    values["outcome"] = outcome
    values["time_ns"] = _time(problems, time, otherwise)
    return values


def _of_event(event: Json, problems: list[str]) -> dict[str, Any]:
    """Return typed attributes. Plain texts and digits, which nearly all values are, take a short way."""
    values: dict[str, Any] = {}
    rest: list[Json] = []
    texts = _TEXTS  # this loop is a fifth of the time that reading takes
    items = event.get("attributes")
    for item in items if type(items) is list else otlp.objects(event, "attributes", problems):
        try:
            name, written = item["key"], item["value"]
            if len(written) == 1:
                if name in texts:
                    value = written["stringValue"]
                    if value.isascii() and len(value) <= _LONGEST:
                        values[texts[name]] = value
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
        if value is not None and 0 < value < otlp.LARGEST_INT:  # a period ends before the largest one
            return value
    problems.append("a time that is missing or out of range")
    return 0


def _hex(span: Json, key: str, problems: list[str]) -> str:
    value = span.get(key, "")
    if value == "":
        return ""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value.lower()
    if isinstance(value, str) and _BASE64_ID.fullmatch(value):
        # The mapping of protobuf to JSON writes bytes so; only OTLP-JSON writes ids in hexadecimal.
        return base64.b64decode(value).hex()
    problems.append(f"{key} is not an id")
    return ""

"""A named query as one statement for ClickHouse, with the relations in front that it names.

Nothing that a user or an attribute brings becomes part of the text: values travel as parameters.
"""
# ruff: noqa: S608 - what is put together here are constants and a table's name that was checked

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.rows import DECISION, SESSION
from plane_guard_dashboard.store._clickhouse_relations import RELATIONS, events
from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS
from plane_guard_dashboard.store.queries import QUERIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.store._clickhouse_table import Table

PARAMETER = re.compile(r"\$(\w+)")
_TYPES: Mapping[type, str] = {bool: "Bool", int: "Int64", str: "String", list: "Array(String)", tuple: "Array(String)"}
_WINDOW = "time_ns >= $since_ns AND time_ns < $until_ns"
# An aggregate under the name of a column hides the column in ClickHouse: it gets another name on the way.
_COLUMNS = frozenset({*DECISIONS, *SESSIONS, *SPANS})
_AGGREGATE = re.compile(r"\)\s+AS\s+(\w+)")
_MARK = "__shown"
# Nothing is in an empty list: without the condition the column need not be read.
_MEMBER = re.compile(r"has\(\$(\w+), \w+\)")


def statement(name: str, parameters: Mapping[str, object], table: Table) -> str:
    """A named query as ClickHouse reads it, with the relations in front that it names."""
    sql = " ".join(QUERIES[name].split())
    body = _AGGREGATE.sub(lambda m: f") AS {m[1]}{_MARK}" if m[1] in _COLUMNS else m[0], sql)
    used = [relation for relation in RELATIONS if re.search(rf"\bFROM {relation}\b", sql)]
    relations = ", ".join(f"{relation} AS ({_relation(relation, sql, table)})" for relation in used)
    text = f"WITH {relations} {body}" if relations else body
    text = _MEMBER.sub(lambda m: m[0] if parameters[m[1]] else "false", text)
    return PARAMETER.sub(lambda m: f"{{{m[1]}:{_type(parameters[m[1]])}}}", text)


def shown_name(column: str) -> str:
    """The name that the query gave to a column of its answer."""
    return column.removesuffix(_MARK)


def _type(value: object) -> str:
    return next(name for kind, name in _TYPES.items() if isinstance(value, kind))


def _relation(name: str, sql: str, table: Table) -> str:
    """Of the span's time only a part is read where every use of the relation asks for no more; likewise of a trace."""
    conditions = []
    if _always(sql, name, _WINDOW):
        # a span starts before its event, and lasts an hour at most
        conditions.append("Timestamp >= fromUnixTimestamp64Nano($since_ns - 3600000000000)")
        conditions.append("Timestamp < fromUnixTimestamp64Nano($until_ns)")
    if _always(sql, name, "trace_id = $trace_id"):
        conditions.append("TraceId = $trace_id")
    return RELATIONS[name](table, conditions)


def _always(sql: str, relation: str, condition: str) -> bool:
    """Whether the relation is read under this condition alone, wherever it is read."""
    return not re.search(rf"\bFROM {relation}\b(?! WHERE {re.escape(condition)}\b)", sql)


def generation(table: Table) -> str:
    """Count plane-guard's spans, and find the start of the newest."""
    return f"""
SELECT count(), toUnixTimestamp64Nano(max(Timestamp)) FROM {table.quoted}
WHERE SpanName = '{SESSION}' OR has(Events.Name, '{DECISION}')"""


def account(table: Table, *conditions: str) -> str:
    """The numbers of events, of decisions, of events without a known outcome, and of spans of plane-guard's."""
    sessions = " AND ".join((f"SpanName = '{SESSION}'", *conditions))
    return f"""
SELECT count(), uniqExactIf(decision_id, outcome IN ('allow', 'block')), countIf(outcome NOT IN ('allow', 'block')),
  uniqExact(trace_id, span_id) + (SELECT count() FROM {table.quoted} WHERE {sessions})
FROM ({events(table, *conditions)})"""

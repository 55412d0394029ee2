"""Named queries as statements for ClickHouse.

Values of users and attributes are passed as parameters and never become part of the SQL text.
"""
# ruff: noqa: S608 - what is put together here are constants and a table's name that was checked

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.rows import DECISION, SESSION
from plane_guard_dashboard.store._clickhouse_relations import RELATIONS, events
from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS
from plane_guard_dashboard.store.queries import PARAMETER, QUERIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.store._clickhouse_table import Table

_TYPES: Mapping[type, str] = {bool: "Bool", int: "Int64", str: "String", list: "Array(String)", tuple: "Array(String)"}
_WINDOW = "time_ns >= $since_ns AND time_ns < $until_ns"
# In ClickHouse an aggregate with the name of a column hides the column, so it gets a temporary name.
_COLUMNS = frozenset({*DECISIONS, *SESSIONS, *SPANS})
_AGGREGATE = re.compile(r"\)\s+AS\s+(\w+)")
_MARK = "__shown"
# No value is in an empty list. Without the condition ClickHouse does not read the column.
_MEMBER = re.compile(r"has\(\$(\w+), \w+\)")


def statement(name: str, parameters: Mapping[str, object], table: Table) -> str:
    """Return a named query in the dialect of ClickHouse, with its relations as common table expressions."""
    sql = " ".join(QUERIES[name].split())
    body = _AGGREGATE.sub(lambda m: f") AS {m[1]}{_MARK}" if m[1] in _COLUMNS else m[0], sql)
    used = [relation for relation in RELATIONS if re.search(rf"\bFROM {relation}\b", sql)]
    relations = ", ".join(f"{relation} AS ({_relation(relation, sql, table)})" for relation in used)
    text = f"WITH {relations} {body}" if relations else body
    text = _MEMBER.sub(lambda m: m[0] if parameters[m[1]] else "false", text)
    return PARAMETER.sub(lambda m: f"{{{m[1]}:{_type(parameters[m[1]])}}}", text)


def shown_name(column: str) -> str:
    """Return the name that the query gave to a column of its result."""
    return column.removesuffix(_MARK)


def _type(value: object) -> str:
    return next(name for kind, name in _TYPES.items() if isinstance(value, kind))


def _relation(name: str, sql: str, table: Table) -> str:
    """Return SQL for a relation. It is limited to a time window or a trace if every use in the query is."""
    conditions = []
    if _always(sql, name, _WINDOW):
        # a span starts before its event, and lasts an hour at most
        conditions.append("Timestamp >= fromUnixTimestamp64Nano($since_ns - 3600000000000)")
        conditions.append("Timestamp < fromUnixTimestamp64Nano($until_ns)")
    if _always(sql, name, "trace_id = $trace_id"):
        conditions.append("TraceId = $trace_id")
    return RELATIONS[name](table, conditions)


def _always(sql: str, relation: str, condition: str) -> bool:
    """Return True if the query always reads the relation under this condition."""
    return not re.search(rf"\bFROM {relation}\b(?! WHERE {re.escape(condition)}\b)", sql)


def generation(table: Table) -> str:
    """Return SQL that counts the spans of plane-guard and finds the start of the newest one."""
    return f"""
SELECT count(), toUnixTimestamp64Nano(max(Timestamp)) FROM {table.quoted}
WHERE SpanName = '{SESSION}' OR has(Events.Name, '{DECISION}')"""


def account(table: Table, *conditions: str) -> str:
    """Return SQL that counts events, decisions, events with an unknown outcome, and spans of plane-guard."""
    sessions = " AND ".join((f"SpanName = '{SESSION}'", *conditions))
    return f"""
SELECT count(), uniqExactIf(decision_id, outcome IN ('allow', 'block')), countIf(outcome NOT IN ('allow', 'block')),
  uniqExact(trace_id, span_id) + (SELECT count() FROM {table.quoted} WHERE {sessions})
FROM ({events(table, *conditions)})"""

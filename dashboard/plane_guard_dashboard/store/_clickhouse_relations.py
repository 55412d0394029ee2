"""The three relations as SQL over the table that the collector's ClickHouse exporter fills.

The exporter writes every value of an attribute as a text, and an absent one reads as an empty text. What a file
reader derives from an event is derived here in SQL, once per column; ClickHouse computes the columns that are asked
for.
"""
# ruff: noqa: S608 - what is put together here are constants and a table's name that was checked

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard import verdicts
from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.otlp import LONGEST_TEXT
from plane_guard_dashboard.evidence.rows import (
    DECISION,
    DEMO_SERVICE,
    EVENT_ATTRIBUTES,
    SESSION,
    SESSION_ATTRIBUTES,
    UNKNOWN,
)
from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plane_guard.verdicts import Rule
    from plane_guard_dashboard.store._clickhouse_table import Table


_OF_A_JOB = ("run.id", "run.url.full", "task.run.id", "task.name")
_BEHIND_ALL = 2**63  # as a number: bitShiftLeft(1, 63) is 0, for 1 is of 8 bits


def _or(text: str, absent: str) -> str:
    return f"if({text} = '', '{absent}', {text})"


def _shortened(text: str) -> str:
    long = f"length({text}) > {LONGEST_TEXT} AND lengthUTF8({text}) > {LONGEST_TEXT}"
    return f"if({long}, concat(substringUTF8({text}, 1, {LONGEST_TEXT}), '…'), {text})"


def run_of(table: Table) -> str:
    """Return SQL for the run of a span, as pages name it."""
    return _or(_shortened(table.resource("plane_guard.run.id")), NOBODY)


def _process(table: Table) -> dict[str, str]:
    """Return SQL for the columns that describe the process and the span of a row."""
    of = table.resource
    return {
        "run": run_of(table),
        "demo": f"CAST(ServiceName = '{DEMO_SERVICE}', 'Bool')",
        "service": _or(_shortened("ServiceName"), NOBODY),
        "branch": _or(_shortened(of("vcs.ref.head.name")), NOBODY),
        "revision": _shortened(of("vcs.ref.head.revision")),
        "repository": _or(_shortened(of("vcs.repository.name")), NOBODY),
        "repository_url": _shortened(of("vcs.repository.url.full")),
        "job": _job(table),
        "actor": _shortened(of("user.name")),
        "pipeline": _shortened(of("cicd.pipeline.run.url.full")),
        "guard_version": _or(_shortened(of("plane_guard.version")), NOBODY),
        "pid": f"toInt64OrZero({of('process.pid')})",
        "host": _or(_shortened(of("host.name")), NOBODY),
        "worker": _shortened(of("plane_guard.pytest.worker")),
        "trace_id": "TraceId",
        "span_id": "SpanId",
        "parent_span_id": "ParentSpanId",
        "span_name": "SpanName",
        "start_ns": "toUnixTimestamp64Nano(Timestamp)",
        "duration_ns": "toInt64(Duration)",
        "failed": "CAST(StatusCode = 'Error', 'Bool')",
    }


def _job(table: Table) -> str:
    """The identity of the CI job, as `rows.job_of` derives it."""
    of = {name: _shortened(table.resource(f"cicd.pipeline.{name}")) for name in _OF_A_JOB}
    run = f"if({of['run.id']} = '', {of['run.url.full']}, {of['run.id']})"
    task = f"if({of['task.run.id']} = '', {of['task.name']}, {of['task.run.id']})"
    return f"if({run} = '' OR {task} = '', {run}, concat({run}, ' / ', {task}))"


def _list(sources: Mapping[str, str]) -> str:
    return ",\n  ".join(f"{source} AS {name}" for name, source in sources.items())


def _where(*conditions: str) -> str:
    return " AND ".join(conditions)


def events(table: Table, *conditions: str) -> str:
    """Return SQL for every decision event with its attributes as texts. Copies of an event are kept.

    `rank` is smaller for an event on a span of its own than for one on the span of a client.
    """
    texts = {name: table.event(attribute) for name, attribute in EVENT_ATTRIBUTES.items()}
    given = texts.pop("decision_id")
    sources = {
        **_process(table),
        **{name: _shortened(text) for name, text in texts.items()},
        "decision_id": f"if({given} = '', concat(TraceId, '-', SpanId, '-', toString(nth - 1)), {given})",
        "time_ns": "toUnixTimestamp64Nano(if(at > toDateTime64(0, 9), at, Timestamp))",
        "rank": f"bitShiftRight(cityHash64(TraceId, SpanId), 1) + if(SpanName = '{DECISION}', 0, {_BEHIND_ALL})",
    }
    return f"""
SELECT {_list(sources)}
FROM {table.quoted}
ARRAY JOIN Events.Timestamp AS at, Events.Name AS named, Events.Attributes AS event,
  arrayCumSum(arrayMap(one -> one = '{DECISION}', Events.Name)) AS nth
WHERE {_where(f"has(Events.Name, '{DECISION}')", f"named = '{DECISION}'", *conditions)}"""


def _counted(*rules: Rule) -> str:
    names = {**{name: f"e.{name}" for name in ("outcome", "target", "reason")}, "expected": "(e.expected = 'true')"}
    return f"CAST({' OR '.join(rule.sql(names) for rule in rules)}, 'Bool')"


# What is derived from the texts of an event; the other columns are as `events` has them.
_DERIVED: Mapping[str, str] = {
    "seq": "toInt64OrZero(e.seq)",
    "verdict": "multiIf(e.outcome = 'allow', 'allowed', e.expected = 'true', 'expected block', 'blocked')",
    "expected": "CAST(e.expected = 'true', 'Bool')",
    "attempt": _counted(verdicts.BLOCKED, verdicts.PROD_ALLOWED),
    "prod_attempt": _counted(verdicts.PROD_ATTEMPT),
    "possible_prod_attempt": _counted(verdicts.POSSIBLE_PROD_ATTEMPT),
    "prod_allowed": _counted(verdicts.PROD_ALLOWED),
    "target": _or("e.target", "unresolved"),
    "reason": _or("e.reason", UNKNOWN),
    "op": _or("e.op", UNKNOWN),
    "project": _or("e.project_id", NOBODY),
    "project_name": f"if(e.project_name = '', {_or('e.project_id', NOBODY)}, e.project_name)",
    "work_item": "if(e.work_item_key = '', e.work_item_id, e.work_item_key)",
    "server_port": "toInt64OrZero(e.server_port)",
    "layer": _or("e.layer", NOBODY),
    "test": _or("e.test", NOBODY),
    "test_group": "if(endsWith(test, ']') AND position(test, '[') > 0,"
    " substring(test, 1, position(test, '[') - 1), test)",
    "test_key": "lower(hex(substring(SHA256(test_group), 1, 6)))",
    "folder": _or("replaceRegexpOne(splitByString('::', test)[1], '/?[^/]*$', '')", NOBODY),
    "caller": "trimBoth(concat(e.file, if(e.file = '' OR toInt64OrZero(e.line) = 0, '',"
    " concat(':', toString(toInt64OrZero(e.line)))), ' ', e.function))",
    "issue": "lower(hex(substring(SHA256(concat(test_group, '\\n', project, '\\n', op, '\\n', reason)), 1, 6)))",
}


def _decisions(table: Table, conditions: list[str]) -> str:
    """Return SQL for one row per decision. Of copies, it keeps the event on the decision span."""
    known = _where(f"{table.event(EVENT_ATTRIBUTES['outcome'])} IN ('allow', 'block')", *conditions)
    plain = {*EVENT_ATTRIBUTES, "time_ns", *_process(table)} - {"decision_id"}
    unique = {name: f"argMin(one.{name}, one.rank)" for name in sorted(plain)}
    rows = f"SELECT decision_id,\n  {_list(unique)}\nFROM ({events(table, known)}) AS one\nGROUP BY decision_id"
    columns = {name: _DERIVED.get(name, f"e.{name}") for name in DECISIONS}
    return f"SELECT {_list(columns)}\nFROM ({rows}) AS e"


def _sessions(table: Table, conditions: list[str]) -> str:
    sources = {
        **_process(table),
        "time_ns": "toUnixTimestamp64Nano(Timestamp)",
        "evidence": _shortened(table.span(SESSION_ATTRIBUTES["evidence"])),
        "shells": f"arrayStringConcat({table.span_texts(SESSION_ATTRIBUTES['shells'])}, ', ')",
        "uncovered": f"arrayStringConcat({table.span_texts(SESSION_ATTRIBUTES['uncovered'])}, '\\n')",
        "tests": f"ifNull(toInt64OrNull({table.span(SESSION_ATTRIBUTES['tests'])}), -1)",
        "test_keys": f"arrayStringConcat({table.span_texts(SESSION_ATTRIBUTES['test_keys'])}, ' ')",
    }
    columns = {name: sources[name] for name in SESSIONS}
    where = _where(f"SpanName = '{SESSION}'", *conditions)
    # A process may write its session again, from the same start. The later record tells more, and replaces the others.
    process = f"if(run = '{NOBODY}' OR pid = 0, concat(TraceId, SpanId), ''), run, host, pid"
    return f"""SELECT {_list(columns)}
FROM {table.quoted} WHERE {where} ORDER BY Timestamp DESC, tests DESC, length(uncovered) DESC LIMIT 1 BY {process}"""


def _spans(table: Table, conditions: list[str]) -> str:
    sources = {**_process(table), "name": "SpanName"}
    columns = {name: sources[name] for name in SPANS}
    where = _where(f"SpanName NOT IN ('{DECISION}', '{SESSION}')", *conditions)
    return f"SELECT {_list(columns)}\nFROM {table.quoted} WHERE {where} LIMIT 1 BY TraceId, SpanId"


RELATIONS: Mapping[str, Callable[[Table, list[str]], str]] = {
    "decisions": _decisions,
    "sessions": _sessions,
    "spans": _spans,
}

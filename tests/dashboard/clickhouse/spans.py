"""A story for both engines: runs, services, demo, silent processes, events that are there twice, hostile values."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from tests.dashboard.evidence import SANDBOX, SECOND, START, TEST, decision, resource, sandbox_write, session, span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

HOUR = 3600 * SECOND
TWICE = "d" * 32
HOSTILE = (
    "tests/test_ümläut.py::test_ÄÖ[ß-Ω]",
    'it\'s "quoted" `so` \\ and \\n',
    ":red[x] **bold** <b>",
    "{a:String} {limit:Int64} $run $limit %s %(run)s ?",
    "two\nlines\tand a tab",
    "a\0b",
    "x' OR 1=1 -- ",
    "🔥 日本語",
    "[]",
    "a]b[c]",
    "long " + "é" * 2_100,
)
CI = {
    "vcs.ref.head.name": "feature/x'y",
    "vcs.ref.head.revision": "0123456789abcdef",
    "cicd.pipeline.run.url.full": "https://ci.example/1",
    "cicd.pipeline.run.id": "412",
    "cicd.pipeline.task.name": "unit",
    "user.name": "ada",
    "vcs.repository.name": "orders",
    "vcs.repository.url.full": "https://github.com/acme/orders",
    "plane_guard.pytest.worker": "gw1",
}


@cache
def story() -> tuple[ReadableSpan, ...]:
    """The same spans every time it is asked for."""
    return (*_runs(), *_odd(), *_twice(), *_hostile(), *_around())


def _runs() -> list[ReadableSpan]:
    first, second = resource("run-1", **CI), resource("run-2", "orders", **{"vcs.ref.head.name": "main"})
    demo, silent = resource("run-3", "plane-guard-demo"), resource("run-4", "silent")
    later = START + 5 * HOUR
    return [
        *(session(at=START + number, of=of) for number, of in enumerate((first, second, demo, silent))),
        session(at=START + 1, of=second, tests=[TEST, "tests/test_stage.py::test_other"]),
        session(at=START + 2, of=demo, tests=[]),
        session(at=later + 10, of=resource("run-8"), tests=[f"{TEST}[a-1]"]),
        *(decision({"plane_guard.decision.seq": number}, at=START + number * SECOND, of=first) for number in range(5)),
        *(sandbox_write(at=later + number * SECOND, of=second) for number in range(3)),
        decision({"plane_guard.decision.expected": True}, at=later, of=second),
        decision({"test.case.name": TEST + "[a-1]"}, at=later + 7, of=second),
        decision({"test.case.name": TEST + "[b-2]"}, at=later + 8, of=second),
        decision({"plane_guard.op": "unknown", "plane_guard.decision.layer": "requests"}, at=later + 9, of=second),
        *(decision(at=START + number * HOUR, of=demo) for number in range(2)),
        session(
            at=later, of=resource("run-4", "silent", **{"process.pid": 4712}), uncovered=["impit: not guarded", "a, b"]
        ),
    ]


def _odd() -> list[ReadableSpan]:
    outcome, expected, reason = (f"plane_guard.decision.{name}" for name in ("outcome", "expected", "reason"))
    changes: list[dict[str, Any]] = [
        {outcome: "allow"},
        {outcome: "allow", reason: "live-runtime"},
        {outcome: "allow", expected: True},
        {"plane_guard.project.name": "Orders (production)", "test.case.name": "tests/unit/test_x.py::t[1]"},
        {expected: False, "plane_guard.target": "sandbox", "plane_guard.project.id": SANDBOX},
        {"plane_guard.target": None, "plane_guard.op": None, reason: None, "plane_guard.project.id": None},
        {"test.case.name": None, "code.line.number": None, "plane_guard.work_item.key": None, "server.port": None},
        {"code.file.path": None, "code.function.name": None, "plane_guard.decision.layer": None},
        {"code.file.path": None},
        {"code.function.name": None},
        {"plane_guard.decision.id": None},
        {outcome: "perhaps"},
        {"code.line.number": 0, "plane_guard.decision.seq": 2**40},
    ]
    nameless = resource("", "")
    return [decision(change, at=START + 2 * HOUR + n, of=resource("run-5")) for n, change in enumerate(changes)] + [
        decision({"plane_guard.decision.id": None}, of=nameless),
        session(of=nameless),
    ]


def _twice() -> list[ReadableSpan]:
    """A decision on a client's span and on its own, one that was delivered twice, two on one client's span."""
    marked = {"plane_guard.decision.id": TWICE}
    of, client = resource("run-6"), resource("run-6", "client-of-http")
    again = decision(at=START + 3 * HOUR, of=of)
    pair = decision({"plane_guard.decision.id": None}, on="PATCH", of=client)
    return [
        decision(marked, on="PATCH", at=START + 3 * HOUR, of=client),
        decision(marked, at=START + 3 * HOUR, of=of),
        again,
        again,
        ReadableSpan(
            "POST",
            pair.context,
            resource=client,
            events=(Event("other", {}, START), *pair.events, Event("other", {}, START), *pair.events),
            start_time=START,
            end_time=START + SECOND,
        ),
    ]


def _hostile() -> list[ReadableSpan]:
    names = ("test.case.name", "code.function.name", "plane_guard.workspace.slug", "plane_guard.project.id")
    of = [resource(f"run {value}", f"service {value}", **{"vcs.ref.head.name": value}) for value in HOSTILE]
    return [
        decision({**dict.fromkeys(names, value), "plane_guard.op": value}, at=START + 4 * HOUR + number, of=of[number])
        for number, value in enumerate(HOSTILE)
    ]


def _around() -> list[ReadableSpan]:
    """A decision with other spans in its trace."""
    of = resource("run-7")
    inner = decision(at=START + 6 * HOUR, of=of)
    outer = _beside(inner, 1, "GET /stage", of)
    return [outer, _beside(inner, 2, "cache", of, parent=outer.context), inner, span("elsewhere", {"a": 1}, of=of)]


def _beside(
    other: ReadableSpan, number: int, name: str, of: Resource, parent: SpanContext | None = None
) -> ReadableSpan:
    assert other.context is not None
    return ReadableSpan(
        name,
        SpanContext(other.context.trace_id, 2**60 + number, is_remote=False, trace_flags=TraceFlags(1)),
        parent,
        resource=of,
        kind=SpanKind.CLIENT,
        start_time=START + 6 * HOUR - number,
        end_time=START + 6 * HOUR + SECOND,
        status=Status(StatusCode.ERROR),
    )

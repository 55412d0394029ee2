"""Evidence as it comes together over days: runs of several branches, with the spans of the code under test around."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from tests.dashboard.evidence import SECOND, START, decision, resource, sandbox_write, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.resources import Resource

MILLISECOND = 1_000_000
DAY = 86_400 * SECOND
TESTS = (
    "tests/test_stage.py::test_moves_to_done",
    "tests/test_notes.py::test_comments[prod]",
    "tests/test_sync.py::test_all",
)
OPS = ("state", "comment", "update")
_ids = itertools.count(10_000_000)

Found = list[ReadableSpan]


def nested(  # noqa: PLR0913
    name: str,
    parent: ReadableSpan | None,
    *,
    at: int,
    lasts: int,
    of: Resource | None = None,
    events: tuple[Event, ...] = (),
    attributes: Mapping[str, Any] | None = None,
) -> ReadableSpan:
    """A finished span inside another one, of the same trace."""
    number = next(_ids)
    context = parent.get_span_context() if parent else None
    trace = context.trace_id if context else number
    return ReadableSpan(
        name=name,
        context=SpanContext(trace, number, is_remote=False, trace_flags=TraceFlags(1)),
        parent=context,
        resource=of or resource(),
        attributes=attributes or {},
        events=events,
        kind=SpanKind.CLIENT,
        start_time=at,
        end_time=at + lasts,
        status=Status(StatusCode.ERROR if events else StatusCode.UNSET),
    )


def traced(
    changes: Mapping[str, Any] | None = None, *, at: int = START, of: Resource | None = None, root: str = "test"
) -> Found:
    """A blocked write deep inside a trace: test, service call, HTTP client, decision; and a span beside them."""
    test = nested(root, None, at=at - 40 * MILLISECOND, lasts=90 * MILLISECOND, of=of)
    stage = nested("move stage", test, at=at - 20 * MILLISECOND, lasts=60 * MILLISECOND, of=of)
    beside = nested("SELECT stage", stage, at=at - 15 * MILLISECOND, lasts=8 * MILLISECOND, of=of)
    client = nested("PATCH", stage, at=at - 2 * MILLISECOND, lasts=5 * MILLISECOND, of=of)
    event = decision(changes, at=at, of=of).events[0]
    own = nested("plane_guard.decision", client, at=at, lasts=200_000, of=of, events=(event,))
    return [test, stage, beside, client, own]


def days(number: int = 6) -> Iterator[ReadableSpan]:
    """A few runs a day on two branches; an issue that is new, one that goes on and one that is gone."""
    for day in range(number):
        for branch in ("feature/stages", "main"):
            yield from _run(day, branch, newest=day == number - 1, oldest=day < number // 2)


def _run(day: int, branch: str, *, newest: bool, oldest: bool) -> Iterator[ReadableSpan]:
    start = START + day * DAY + (7200 * SECOND if branch == "main" else 0)
    more = {
        "vcs.ref.head.name": branch,
        "vcs.ref.head.revision": f"{day:040x}",
        "cicd.pipeline.run.url.full": f"https://ci.example/runs/{day}",
    }
    of = resource(f"run-{day}-{branch.partition('/')[0]}", **more)
    yield session(at=start, of=of)
    for test in (TESTS[0], TESTS[1] if oldest else "", TESTS[2] if newest and branch == "main" else ""):
        if test:
            op = OPS[TESTS.index(test)]
            for number in range(day + 2):
                changes = {"test.case.name": test, "plane_guard.op": op}
                yield from traced(changes, at=start + number * SECOND, of=of, root=test)
    yield sandbox_write(at=start + 60 * SECOND, of=of)
    yield decision({"plane_guard.decision.expected": True}, at=start + 61 * SECOND, of=of)

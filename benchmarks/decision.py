"""One write to the sandbox: the decision alone, and with its evidence on disk. Each request has another body."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

import httpx
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from benchmarks import instrumentor, plane, timing
from benchmarks.registry import Effort, Figure, folder, measure
from plane_guard import decide
from plane_guard.classification import classify
from plane_guard.settings import OPT_IN_VARIABLE
from plane_guard.vocabulary import Target
from plane_guard_instrumentation.enforcement import check
from plane_guard_instrumentation.evidence import attributes as _attributes
from plane_guard_instrumentation.evidence import record
from plane_guard_instrumentation.evidence import resource as _resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Span

_RECORDING_SDK = "what HTTPXClientInstrumentor with a recording SDK adds"


def judging() -> Callable[[], None]:
    """A function that judges one proven write to the sandbox, in a process whose writing is on."""
    os.environ[OPT_IN_VARIABLE] = "1"
    logging.getLogger("plane_guard").setLevel(logging.CRITICAL)
    next_write = plane.sandbox_writes()

    def judge() -> None:
        check.run_check(check.check_request(next_write()), plane.prove)

    judge()
    return judge


@measure("one proven sandbox write, decision only", against=_RECORDING_SDK, goal=0.05, slip=0.8, unit="times")
def decision(effort: Effort) -> Figure:
    """Everything that a shell calls, except that nothing is recorded."""
    with mock.patch.object(record, "decision", _kept):
        ours = timing.calls(_nothing, judging(), rounds=effort.of(41, 9), number=500)
    theirs = instrumentor.rounds(effort)
    return Figure(ours.added / theirs.added, *_shown(ours, theirs))


@measure(
    "one proven sandbox write, decision only, again",
    against="a request that pytest-httpx answers",
    goal=4.0,
    slip=20.0,
    unit="times",
)
def mocked(effort: Effort) -> Figure:
    """What pytest-httpx does in the place of a transport: look the request up, and answer."""
    import pytest_httpx

    answers = pytest_httpx.HTTPXMock(pytest_httpx._options._HTTPXMockOptions())  # noqa: SLF001  made by its fixture
    answers.add_response(is_reusable=True)
    transport, request = httpx.HTTPTransport(), instrumentor.request()

    def answer() -> None:
        answers._handle_request(transport, request)  # noqa: SLF001
        answers._requests.clear()  # noqa: SLF001

    with mock.patch.object(record, "decision", _kept):
        return timing.ratio(timing.calls(answer, judging(), rounds=effort.of(41, 9), number=500))


@measure(
    "one decision with its evidence on disk",
    against="the same event on a span, SimpleSpanProcessor and JSON file exporter",
    goal=1.3,
    slip=5.0,
    unit="times",
)
def evidence(effort: Effort) -> Figure:
    """The same attributes, the same resource, the same exporter, one line each."""
    judge = judging()
    with _span_writer(_described()) as write_span:
        return timing.ratio(timing.calls(write_span, judge, rounds=effort.of(41, 9), number=200))


@contextmanager
def noting() -> Iterator[Callable[[Span, object], None]]:
    """A request hook of OpenTelemetry's that notes the event of a decision, and has a span of it written at once."""
    judging()  # what is noted is a write that was allowed
    attributes = _described()
    with _span_writer(attributes) as write_span:

        def note(span: Span, _: object) -> None:
            span.add_event(_attributes.EVENT, attributes)
            write_span()

        yield note


@contextmanager
def _span_writer(attributes: dict[str, str | int | bool | list[str]]) -> Iterator[Callable[[], None]]:
    with (folder() / "spans.jsonl").open("w", encoding="utf-8") as file:
        provider = TracerProvider(resource=Resource(_resource.attributes()))
        provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(stream=file)))
        tracer = provider.get_tracer(_attributes.SCOPE, _resource.version())

        def write_span() -> None:
            with tracer.start_as_current_span(_attributes.EVENT) as current:
                current.add_event(_attributes.EVENT, attributes)

        yield write_span


def _described() -> dict[str, str | int | bool | list[str]]:
    sent = plane.sandbox_writes()()
    write = classify(sent.method, sent.url, sent.body, headers=sent.headers)
    assert write is not None  # noqa: S101
    made = decide(write.project_id, write.op)
    return record._describe(write, sent, made, Target.SANDBOX, write.project_id)  # noqa: SLF001


def _kept(*_: object) -> bool:
    return True


def _nothing() -> None:
    """Take no time."""


def _shown(ours: timing.Rounds, theirs: timing.Rounds) -> tuple[str, str]:
    return f"{timing.added_us(ours).value:.4g} us", f"{timing.added_us(theirs).value:.4g} us"

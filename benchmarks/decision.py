"""One proven write to the sandbox, with its evidence on disk. Each request has another body."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from benchmarks import plane, timing
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


def judging() -> Callable[[], None]:
    """A function that judges one proven write to the sandbox, in a process whose writing is on."""
    os.environ[OPT_IN_VARIABLE] = "1"
    logging.getLogger("plane_guard").setLevel(logging.CRITICAL)
    next_write = plane.sandbox_writes()

    def judge() -> None:
        check.run_check(check.check_request(next_write()), plane.prove)

    judge()
    return judge


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
def _span_writer(attributes: dict[str, str | int | bool | list[str]]) -> Iterator[Callable[[], None]]:
    with (folder() / "spans.jsonl").open("w", encoding="utf-8") as file:
        provider = TracerProvider(resource=Resource(_resource.of_this_process()))
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

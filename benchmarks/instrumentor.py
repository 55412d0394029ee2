"""What OpenTelemetry's own instrumentation adds to a request of httpx: the peer of a decision, and a unit of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from benchmarks import plane, timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.registry import Effort, Figure

_WHERE_GOALS_WERE_SET = 106.5
"""Microseconds that it added on the machine whose figures the goals were made of: 94 and 119 in two rounds."""


def rounds(effort: Effort) -> timing.Rounds:
    """`HTTPXClientInstrumentor` with a recording SDK, which exports nothing; a transport that answers at once."""
    provider = TracerProvider()
    provider.add_span_processor(SpanProcessor())
    bare, instrumented = httpx.Client(transport=_Stub()), httpx.Client(transport=_Stub())
    HTTPXClientInstrumentor.instrument_client(instrumented, tracer_provider=provider)
    sent = request()

    def sending(client: httpx.Client) -> Callable[[], object]:
        transport = client._transport  # noqa: SLF001  what the client sends over
        return lambda: transport.handle_request(sent)

    return timing.calls(sending(bare), sending(instrumented), rounds=effort.of(41, 9), number=500)


def at_the_pace_of_the_goals(measured: timing.Rounds, effort: Effort) -> Figure:
    """Microseconds that are added where the goals were set: by what the instrumentor adds there, and here and now."""
    here = timing.added_us(measured)
    return here._replace(value=here.value / timing.added_us(rounds(effort)).value * _WHERE_GOALS_WERE_SET)


def request() -> httpx.Request:
    """A write to the sandbox."""
    return httpx.Request("PATCH", plane.ORIGIN + plane.DETAIL, headers=dict(plane.FIELDS), json={"priority": "high"})


class _Stub(httpx.BaseTransport):
    _response = httpx.Response(200)

    def handle_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  httpx's signature
        """Answer at once."""
        return self._response

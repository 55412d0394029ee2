"""A POST to a server of another process on this machine, with everything that comes with it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import httpx
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks import decision, environments, plane, timing
from benchmarks.registry import Effort, Figure, folder, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Span

_SERVER = """
import http.server

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"id": "3f1c9a52-7b64-4d0e-9a37-5e2d8c41b0f6"}'
        self.wfile.write(b"HTTP/1.1 201 Created\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""


@measure(
    "loopback POST end to end: guard, evidence, OpenTelemetry",
    against="OpenTelemetry alone, spans in batches to the JSON file exporter",
    goal=1.35,
    slip=5.0,
    unit="times",
)
def post(effort: Effort) -> Figure:
    """Two clients of one process, keep-alive, both instrumented; the guard's shell is round the pool of one."""
    return _compared(effort, None)


@measure(
    "loopback POST end to end, again",
    against="OpenTelemetry alone, which notes the same event on the span, and on one more that is written at once",
    goal=1.35,
    slip=5.0,
    unit="times",
)
def post_beside_the_same_evidence(effort: Effort) -> Figure:
    """What is not the promise of a line on disk before the request goes out, and of an event on the client's span."""
    with decision.noting() as note:
        return _compared(effort, note)


def _compared(effort: Effort, note: Callable[[Span, object], None] | None) -> Figure:
    decision.judging()
    with _server() as origin, (folder() / "loopback.jsonl").open("w", encoding="utf-8") as file:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(stream=file)))
        guarded, unguarded = httpx.HTTPTransport(), httpx.HTTPTransport()
        pool = unguarded._pool  # noqa: SLF001  httpx has no other way to it
        original = type(pool).handle_request.__plane_guard_original__  # type: ignore[attr-defined]
        pool.handle_request = original.__get__(pool)  # type: ignore[method-assign]
        peer, ours = _posting(unguarded, origin, provider, note), _posting(guarded, origin, provider)
        rounds = timing.calls(peer, ours, rounds=effort.of(61, 15), number=50, clock=perf_counter)
        provider.shutdown()
    return timing.ratio(rounds)


def _posting(
    transport: httpx.HTTPTransport,
    origin: str,
    provider: TracerProvider,
    note: Callable[[Span, object], None] | None = None,
) -> Callable[[], object]:
    client = httpx.Client(transport=transport, trust_env=False)
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider, request_hook=note)
    return lambda: client.post(origin + plane.ITEMS, json={"name": "created"}).raise_for_status()


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-S", "-c", _SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environments.environ()) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()

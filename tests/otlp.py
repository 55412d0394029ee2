"""Collectors for tests, on loopback: OTLP over HTTP and gRPC, with what they received decoded; and dead ones."""

from __future__ import annotations

import gzip
import socket
import threading
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from plane_guard_instrumentation.evidence import attributes as names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

HTTP, GRPC = "http/protobuf", "grpc"
SERVER_SECONDS = 5
# Code for a child: it writes down each wait for a collector, and the most seconds that the wait may take.
WAITS = """
import os
from plane_guard_instrumentation.export import patience
plain = patience._accepted
def accepted(flushes, seconds):
    if seconds:
        with open(os.environ["WAITS"], "a") as file:
            file.write(f"{os.getpid()} {seconds}\\n")
    return plain(flushes, seconds)
patience._accepted = accepted
"""


@dataclass(slots=True)
class Received:
    """Everything that a collector accepted."""

    payloads: list[bytes] = field(default_factory=list)
    logs: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def spans(self) -> list[tuple[dict[str, Any], Span]]:
        """Each span with its resource's attributes."""
        requests = [ExportTraceServiceRequest.FromString(payload) for payload in list(self.payloads)]
        return [
            (attributes(resource.resource), span)
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def log_records(self) -> list[tuple[dict[str, Any], LogRecord]]:
        """Each log record with its resource's attributes."""
        requests = [ExportLogsServiceRequest.FromString(payload) for payload in list(self.logs)]
        return [
            (attributes(resource.resource), record)
            for request in requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def decisions(self) -> list[str]:
        """The ids of the decisions, in the order of their arrival."""
        return [
            str(_value(pair.value))
            for _, span in self.spans()
            if span.name == names.EVENT
            for event in span.events
            for pair in event.attributes
            if pair.key == names.DECISION_ID
        ]

    def sessions(self) -> list[str]:
        """The ids of the session spans."""
        return [span.span_id.hex() for _, span in self.spans() if span.name == names.SESSION]


class Collector:
    """Accepts OTLP in one protocol for the time of a `with` block."""

    def __init__(self, protocol: str, *, status: int = 200) -> None:
        self.received = Received()
        self.protocol = protocol
        self._status = status

    def __enter__(self) -> Self:
        """Start to accept."""
        if self.protocol == GRPC:
            self._grpc = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
            add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
            add(_Servicer(self.received), self._grpc)
            add_logs: Any = logs_service_pb2_grpc.add_LogsServiceServicer_to_server
            add_logs(_LogsServicer(self.received), self._grpc)
            self.port = self._grpc.add_insecure_port("127.0.0.1:0")
            self._grpc.start()
        else:
            self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.received, self._status))
            self.port = self._http.server_port
            threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        if self.protocol == GRPC:
            self._grpc.stop(0).wait(SERVER_SECONDS)
        else:
            self._http.shutdown()
            self._http.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What a process is told to send here."""
        return environment(self.port, self.protocol)


def environment(port: int, protocol: str) -> dict[str, str]:
    """What a process is told to send to this port."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }


def waits(folder: Path) -> dict[int, float]:
    """The seconds that each process with WAITS was ready to wait for its collector."""
    found: dict[int, float] = {}
    for line in (folder / "waits").read_text().splitlines():
        pid, seconds = line.split()
        found[int(pid)] = found.get(int(pid), 0.0) + float(seconds)
    return found


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers, for the time of a `with` block."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield int(server.getsockname()[1])


class _Servicer(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:  # noqa: N802
        self._received.payloads.append(request.SerializeToString())
        return ExportTraceServiceResponse()


class _LogsServicer(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: ExportLogsServiceRequest, context: object) -> ExportLogsServiceResponse:  # noqa: N802
        self._received.logs.append(request.SerializeToString())
        return ExportLogsServiceResponse()


def _handler(received: Received, status: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if status == 200:
                received.paths.append(self.path)
                is_packed = self.headers.get("Content-Encoding") == "gzip"
                kept = received.logs if self.path.endswith("/logs") else received.payloads
                kept.append(gzip.decompress(body) if is_packed else body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Say nothing."""

    return Handler


def attributes(container: Any) -> dict[str, Any]:
    """The attributes of a resource, event or log record."""
    return {pair.key: _value(pair.value) for pair in container.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(member) for member in value.array_value.values] if kind == "array_value" else getattr(value, kind)

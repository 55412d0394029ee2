"""A live process is left exactly as it is: compared byte for byte on the wire."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness import Child

WRITE = """
import asyncio, sys, httpx
url = sys.argv[1] if len(sys.argv) > 1 else "{url}"
body = {{"state": "5f0c9be2-d4a8-4173-b1e6-a9d07c35f8e2"}}
path = "/api/v1/workspaces/acme/projects/4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34/work-items/"
httpx.patch(url + path, json=body, headers={{"X-API-Key": "plane_api_live"}})
async def main():
    async with httpx.AsyncClient() as client:
        await client.post(url + path, json=body, headers={{"X-API-Key": "plane_api_live"}})
asyncio.run(main())
print("guard loaded:", sorted(name for name in sys.modules if name.startswith("plane_guard")))
"""
OPENTELEMETRY = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
ALONE = (
    OPENTELEMETRY + "from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor as I; I().instrument()\n"
)
OURS = OPENTELEMETRY + "import plane_guard_instrumentation; plane_guard_instrumentation.instrument()\n"


@contextmanager
def recorder() -> Iterator[tuple[str, list[bytes]]]:
    """A server that keeps every byte it receives and answers each request with 200."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, received), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received


def _serve(listener: socket.socket, received: list[bytes]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            data = b""
            while b"\r\n\r\n" not in data or (b"GET" not in data[:3] and not data.endswith(b"}")):
                more = connection.recv(65_536)
                if not more:
                    break
                data += more
            received.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


def sent(child: Child, prelude: str, *options: str) -> tuple[list[bytes], str]:
    """What a child put on the wire, with port and trace ids masked, and what it printed."""
    with recorder() as (url, received):
        result = child.python(prelude + WRITE.format(url=url), *options)
        assert result.returncode == 0, result.stderr
    masked = [re.sub(rb"127\.0\.0\.1:\d+", b"HOST", data) for data in received]
    return [re.sub(rb"(traceparent: 00)-[0-9a-f]{32}-[0-9a-f]{16}", rb"\1", data) for data in masked], result.stdout


def without_site() -> str:
    import sys

    return f"import sys; sys.path[:0] = {[path for path in sys.path if path.endswith('-packages')]!r}\n"


def test_a_live_write_leaves_byte_for_byte_as_without_the_package(child: Child) -> None:
    with_package, printed = sent(child, "")
    without, _ = sent(child, without_site(), "-S")

    assert len(with_package) == 2
    assert with_package == without
    assert "guard loaded: ['plane_guard_watch']" in printed


def test_after_instrument_it_leaves_as_with_the_httpx_instrumentor_alone(child: Child) -> None:
    ours, _ = sent(child, OURS)
    alone, _ = sent(child, ALONE)

    assert len(ours) == 2
    assert ours == alone
    assert b"traceparent" in ours[0]


def test_a_live_process_leaves_no_evidence_file_behind(child: Child) -> None:
    sent(child, OURS)

    assert not (child.folder / ".plane-guard").exists()


def test_a_live_write_is_an_event_on_the_recording_client_span(child: Child) -> None:
    prelude = OURS.replace(
        "trace.set_tracer_provider(TracerProvider())",
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor, ConsoleSpanExporter\n"
        "provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))\n"
        "trace.set_tracer_provider(provider)",
    )
    _, printed = sent(child, prelude)

    assert printed.count('"plane_guard.decision.reason": "live-runtime"') == 2
    assert printed.count('"plane_guard.target": "prod"') == 2


@pytest.mark.parametrize("variable", ["PLANE_GUARD_TEST_PROCESS", "PYTEST_VERSION", "PYTEST_CURRENT_TEST"])
def test_the_same_process_is_guarded_once_it_is_a_test_process(child: Child, variable: str) -> None:
    with recorder() as (url, received):
        result = child.python(WRITE.format(url=url), **{variable: "1"})

    assert "PlaneWriteBlocked" in result.stderr
    assert received == []

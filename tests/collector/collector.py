"""A real collector with the shipped configuration, on ports and in a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.request import ProxyHandler, build_opener

from plane_guard_dashboard.evidence import traces
from tests.collector.configuration import CONFIG

if TYPE_CHECKING:
    from types import TracebackType

SECONDS = 20
_PORTS = ("GRPC", "HTTP", "HEALTH", "METRICS")
_direct = build_opener(ProxyHandler({}))


class Collector:
    """Started by `start` or a `with` block. It may be killed and started again: ports and folder stay."""

    def __init__(self, binary: Path, folder: Path) -> None:
        """Choose free ports; what it receives goes to `folder`."""
        self.binary = binary
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop it."""
        self.stop()

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def http(self) -> str:
        """The endpoint for OTLP/HTTP."""
        return f"http://127.0.0.1:{self._ports['HTTP']}"

    @property
    def grpc(self) -> str:
        """The endpoint for gRPC."""
        return f"http://127.0.0.1:{self._ports['GRPC']}"

    @property
    def health(self) -> str:
        """Where it says that it is ready."""
        return f"http://127.0.0.1:{self._ports['HEALTH']}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of otel-collector.yaml that make it this collector."""
        ports = {f"PLANE_GUARD_OTLP_{name}_PORT": str(port) for name, port in self._ports.items()}
        return {**ports, "PLANE_GUARD_TRACE_DIR": str(self.folder)}

    def start(self, *overlays: Path | str) -> None:
        """Start it and wait until it is ready. An overlay is a file, or a line: `receivers::otlp::protocols: {…}`."""
        more = [f"--config={over}" if isinstance(over, Path) else f"--config=yaml:{over}" for over in overlays]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, f"--config={CONFIG}", *more],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + SECONDS
        while not self._ready():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it as a service manager does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(SECONDS)
            self._process = None

    def received(self) -> list[str]:
        """The id of every decision in its files, each once."""
        if not any(self.folder.glob("*.jsonl")):
            return []
        try:
            return [row.decision_id for row in traces.read(self.folder).decisions]
        except traces.NoTracesError:
            return []

    def _ready(self) -> bool:
        try:
            with _direct.open(self.health, timeout=1) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


def free_ports(number: int) -> list[int]:
    """As many different ports of loopback on which nothing listens."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [server.getsockname()[1] for server in taken]


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    [port] = free_ports(1)
    return port

"""The cost of a contained run: a request through our proxy, and the start of a command.

Peers: mitmproxy without an add-on, and a CONNECT proxy that does nothing else. All servers are on loopback.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.registry import Effort, Figure, folder, measure
from tests.contained import clients
from tests.contained import environment as environments
from tests.contained.machine import OTHER_HOST, PLANE_HOST, Machine, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLIENT = str(clients.PROGRAMS / "measure.py")
_ROUNDS = 3
_START_SECONDS = 30


@measure("one Plane read, contained", against="mitmproxy alone", goal=1.3, slip=4.0, unit="times", short=False)
def plane_read(effort: Effort) -> Figure:
    """Over a connection that is kept, as clients do."""
    with _machine() as machine, _mitmproxy(machine) as peer:
        return _compared(machine, f"{machine.projects}/", peer, "kept", effort.of(300, 50))


@measure(
    "one request to another host, contained",
    against="a plain CONNECT proxy",
    goal=1.2,
    slip=4.0,
    unit="times",
    short=False,
)
def other_request(effort: Effort) -> Figure:
    """Over a connection that is kept."""
    with _machine() as machine, _connect_proxy(machine) as peer:
        return _compared(machine, f"https://{OTHER_HOST}/", peer, "kept", effort.of(300, 50))


@measure(
    "one connection to another host, contained",
    against="a plain CONNECT proxy",
    goal=1.2,
    slip=4.0,
    unit="times",
    short=False,
)
def other_connection(effort: Effort) -> Figure:
    """With a connection and a TLS handshake for each request."""
    with _machine() as machine, _connect_proxy(machine) as peer:
        return _compared(machine, f"https://{OTHER_HOST}/", peer, "fresh", effort.of(100, 20))


@measure("a contained true", against="true", goal=2.0, slip=10.0, unit="s", short=False)
def contained_true(effort: Effort) -> Figure:
    """From the start of plane-guard to its end."""
    with _machine() as machine:
        ours, peer = list[float](), list[float]()
        for _ in range(effort.of(9, 3)):
            begin = time.perf_counter()
            machine.run(["true"])
            ours.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            subprocess.run(["true"], check=True)  # noqa: S607
            peer.append(time.perf_counter() - begin)
    value = statistics.median(ours)
    return Figure(value, f"{value:.2f} s", f"{statistics.median(peer):.3f} s")


@contextmanager
def _machine() -> Iterator[Machine]:
    place = folder() / "contained"
    place.mkdir(exist_ok=True)
    with Machine(environments.find(place), place, Tls(place)) as machine:
        yield machine


def _compared(machine: Machine, url: str, peer: str, how: str, count: int) -> Figure:
    """Run both sides in turn, and compare the medians of their rounds."""
    ours, theirs = list[float](), list[float]()
    client = [str(machine.environment.bare), "-S", _CLIENT, url]
    for _ in range(_ROUNDS):
        contained = machine.run([*client, "-", str(count), how])
        environ = machine.environ({"SSL_CERT_FILE": str(machine.folder / "trusted.pem")})
        alone = subprocess.run(  # noqa: S603
            [*client, peer, str(count), how], env=environ, capture_output=True, text=True, check=False
        )
        ours.append(float(_number(contained)))
        theirs.append(float(_number(alone)))
    one, other = statistics.median(ours), statistics.median(theirs)
    return Figure(one / other, f"{one * 1000:.2f} ms", f"{other * 1000:.2f} ms")


def _number(ran: subprocess.CompletedProcess[str]) -> str:
    if ran.returncode:
        raise RuntimeError(ran.stdout + ran.stderr)
    return ran.stdout


@contextmanager
def _mitmproxy(machine: Machine) -> Iterator[str]:
    """Start mitmproxy without add-ons of ours; yield its address."""
    place = machine.folder / "mitmproxy"
    options = {
        "confdir": place,
        "ssl_verify_upstream_trusted_ca": machine.tls.bundle,
        "connection_strategy": "lazy",
        "map_remote": f"|https://{PLANE_HOST}/|https://127.0.0.1:{machine.plane.port}/",
    }
    port = _free_port()
    run = "from mitmproxy.tools.main import mitmdump; mitmdump()"
    command = [str(machine.environment.bare), "-c", run, "-q", "--listen-host", "127.0.0.1", "-p", str(port)]
    for name, value in options.items():
        command += ["--set", f"{name}={value}"]
    running = subprocess.Popen(command, process_group=0)  # noqa: S603  as our proxy is started
    try:
        _wait_for(port)
        authority = (place / "mitmproxy-ca-cert.pem").read_text(encoding="utf-8")
        (machine.folder / "trusted.pem").write_text(authority, encoding="utf-8")
        yield f"127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


@contextmanager
def _connect_proxy(machine: Machine) -> Iterator[str]:
    """Start a proxy that knows CONNECT, in a thread of its own; yield its address."""
    (machine.folder / "trusted.pem").write_bytes(Path(machine.tls.bundle).read_bytes())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        inner, outer = await asyncio.open_connection("127.0.0.1", machine.other.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer))

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0), loop).result()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    import socket

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(port)

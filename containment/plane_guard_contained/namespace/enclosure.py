"""The first process inside: prepares mounts and sockets, starts the command, and hands its connections to the proxy.

The kernel ends every other process inside when this one ends, so nothing outlives the command.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
from contextlib import suppress
from typing import NoReturn

import plane_guard_watch
from plane_guard_contained.namespace import kernel, network, status
from plane_guard_contained.namespace.names import Names
from plane_guard_contained.namespace.plan import PROXY_PORT, Plan

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = "0.0.0.0"  # noqa: S104  of a namespace in which nothing else is
_FALLBACK_PORTS = (80, 443, 8000, 8080, 8443)
_WAITING = 4_096
_QUESTIONS_BYTES = 4 << 20
_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL, _FAILED = 127, 126, 128, 125
_RETRY_SECONDS = 0.01
_BUSY = frozenset({errno.EAGAIN, errno.ETOOMANYREFS, errno.ENOBUFS})
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_IGNORED = (signal.SIGINT, signal.SIGQUIT)


def run(plan: Plan, outside: int) -> NoReturn:
    """Run the command of the plan to its end, as the first process of the namespace.

    ``outside`` is a process by which the namespace is found from outside of it.
    """
    kernel.die_with_parent(signal.SIGKILL)
    step = status.MOUNT
    try:
        _mount(plan)
        step = status.LISTEN
        listeners, is_redirected = _listen(plan)
        questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        questions.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUESTIONS_BYTES)
        questions.bind((_EVERYWHERE, network.NAMES_PORT))
        step = status.START
        last = kernel.last_capability()
        command = _start(plan, last, is_redirected=is_redirected)
        kernel.drop_capabilities(last)
        kernel.forbid_tracing()
    except OSError as error:
        status.report_failure(plan.status, step, error)
        os._exit(_FAILED)
    status.report(plan.status, ready=True, redirected=is_redirected)
    os.close(plan.status)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os._exit(asyncio.run(_serve(plan.door, listeners, questions, command, outside)))


def _mount(plan: Plan) -> None:
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    for source, target in plan.covers:
        # A link leads to the file that programs read.
        kernel.mount(source, os.path.realpath(target), flags=kernel.MS_BIND)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    with suppress(OSError):
        os.link(plan.marker, os.path.join(plan.markers, plane_guard_watch.marker_name(os.getpid())))


def _listen(plan: Plan) -> tuple[list[socket.socket], bool]:
    """Return the sockets that accept what leads out, and if the kernel leads every connection to them."""
    proxy = _listener(_LOOPBACK, PROXY_PORT)
    local = [_listener(_LOOPBACK, port) for port in plan.loopback_ports]
    every = _listener(_LOOPBACK, 0)
    try:
        network.redirect_connections(every.getsockname()[1])
    except OSError:
        every.close()
        free = [port for port in _FALLBACK_PORTS if port not in plan.loopback_ports]
        return [proxy, *local, *(_listener(_EVERYWHERE, port) for port in free)], False
    return [proxy, *local, every], True


def _listener(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    made.listen(_WAITING)
    made.setblocking(False)  # noqa: FBT003  its only form
    return made


def _start(plan: Plan, last_capability: int, *, is_redirected: bool) -> int:
    """Start the command in a child without any capability; return its id."""
    child = os.fork()
    if child:
        return child
    code = _NOT_EXECUTABLE
    try:
        kernel.drop_capabilities(last_capability)
        os.environ.update({} if is_redirected else plan.proxy_variables)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp(plan.command[0], plan.command)  # noqa: S606  the user's own command
    except FileNotFoundError as error:
        status.report_failure(plan.status, status.START, error)
        code = _NOT_FOUND
    except OSError as error:
        status.report_failure(plan.status, status.START, error)
    os._exit(code)


async def _serve(
    door: int, listeners: list[socket.socket], questions: socket.socket, command: int, outside: int
) -> int:
    """Hand connections to the proxy until the command ends; return its exit code."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def reap() -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == command and not ended.done():
                    ended.set_result(os.waitstatus_to_exitcode(status))

    loop.add_signal_handler(signal.SIGCHLD, reap)
    for number in _FORWARDED:
        loop.add_signal_handler(number, _forward, command, number)
    names = Names()
    await loop.create_datagram_endpoint(lambda: _Answers(names), sock=questions)
    out = socket.socket(fileno=door)
    out.setblocking(False)  # noqa: FBT003  its only form
    relay = _Relay(out, names, outside)
    tasks = [asyncio.create_task(_accept(listener, relay)) for listener in listeners]
    reap()
    code = await ended
    for task in tasks:
        task.cancel()
    return code if code >= 0 else _BY_SIGNAL - code


def _forward(command: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(command, number)


class _Answers(asyncio.DatagramProtocol):
    """Answers questions for names."""

    transport: asyncio.DatagramTransport

    def __init__(self, names: Names) -> None:
        self._names = names

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)  # noqa: S101  for mypy
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._names.answer(data)
        if answer:
            self.transport.sendto(answer, addr)


async def _accept(listener: socket.socket, relay: _Relay) -> None:
    loop = asyncio.get_running_loop()
    tasks = set[asyncio.Task[None]]()
    while True:
        connection, _ = await loop.sock_accept(listener)
        task = asyncio.create_task(relay.hand_over(connection))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


class _Relay:
    """Hands connections to the proxy: the sockets themselves, so no byte of them goes through this process."""

    def __init__(self, out: socket.socket, names: Names, outside: int) -> None:
        self._out = out
        self._names = names
        self._outside = outside

    async def hand_over(self, connection: socket.socket) -> None:
        """Pass a connection on, with its destination. Without a proxy it is closed."""
        with connection, suppress(OSError):
            address, port = network.original_destination(connection)
            to = None if (address, port) == (_LOOPBACK, PROXY_PORT) else (self._names.host(address), port)
            facts = {"to": to, "reached": (address, port), "namespace": self._outside}
            description = json.dumps(facts).encode()
            while True:
                try:
                    socket.send_fds(self._out, [description], [connection.fileno()])
                except OSError as error:
                    # The proxy is busy, or not up yet: the kernel holds a limited number of sockets on their way.
                    if error.errno not in _BUSY:
                        raise
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    return

"""The process that opened a connection is told from those of other connections with the same local address."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from plane_guard_contained.proxy import clients
from plane_guard_contained.proxy.clients import Origin

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
PORTS = 8


def connected(stack: ExitStack, server: socket.socket, port: int = 0) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection from this local port."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", port))
    client.connect(server.getsockname())
    return client, stack.enter_context(server.accept()[0])


def test_a_process_is_found_among_connections_of_others_and_closed_ones_from_the_same_port() -> None:
    with ExitStack() as stack:
        proxy, other, gone = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3))
        ours, theirs = [], []
        for _ in range(PORTS):
            client, end = connected(stack, gone)
            port = client.getsockname()[1]
            client.close()  # it now waits for stray packets, without a process
            end.close()
            theirs.append(connected(stack, other, port)[0])
            ours.append(connected(stack, proxy, port)[0])
        command = [sys.executable, "-c", "input()"]
        fds = [one.fileno() for one in theirs]
        child = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=fds))
        addresses = [one.getsockname() for one in theirs]
        for one in theirs:
            one.close()
        at_proxy = [clients.find(Origin(one.getsockname(), proxy.getsockname())).pid for one in ours]
        at_other = [clients.find(Origin(address, other.getsockname())).pid for address in addresses]
        at_gone = [clients.find(Origin(address, gone.getsockname())).pid for address in addresses]
        child.communicate(b"\n")
    assert at_proxy == [os.getpid()] * PORTS
    assert at_other == [child.pid] * PORTS
    assert at_gone == [None] * PORTS

"""Connections to other hosts, and other uses of sockets, stay as they are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.instrumentation.connections.uninspected_clients import BLOCKED

if TYPE_CHECKING:
    from tests.harness import Child
    from tests.instrumentation.connections.counting_servers import RequestCounts


SUITE = """
    import asyncio, socket, subprocess, sys, urllib.request
    from uninspected_clients import *

    async def served(host):
        server = await asyncio.start_server(lambda reader, writer: writer.close(), host, 0)
        async with server:
            await talk_to(server.sockets[0].getsockname()[:2])

    async def talk_to(place):
        reader, writer = await asyncio.open_connection(*place)
        assert await reader.read() == b""
        writer.close()

    def test_other_hosts():
        exchange(socket.create_connection(("127.0.0.1", PLAIN)), "raw")
        asyncio.run(talk("asyncio", "127.0.0.1", PLAIN))
        on_uvloop(talk("uvloop", "127.0.0.1", PLAIN))
        with_pycurl(f"http://127.0.0.1:{PLAIN}")("pycurl")
        raw("127.0.0.1", looked_up_first)("looked-up")

    def test_unix_sockets(tmp_path):
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(tmp_path / "localhost"))
            server.listen()
            client.connect(str(tmp_path / "localhost"))

    def test_a_server_of_the_test_s_own_listens_on_a_name_that_is_a_plane_host():
        asyncio.run(served("localhost"))
        on_uvloop(served("localhost"))

    def test_pairs_and_datagrams():
        one, other = socket.socketpair()
        with one, other, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            one.sendall(b"x")
            one.sendmsg([b"x"])
            datagrams.sendto(b"x", ("127.0.0.1", 9))

    def test_subprocesses():
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"

    def test_telemetry():
        urllib.request.urlopen(f"http://127.0.0.1:{PLAIN}/telemetry", b"spans").close()
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_suite_that_never_touches_plane_is_left_alone(
    request_counts: RequestCounts, guarded_child: Child, options: tuple[str, ...]
) -> None:
    guarded_child.write("test_suite.py", SUITE)
    result = guarded_child.pytest("-q", *options)
    assert "6 passed" in result.stdout, result.stdout + result.stderr
    assert request_counts == Counter(["raw", "asyncio", "uvloop", "pycurl", "looked-up", "telemetry"])
    assert guarded_child.decisions() == []


def test_a_log_handler_that_sends_its_lines_to_plane_does_not_go_round_in_circles(guarded_child: Child) -> None:
    code = """
        import logging, socket
        class Shipping(logging.Handler):
            def emit(self, record):
                print("shipping")
                try:
                    socket.create_connection(("localhost", 9))
                except RuntimeError as error:
                    print(type(error).__name__)
        logging.getLogger().addHandler(Shipping())
        socket.create_connection(("localhost", 9))
    """
    assert guarded_child.python(code).stdout.split() == ["shipping", BLOCKED]
    assert len(guarded_child.decisions()) == 2

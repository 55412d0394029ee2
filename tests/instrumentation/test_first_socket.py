"""The audit hook comes with the first socket or lookup, whoever makes it, and not before."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.harness import Child
    from tests.instrumentation.floor_server import Asked

FIRST = {
    "a socket": "socket.socket()",
    "a socket by the name of its type": "socket.SocketType()",
    "a native socket": "_socket.socket()",
    "a native socket by the name of its type": "_socket.SocketType()",
    "a socket whose class was taken along before": "Held()",
    "a socket of a class of its own": "type('Own', (socket.socket,), {})()",
    "a pair": "socket.socketpair()",
    "a server": "socket.create_server(('127.0.0.1', 0))",
    "an event loop": "asyncio.new_event_loop()",
    "a lookup": "socket.getaddrinfo('127.0.0.1', 80)",
    "an older lookup": "socket.gethostbyname('127.0.0.1')",
    "an older lookup that was taken along before": "held('127.0.0.1')",
    "a native lookup": "_socket.gethostbyname_ex('127.0.0.1')",
    "a native lookup on a class": "type('Own', (), {'look': _socket.gethostbyname})().look('127.0.0.1')",
    "a second copy of the native module": "sys.modules.pop('_socket'), __import__('_socket')",
    "the native module, loaded again": "importlib.reload(_socket)",
}
BLOCKED = "unguarded-client"
ANSWERS = """
import sys
def answers():
    found = []
    sys.audit("plane_guard.probe", found)
    return found != []
"""


@pytest.fixture(autouse=True)
def _no_coverage_in_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where coverage is measured it starts before the guard, and has imported sockets by then."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("first", FIRST)
def test_the_hook_answers_after_what_comes_first_and_not_before(child: Child, first: str) -> None:
    code = f"""{ANSWERS}
import _socket, asyncio, importlib, socket
from socket import socket as Held, gethostbyname as held
before = answers()
made = {FIRST[first]}
print(before, answers())
"""
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")
    assert result.stdout.split() == ["False", "True"], result.stderr


def test_nothing_is_left_of_the_waiting(child: Child) -> None:
    code = """
        import _socket, socket, types
        socket.socket().close()
        print("__init__" in vars(_socket.socket), type(_socket.getaddrinfo), type(socket.gethostbyname))
        print(_socket.SocketType is _socket.socket, repr(_socket.socket), socket.socket(type=socket.SOCK_DGRAM).type)
    """
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")
    builtin = "<class 'builtin_function_or_method'>"
    assert result.stdout.splitlines() == [
        f"False {builtin} {builtin}",
        "True <class '_socket.socket'> 2",
    ], result.stderr


@pytest.mark.parametrize(
    "connect",
    [
        "_socket.socket().connect(PLAIN)",
        "socket.socket().connect_ex(PLAIN)",
        "socket.create_connection(PLAIN)",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', PLAIN)",
        "socket.gethostbyname(PLAIN[0])",
        "_socket.getaddrinfo(*PLAIN)",
    ],
)
def test_the_first_connection_of_a_process_is_refused_like_every_other(
    asked: Asked, floored: Child, connect: str
) -> None:
    code = f"""
        import _socket, os, socket
        PLAIN = ("localhost", int(os.environ["FLOOR_PLAIN"]))
        for attempt in range(2):
            try:
                print({connect})
            except RuntimeError as refusal:
                print(refusal.reason)
    """
    result = floored.python(code)
    assert result.stdout.split() == [BLOCKED, BLOCKED], result.stderr
    assert len(floored.decisions()) == 2
    assert asked.total() == 0


def test_threads_that_make_the_first_sockets_at_a_time_are_refused_once_each(asked: Asked, floored: Child) -> None:
    code = """
        import os, socket, threading
        address, reasons = ("localhost", int(os.environ["FLOOR_PLAIN"])), []
        begin = threading.Barrier(20)
        def connect():
            begin.wait()
            try:
                socket.create_connection(address)
            except RuntimeError as refusal:
                reasons.append(refusal.reason)
        threads = [threading.Thread(target=connect) for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(*reasons)
    """
    result = floored.python(code)
    assert Counter(result.stdout.split()) == {BLOCKED: 20}, result.stderr
    assert len(floored.decisions()) == 20
    assert asked.total() == 0


def test_a_socket_that_another_thread_overtakes_is_made_all_the_same(child: Child) -> None:
    code = """
        import sys, threading
        assert "socket" not in sys.modules
        from plane_guard_instrumentation.connections import first_socket as _first_socket
        def come():
            threads.append(threading.Thread(target=lambda: made.append(socket.socket().type)))
            if len(threads) == 1:
                threads[0].start()
                threads[0].join()
        made, threads = [], []
        _first_socket.await_one(come)
        import socket
        made.append(socket.socket().type)
        print(len(made), len(threads))
    """
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="")
    assert result.stdout.split() == ["2", "2"], result.stderr


def test_a_child_that_was_forked_before_the_first_socket_is_refused(asked: Asked, floored: Child) -> None:
    code = """
        import os, socket
        if os.fork() == 0:
            try:
                socket.create_connection(("localhost", int(os.environ["FLOOR_PLAIN"])))
            except RuntimeError as refusal:
                print(refusal.reason, flush=True)
            os._exit(0)
        os.wait()
    """
    result = floored.python(code)
    assert result.stdout.split() == [BLOCKED], result.stderr
    assert asked.total() == 0


def test_where_the_hook_is_not_accepted_later_there_is_no_socket_and_no_lookup(floored: Child) -> None:
    code = """
        import os, socket, sys
        hostile = True
        def refuse(event, _):
            if event == "sys.addaudithook" and hostile:
                raise ValueError
        sys.addaudithook(refuse)
        address = "localhost", int(os.environ["FLOOR_PLAIN"])
        for attempt in (socket.socket, lambda: socket.getaddrinfo(*address), socket.socket):
            try:
                print(attempt())
            except RuntimeError as error:
                print("another audit hook" in str(error))
        hostile = False
        try:
            socket.create_connection(address)
        except RuntimeError as refusal:
            print(refusal.reason)
    """
    result = floored.python(code)
    assert result.stdout.split() == ["True", "True", "True", BLOCKED], result.stderr


def test_sockets_that_were_there_before_the_guard_bring_the_hook_at_once(asked: Asked, floored: Child) -> None:
    code = """
        import os, socket, sys
        made = socket.socket()
        os.environ["PLANE_GUARD_TEST_PROCESS"] = "1"
        from plane_guard_instrumentation.startup import installation as _boot
        _boot.enforce()
        try:
            made.connect(("localhost", int(os.environ["FLOOR_PLAIN"])))
        except RuntimeError as refusal:
            print(refusal.reason)
    """
    result = floored.python(code, PLANE_GUARD_TEST_PROCESS="")
    assert result.stdout.split() == [BLOCKED], result.stderr
    assert asked.total() == 0


def test_a_run_of_pytest_without_a_socket_has_no_hook(child: Child) -> None:
    child.write("test_it.py", f"{ANSWERS}\ndef test_it():\n    assert not answers()\n")
    result = child.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"])
    assert result.returncode == 0, result.stdout
    assert [session.shells[-1] for session in child.sessions()] == ["socket floor"]

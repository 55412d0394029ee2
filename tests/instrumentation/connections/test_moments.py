"""Connections are checked in every test process, from its first line to its last, and in no other process."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.instrumentation.connections.uninspected_clients import BLOCKED

if TYPE_CHECKING:
    from tests.harness import Child
    from tests.instrumentation.connections.counting_servers import RequestCounts


def test_a_live_process_gets_no_hook_even_if_it_asks_for_instrumentation(guarded_child: Child) -> None:
    code = """
        import ssl, sys
        before = ssl.SSLContext.wrap_socket
        import plane_guard_instrumentation as guard
        guard.instrument()
        from plane_guard_instrumentation.connections import audit_hook as _audit_hook
        print(_audit_hook.is_installed(), ssl.SSLContext.wrap_socket is before)
        guard.uninstrument()
    """
    assert guarded_child.python(code, PLANE_GUARD_TEST_PROCESS="").stdout.split() == ["False", "True"]


def test_a_live_process_that_turns_out_to_run_tests_gets_the_floor(guarded_child: Child) -> None:
    guarded_child.write(
        "tests_begin.py",
        """
        import plane_guard_instrumentation as guard
        guard.instrument()
        import uninspected_clients as clients
        print(clients.tried(clients.ROGUE["raw"], "before"))
        made = clients.socket.socket()
        import pytest
        from plane_guard_instrumentation import pytest_plugin
        print(clients.tried(clients.ROGUE["raw"], "after"))
        print(clients.tried(lambda _: made.connect((clients.HOST, clients.PLAIN)), "made before"))
        """,
    )
    result = guarded_child.run([sys.executable, "tests_begin.py"], PLANE_GUARD_TEST_PROCESS="")
    assert result.stdout.split() == ["done", BLOCKED, BLOCKED], result.stderr


FIRST = """
import os, plane_guard_watch, sys, threading, time
assert "_socket" not in sys.modules
address, begin = ("localhost", int(os.environ["TEST_SERVER_PLAIN"])), threading.Barrier(10)
WAYS = {
    "connect": lambda _socket: _socket.socket().connect(address),
    "connect_ex": lambda _socket: _socket.socket().connect_ex(address),
    "sendto": lambda _socket: _socket.socket(type=_socket.SOCK_DGRAM).sendto(b"x", address),
    "getaddrinfo": lambda _socket: _socket.getaddrinfo(*address),
    "gethostbyname": lambda _socket: _socket.gethostbyname(address[0]),
}
def attempt(way):
    try:
        import _socket
        print(WAYS[way](_socket), flush=True)
    except RuntimeError as refusal:
        os.write(1, f"{way} {refusal.reason}\\n".encode())
for way in WAYS:
    if os.fork() == 0:
        attempt(way)
        os._exit(0)
    os.wait()
install = plane_guard_watch._enforce
def slowly(evidence):
    time.sleep(0.3)
    install(evidence)
plane_guard_watch._enforce = slowly
def meanwhile(number):
    begin.wait()
    time.sleep(number * 0.03)
    attempt("connect")
threads = [threading.Thread(target=meanwhile, args=(number,)) for number in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_the_first_sockets_of_a_child_are_refused_once_each(
    request_counts: RequestCounts, guarded_child: Child
) -> None:
    guarded_child.write("first.py", FIRST)
    result = guarded_child.python("import subprocess, sys; subprocess.run([sys.executable, 'first.py'])")

    refused = Counter(result.stdout.splitlines())
    ways = ("connect", "connect_ex", "sendto", "getaddrinfo", "gethostbyname")
    assert refused == Counter([f"{way} unguarded-client" for way in (*ways, *["connect"] * 10)]), result.stderr
    assert len(guarded_child.decisions()) == 15, result.stderr
    assert not request_counts


@pytest.mark.parametrize("client", ["raw", "raw-tls-by-address", "pycurl", "uvloop"])
def test_a_forked_child_is_refused_even_if_it_was_forked_inside_a_guarded_request(
    request_counts: RequestCounts, guarded_child: Child, client: str
) -> None:
    guarded_child.write(
        "fork.py",
        f"""
        from uninspected_clients import *
        def fork(event, _):
            if event == "connection.connect_tcp.started" and os.fork() == 0:
                print(tried(ROGUE["{client}"], "rogue"), flush=True)
                os._exit(0)
        with httpx.Client() as client:
            client.get(f"{{HTTP}}/allowed", extensions={{"trace": fork}})
        os.wait()
        print("done")
        """,
    )
    assert guarded_child.run([sys.executable, "fork.py"]).stdout.split() == [BLOCKED, "done"]
    assert request_counts == Counter(allowed=1)
    assert len(guarded_child.decisions()) == 1
    assert len(guarded_child.sessions()) == 2


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_children_of_multiprocessing_are_refused(
    request_counts: RequestCounts, guarded_child: Child, method: str
) -> None:
    guarded_child.write(
        "children.py",
        f"""
        import multiprocessing
        from uninspected_clients import *
        def child():
            print(tried(ROGUE["raw"], "rogue"), flush=True)
        if __name__ == "__main__":
            process = multiprocessing.get_context("{method}").Process(target=child)
            process.start()
            process.join()
        """,
    )
    assert guarded_child.run([sys.executable, "children.py"]).stdout.split() == [BLOCKED]
    assert not request_counts


def test_a_subinterpreter_is_refused(request_counts: RequestCounts, guarded_child: Child) -> None:
    code = """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        script = '''if True:
            import os, socket
            try:
                socket.create_connection(("localhost", int(os.environ["TEST_SERVER_PLAIN"])))
                print("connected")
            except RuntimeError as error:
                print(type(error).__name__)
        '''
        interpreters.run_string(interpreters.create(), script)
    """
    assert guarded_child.python(code).stdout.split() == [BLOCKED]


MOMENTS = {
    "at exit": "atexit.register(attempt)",
    "in a thread that outlives the main one": "threading.Thread(target=lambda: (time.sleep(0.3), attempt())).start()",
    "when an object dies that sys holds": "sys.last = Dying()",
    "when an object dies that builtins holds": "builtins.last = Dying()",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_last_moments_of_a_process_are_guarded(
    request_counts: RequestCounts, guarded_child: Child, moment: str
) -> None:
    guarded_child.write(
        "last.py",
        f"""
        import atexit, builtins, os, socket, sys, threading, time
        def attempt(socket=socket, write=os.write, port=int(os.environ["TEST_SERVER_PLAIN"])):
            try:
                socket.socket().connect(("localhost", port))
                write(1, b"connected")
            except BaseException as error:
                write(1, b"refused")
        class Dying:
            def __del__(self, attempt=attempt):
                attempt()
        {MOMENTS[moment]}
        """,
    )
    result = guarded_child.run([sys.executable, "last.py"])
    assert result.stdout == "refused", result.stderr
    assert len(guarded_child.decisions()) == 1 or "object dies" in moment


@pytest.mark.parametrize("error", ["RuntimeError", "ValueError", "PermissionError"])
def test_a_process_whose_other_audit_hook_keeps_the_floor_out_ends(guarded_child: Child, error: str) -> None:
    code = f"""
        import os, sys
        def hostile(event, _):
            if event == "sys.addaudithook":
                raise {error}
        sys.addaudithook(hostile)
        os.environ["PLANE_GUARD_TEST_PROCESS"] = "1"
        import plane_guard_watch
        plane_guard_watch.note_evidence("a test")
        print("still here")
    """
    result = guarded_child.python(code, PLANE_GUARD_TEST_PROCESS="")
    assert (result.returncode, result.stdout) == (78, "")
    assert "could not install the guard" in result.stderr


def test_putting_the_guard_in_place_again_adds_no_second_hook(
    request_counts: RequestCounts, guarded_child: Child
) -> None:
    guarded_child.write(
        "again.py",
        """
        import importlib
        from plane_guard_instrumentation.connections import audit_hook as _audit_hook
        from plane_guard_instrumentation.startup import installation as _boot
        _boot.enforce()
        importlib.reload(_audit_hook).install()
        from uninspected_clients import *
        print(tried(ROGUE["raw"], "rogue"), tried(GUARDED["httpx"], "allowed"))
        """,
    )
    assert guarded_child.run([sys.executable, "again.py"]).stdout.split() == [BLOCKED, "done"]
    assert len(guarded_child.decisions()) == 1
    assert request_counts == Counter(allowed=1)


@pytest.mark.parametrize("patched", ["builtins.open", "os.path.exists", "re.compile", "time.time"])
def test_the_first_refusal_is_recorded_whatever_a_test_has_patched(
    request_counts: RequestCounts, guarded_child: Child, patched: str
) -> None:
    code = f"""
        import os, socket, unittest.mock
        with unittest.mock.patch("{patched}"):
            try:
                socket.create_connection(("localhost", int(os.environ["TEST_SERVER_PLAIN"])))
            except RuntimeError as refusal:
                reason = refusal.reason
        print(reason)
    """
    result = guarded_child.python(code)

    assert result.stdout.strip() == "unguarded-client", result.stderr
    assert request_counts.total() == 0
    assert [row.reason for row in guarded_child.decisions()] == ["unguarded-client"]


STRIPPED = {
    "ssl": "ssl.SSLContext.wrap_socket = ssl.SSLContext.wrap_socket.__plane_guard_original__",
    "asyncio": "base_events.BaseEventLoop.getaddrinfo = base_events.BaseEventLoop.getaddrinfo.__plane_guard_original__",
    "uvloop": "del uvloop.Loop.create_connection",
    "pycurl": "pycurl.Curl = pycurl.Curl.__base__",
    "curl_cffi": "curl.Curl.setopt = curl.Curl.setopt.__plane_guard_original__",
}


@pytest.mark.parametrize("layer", STRIPPED)
def test_what_another_tool_removed_is_put_back_and_reported(guarded_child: Child, layer: str) -> None:
    code = f"""
        import asyncio.base_events as base_events, ssl, curl_cffi.curl as curl, pycurl, uvloop
        from plane_guard_instrumentation.clients import patches as _shells
        assert _shells.verify() == []
        {STRIPPED[layer]}
        print(*_shells.verify(), sep="\\n")
        assert _shells.verify() == []
    """
    result = guarded_child.python(code)
    assert result.returncode == 0, result.stderr
    assert {line.partition(" ")[0] for line in result.stdout.splitlines()} == {layer}


def test_a_session_says_that_other_clients_are_guarded_by_host(guarded_child: Child) -> None:
    guarded_child.write("test_nothing.py", "def test_nothing(): pass")
    result = guarded_child.pytest()
    by_host = "connections of other clients to known Plane hosts"
    assert by_host in result.stdout
    assert [session.shells[-1] for session in guarded_child.sessions()] == [by_host]


def test_a_refusal_fails_the_test_and_is_in_its_list(guarded_child: Child) -> None:
    guarded_child.write(
        "test_it.py",
        """
        import socket, pytest
        from plane_guard import PlaneWriteBlocked
        def test_expected(plane_blocked_writes):
            with pytest.raises(PlaneWriteBlocked):
                socket.getaddrinfo("app.plane.so", 443)
            assert [blocked.reason for blocked in plane_blocked_writes] == ["unguarded-client"]
        def test_failing():
            socket.getaddrinfo("api.plane.so", 443)
        """,
    )
    assert "1 failed, 1 passed" in guarded_child.pytest("-q").stdout
    assert [decision.expected for decision in guarded_child.decisions()] == [True, False]

"""No client that is not patched connects to a Plane host from a test process; patched clients connect as ever."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.harness import Child
from tests.instrumentation.connections import uninspected_clients
from tests.instrumentation.connections.counting_servers import IN_TEST, serving
from tests.instrumentation.connections.uninspected_clients import BLOCKED, GUARDED, ROGUE

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_dashboard.evidence.rows import DecisionRow
    from tests.instrumentation.connections.counting_servers import RequestCounts


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of every client in one process: how its call ended, how often it arrived, what was recorded."""

    ended: dict[str, str]
    request_counts: Counter[str]
    decided: list[DecisionRow]


def run(folder: Path, **environment: str) -> Run:
    with serving(folder) as request_counts:
        child = Child(folder, request_counts.environment)
        shutil.copy(uninspected_clients.__file__, folder)
        result = child.run([sys.executable, "uninspected_clients.py"], **environment)
        assert result.returncode == 0, result.stderr
        return Run(json.loads(result.stdout.splitlines()[-1]), Counter(request_counts), child.decisions())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("test"), **IN_TEST)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("live"), PLANE_GUARD_HOSTS="localhost")


@pytest.mark.parametrize("name", sorted(ROGUE))
def test_a_client_without_a_shell_is_refused_before_it_sends_anything(guarded: Run, name: str) -> None:
    assert guarded.ended[name] == BLOCKED
    assert guarded.request_counts[name] == 0


@pytest.mark.parametrize("name", sorted(ROGUE))
def test_each_refusal_is_on_record_exactly_once(guarded: Run, name: str) -> None:
    [found] = [decision for decision in guarded.decided if decision.test == name]
    assert (found.outcome, found.reason) == ("block", "unguarded-client")
    assert (found.target, found.op) == ("unresolved", "unknown")
    assert (found.server_address, found.project_id, found.method) == ("localhost", None, None)
    assert found.file is not None
    assert found.file.endswith("uninspected_clients.py")


LAYERS = {
    "raw": "socket",
    "raw-tls": "socket",
    "raw-tls-by-address": "ssl",
    "asyncio": "asyncio",
    "asyncio-tls-by-address": "ssl",
    "uvloop": "uvloop",
    "uvloop-tls-by-address": "ssl",
    "trio": "socket",
    "tornado-curl": "pycurl",
    "curl_cffi": "curl_cffi",
}


@pytest.mark.parametrize(("name", "layer"), LAYERS.items())
def test_the_record_says_where_the_connection_was_stopped(guarded: Run, name: str, layer: str) -> None:
    assert [decision.layer for decision in guarded.decided if decision.test == name] == [layer]


@pytest.mark.parametrize("name", sorted(GUARDED))
def test_a_guarded_client_connects_as_ever(guarded: Run, live: Run, name: str) -> None:
    assert (guarded.ended[name], guarded.request_counts[name]) == (live.ended[name], live.request_counts[name])
    assert [decision for decision in guarded.decided if decision.test == name] == []


def test_in_a_live_process_every_one_of_these_clients_arrives(live: Run) -> None:
    unresolved = {name for name, ended in live.ended.items() if "dotted" in name and ended != "done"}
    assert live.request_counts == Counter(dict.fromkeys(live.ended.keys() - unresolved, 1))
    assert live.decided == []


@pytest.mark.parametrize("send", ["sendto(b'x', ('localhost', 9))", "sendmsg([b'x'], [], 0, ('localhost', 9))"])
def test_a_datagram_is_refused(guarded_child: Child, send: str) -> None:
    said = guarded_child.python(f"import socket; socket.socket(type=socket.SOCK_DGRAM).{send}").stderr
    assert "plane_guard.PlaneWriteBlocked" in said
    assert [(found.layer, found.server_port) for found in guarded_child.decisions()] == [("socket", 9)]


def test_the_refusal_names_the_host_and_the_client(guarded_child: Child) -> None:
    code = """
        import asyncio, websockets.asyncio.client as client
        asyncio.run(client.connect("ws://localhost:9", proxy=None).__aenter__())
    """
    said = guarded_child.python(code).stderr
    assert "A connection to the Plane host localhost" in said
    assert "It was opened by websockets." in said
    assert "Use httpx" in said


@pytest.mark.parametrize("loop", ["of_asyncio", "of_uvloop", "trio.run"])
def test_among_fifty_guarded_tasks_fifty_others_are_refused(
    request_counts: RequestCounts, guarded_child: Child, loop: str
) -> None:
    guarded_child.write(
        "many.py",
        f"""
        import anyio, ssl
        from uninspected_clients import *
        async def allowed(client, outcomes):
            outcomes.append((await client.get(f"{{HTTPS}}/allowed")).status_code)
        async def rogue(outcomes):
            try:
                if "{loop}" == "trio.run":
                    await trio.open_tcp_stream(HOST, PLAIN)
                else:
                    await asyncio.open_connection(HOST, PLAIN)
            except BaseException as error:
                outcomes.extend(kinds(error))
        async def main(_):
            outcomes = []
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            async with httpx.AsyncClient(verify=context(), limits=limits, timeout=50) as client:
                async with anyio.create_task_group() as group:
                    for _ in range(50):
                        group.start_soon(allowed, client, outcomes)
                        group.start_soon(rogue, outcomes)
            print(outcomes.count(200), outcomes.count(BLOCKED))
        loop = {loop}
        loop(main, "")
        """,
    )
    result = guarded_child.run([sys.executable, "many.py"])
    assert result.stdout.split() == ["50", "50"], result.stderr
    assert request_counts == Counter(allowed=50)
    assert len(guarded_child.decisions()) == 50


def test_a_task_that_outlives_the_request_it_was_started_in_is_refused(
    request_counts: RequestCounts, guarded_child: Child
) -> None:
    guarded_child.write(
        "late.py",
        """
        from uninspected_clients import *
        async def main():
            tasks = []
            async def rogue():
                await asyncio.sleep(0.2)
                await talk("rogue", HOST, PLAIN)
            async def trace(event, _):
                if event == "connection.connect_tcp.started":
                    tasks.append(asyncio.create_task(rogue()))
            async with httpx.AsyncClient() as client:
                await client.get(f"{HTTP}/allowed", extensions={"trace": trace})
            print(*map(type, await asyncio.gather(*tasks, return_exceptions=True)))
        asyncio.run(main())
        """,
    )
    assert BLOCKED in guarded_child.run([sys.executable, "late.py"]).stdout
    assert request_counts == Counter(allowed=1)


def test_threads_beside_a_guarded_request_are_refused(request_counts: RequestCounts, guarded_child: Child) -> None:
    guarded_child.write(
        "threads.py",
        """
        from concurrent.futures import ThreadPoolExecutor
        from uninspected_clients import *
        with ThreadPoolExecutor(8) as pool:
            guarded = [pool.submit(tried, GUARDED["httpx-tls"], "allowed") for _ in range(8)]
            rogue = [pool.submit(tried, ROGUE["raw-tls-by-address"], "rogue") for _ in range(8)]
        print(*{future.result() for future in guarded}, *{future.result() for future in rogue})
        """,
    )
    assert guarded_child.run([sys.executable, "threads.py"]).stdout.split() == ["done", BLOCKED]
    assert request_counts == Counter(allowed=8)
    assert len(guarded_child.decisions()) == 8


@pytest.mark.parametrize("resolver", ["thread", "ares"])
def test_greenlets_are_told_apart(request_counts: RequestCounts, guarded_child: Child, resolver: str) -> None:
    guarded_child.write(
        "greenlets.py",
        """
        import gevent.monkey
        gevent.monkey.patch_all()
        import gevent
        from uninspected_clients import *
        names = ["raw", "raw-gethostbyname", "raw-tls", "raw-tls-by-address", "httpx", "httpx-tls"]
        jobs = [gevent.spawn(tried, CLIENTS[name], name) for name in names]
        gevent.joinall(jobs)
        print(*(job.value for job in jobs))
        """,
    )
    result = guarded_child.run([sys.executable, "greenlets.py"], GEVENT_RESOLVER=resolver)
    assert result.stdout.split() == [BLOCKED] * 4 + ["done"] * 2, result.stderr
    assert request_counts == Counter({"httpx": 1, "httpx-tls": 1})
    assert len(guarded_child.decisions()) == 4

"""A block is on disk before the caller hears of it, whatever happens to telemetry or to the process afterwards."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

PRELUDE = """
import os, signal, httpx
URL = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}

def attempt():
    httpx.post(URL, headers=HEADERS, json={"name": "moved"})

def swallowed():
    try:
        attempt()
    except Exception:
        pass

def recording():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    import plane_guard_instrumentation
    trace.set_tracer_provider(TracerProvider())
    plane_guard_instrumentation.instrument()
"""
FULL_DISK = """
def fill_the_disk():
    from plane_guard_instrumentation.evidence import evidence_file
    file = evidence_file._opened()
    file.descriptor = os.open("/dev/full", os.O_WRONLY)
    evidence_file._is_behind = lambda file: True
"""
SITUATIONS = {
    "nothing special": ("swallowed()", {}),
    "sampler off": ("recording(); swallowed()", {"OTEL_TRACES_SAMPLER": "always_off"}),
    "SDK disabled": ("recording(); swallowed()", {"OTEL_SDK_DISABLED": "true"}),
    "no span events": ("recording(); swallowed()", {"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}),
    "short attribute values": ("recording(); swallowed()", {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4"}),
    "few attributes": (
        "recording(); swallowed()",
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_ATTRIBUTE_COUNT_LIMIT": "1"},
    ),
    "URL excluded": (
        "recording(); swallowed()",
        {"OTEL_PYTHON_HTTPX_EXCLUDED_URLS": ".*", "OTEL_PYTHON_EXCLUDED_URLS": ".*"},
    ),
    "instrumentation disabled": ("recording(); swallowed()", {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}),
    "instrumentation suppressed": (
        """
        recording()
        from opentelemetry.instrumentation.utils import suppress_instrumentation
        with suppress_instrumentation():
            swallowed()
        """,
        {},
    ),
    "uninstrumented by somebody": (
        """
        recording()
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
        HTTPXClientInstrumentor().uninstrument()
        swallowed()
        """,
        {},
    ),
    "uninstrumented by us": ("recording(); import plane_guard_instrumentation as g; g.uninstrument(); swallowed()", {}),
    "exporter none": ("recording(); swallowed()", {"OTEL_TRACES_EXPORTER": "none"}),
    "process leaves at once": ("try:\n    attempt()\nexcept Exception:\n    os._exit(0)", {}),
    "process is killed at once": (
        "try:\n    attempt()\nexcept Exception:\n    os.kill(os.getpid(), signal.SIGKILL)",
        {},
    ),
    "environment and folder changed": ("os.environ.clear(); os.chdir('/'); swallowed()", {}),
    "logging is broken": ("import logging; logging.getLogger('plane_guard').error = None; swallowed()", {}),
}


@pytest.mark.parametrize(("code", "environment"), SITUATIONS.values(), ids=SITUATIONS.keys())
def test_the_evidence_of_a_block_survives(
    child: Child, plane: FakePlane, code: str, environment: dict[str, str]
) -> None:
    result = child.python(PRELUDE + dedent(code), PLANE_GUARD_TEST_PROCESS="1", **environment)

    assert result.returncode in {0, -signal.SIGKILL}, result.stderr
    assert plane.writes == []
    [row] = child.decisions()
    assert (row.outcome, row.target, row.op, row.reason) == ("block", "prod", "create", "opt-in-disabled")
    assert row.project_id == plane.prod.id
    assert row.url_template == "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/"


def test_a_block_stands_when_its_evidence_cannot_be_written(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", PRELUDE + "\ndef test_it():\n    swallowed()\n")
    blocker = child.write("traces", "a file where the folder should be")
    result = child.pytest(PLANE_GUARD_TRACE_DIR=str(blocker))

    assert plane.writes == []
    assert "plane-guard: evidence could not be written" in result.stderr
    assert "evidence could not be written" in result.stdout


@pytest.mark.parametrize("how", ["a file where the folder should be", "a full disk"])
def test_an_allow_becomes_a_block_when_its_evidence_cannot_be_written(child: Child, plane: FakePlane, how: str) -> None:
    test = """
    def test_it(plane_sandbox_writes):
        import pytest, plane_guard
        if HOW == "a full disk":
            fill_the_disk()
        url = URL.replace(os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"])
        with pytest.raises(plane_guard.PlaneWriteBlocked) as refusal:
            httpx.post(url, headers=HEADERS, json={"name": "new"})
        assert refusal.value.reason == "guard-error"
        assert "PLANE_GUARD_TRACE_DIR" in str(refusal.value).replace("\\n", " ")
    """
    child.write("test_it.py", PRELUDE + FULL_DISK + f"\nHOW = {how!r}\n" + dedent(test))
    blocker = child.write("traces", "a file where the folder should be")
    environment = {"PLANE_GUARD_TRACE_DIR": str(blocker)} if how != "a full disk" else {}
    result = child.pytest(**environment)

    assert "1 passed" in result.stdout, result.stdout
    assert plane.writes == []
    assert "evidence could not be written" in result.stdout
    assert ("Free space" in result.stdout) == (how == "a full disk")


def test_a_function_that_was_replaced_before_the_guard_came_is_named_and_not_used(
    child: Child, plane: FakePlane
) -> None:
    code = """
    import os
    from unittest import mock
    with mock.patch("os.write"):
        import plane_guard_instrumentation
        plane_guard_instrumentation.instrument()
    os.environ["PLANE_GUARD_TEST_PROCESS"] = "1"
    os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
    plane_guard_instrumentation.instrument()
    """
    sandbox = 'httpx.post(URL.replace(os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"]), headers=HEADERS)'
    result = child.python(dedent(code) + PRELUDE + sandbox)

    assert "PlaneWriteBlocked" in result.stderr
    assert "os.write was replaced before plane-guard was installed" in result.stderr
    assert "Free space" not in result.stderr
    assert plane.writes == []


def test_whatever_a_test_replaces_each_refusal_is_on_disk_or_reported(child: Child, plane: FakePlane) -> None:
    from tests.end_to_end import mocked_builtins

    child.write("test_it.py", Path(mocked_builtins.__file__).read_text(encoding="utf-8"))
    result = child.pytest("-p", "no:xdist", "-p", "no:asyncio")

    assert f"{len(mocked_builtins.WAYS)} passed" in result.stdout, result.stdout
    assert plane.writes == []
    outcomes = dict(line.split("\t") for line in (child.folder / "outcomes.txt").read_text().splitlines())
    assert list(outcomes) == list(mocked_builtins.WAYS)
    assert outcomes["Logger.handle is interrupted"] == "KeyboardInterrupt"
    refused = [name for name, outcome in outcomes.items() if outcome in {"PlaneWriteBlocked", "KeyboardInterrupt"}]
    assert set(outcomes) - set(refused) <= mocked_builtins.BREAK_THE_CLIENT
    assert [row.test for row in child.decisions()] == [f"test_it.py::test_it[{name}]" for name in refused]
    assert "evidence could not be written" not in result.stdout + result.stderr


def test_at_any_depth_of_recursion_a_write_is_refused_and_a_lost_line_is_reported(
    child: Child, plane: FakePlane
) -> None:
    code = """
    import sys
    def down(n):
        if n: down(n - 1)
        else: attempt()
    refused = 0
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit() - 40, 6):
        try: down(depth)
        except RecursionError: pass
        except RuntimeError: refused += 1
    print(refused)
    """
    result = child.python(PRELUDE + dedent(code), PLANE_GUARD_TEST_PROCESS="1")

    assert plane.writes == []
    refused = int(result.stdout)
    assert 0 < len(child.decisions()) <= refused
    assert (len(child.decisions()) == refused) or "evidence could not be written: RecursionError" in result.stderr


def test_predictable_random_numbers_do_not_make_decisions_alike(child: Child) -> None:
    code = """
    from unittest import mock
    with mock.patch("os.urandom", side_effect=lambda size: bytes([1]) * size), mock.patch("random.getrandbits"):
        for _ in range(3):
            swallowed()
    """
    child.python(PRELUDE + dedent(code), PLANE_GUARD_TEST_PROCESS="1")

    assert len({row.decision_id for row in child.decisions()}) == 3


FAKE_CLOCKS = """
import freezegun, pytest, time_machine
@freezegun.freeze_time("2001-01-01")
def test_freezegun(): swallowed()
@pytest.mark.parametrize("when", ["1960-05-05", "2030-01-01", "2300-05-05"])
def test_time_machine(when):
    with time_machine.travel(when):
        swallowed()
"""


def test_evidence_has_the_real_time_under_a_fake_clock(child: Child) -> None:
    child.write("test_it.py", PRELUDE + FAKE_CLOCKS)
    begin = time.time_ns()
    result = child.pytest()
    end = time.time_ns()

    assert "4 passed" in result.stdout, result.stdout
    assert len(child.decisions()) == 4
    assert [row for row in child.decisions() if not begin <= row.time_ns <= end] == []
    assert [row.seq for row in child.decisions()] == [1, 2, 3, 4]


FAKE_FILES = """
import httpcore, httpx, pytest
SANDBOX = URL.replace(os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"])
def sandbox(): return httpx.post(SANDBOX, headers=HEADERS, json={"name": "x"})
def test_block(fs): swallowed()
def test_allow(fs, plane_sandbox_writes): assert sandbox().status_code == 201
def test_nothing_in_the_fake_folder(fs, plane_blocked_writes):
    swallowed()
    assert [name for _, _, names in os.walk("/") for name in names if "decisions-" in name] == []
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_evidence_is_on_the_real_disk_under_a_fake_file_system(child: Child, plane: FakePlane, workers: str) -> None:
    child.write("test_it.py", PRELUDE + FAKE_FILES)
    result = child.pytest("-n", workers, "-p", "no:asyncio")

    assert "..." in result.stdout, result.stdout
    assert [row.outcome for row in child.decisions()] == ["block", "allow", "block"]
    assert len(plane.writes) == 1
    assert "could not be written" not in result.stdout


FILES = """
import glob, shutil
def own_descriptors():
    links = {name: os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
    return [int(name) for name, target in links.items() if "decisions-" in target]
def test_it(tmp_path):
    swallowed()
    if HOW == "closed":
        for descriptor in own_descriptors(): os.close(descriptor)
    elif HOW == "reused":
        [descriptor] = own_descriptors()
        os.close(descriptor)
        other = os.open(tmp_path / "users.bin", os.O_RDWR | os.O_CREAT)
        assert other == descriptor
    elif HOW == "deleted":
        shutil.rmtree(".plane-guard")
    swallowed()
    swallowed()
    if HOW == "reused":
        assert os.fstat(other).st_size == 0
"""


@pytest.mark.skipif(sys.platform != "linux", reason="finds its descriptor in /proc")
@pytest.mark.parametrize(("how", "left"), [("closed", 3), ("reused", 3), ("deleted", 2)])
def test_evidence_never_goes_into_another_file(child: Child, how: str, left: int) -> None:
    child.write("test_it.py", PRELUDE + f"HOW = {how!r}\n" + FILES)
    result = child.pytest("-p", "no:cacheprovider")

    assert "1 passed" in result.stdout, result.stdout
    assert len(child.decisions()) == left
    assert len(child.sessions()) == 1
    assert "could not be written" not in result.stdout
    [file] = (child.folder / ".plane-guard").glob("*.jsonl")
    assert '"plane_guard.session"' in file.read_text().splitlines()[0]


def test_after_the_folder_was_deleted_children_still_know_their_run(child: Child) -> None:
    test = """
    import shutil, subprocess, sys
    def test_it():
        shutil.rmtree(".plane-guard")
        swallowed()
        subprocess.run([sys.executable, "-c", CHILD], check=True)
    """
    child.write("test_it.py", PRELUDE + f"CHILD = {PRELUDE + 'swallowed()'!r}\n" + dedent(test))
    result = child.pytest()

    assert "1 passed" in result.stdout, result.stdout
    assert len(child.decisions()) == 2
    assert len({row.run_id for row in child.decisions()}) == 1


THREADS = """
import threading
def many():
    for _ in range(25): swallowed()
def run(target, count):
    threads = [threading.Thread(target=target) for _ in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join(50)
def fork():
    pid = os.fork()
    if pid == 0:
        swallowed()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


def test_threads_write_whole_lines_into_one_file(child: Child) -> None:
    result = child.python(PRELUDE + THREADS + "run(many, 8)", PLANE_GUARD_TEST_PROCESS="1")

    assert result.returncode == 0, result.stderr
    [file] = (child.folder / ".plane-guard").glob("*.jsonl")
    assert [line for line in file.read_text().splitlines() if not line.startswith('{"resourceSpans"')] == []
    assert len(child.decisions()) == len({row.decision_id for row in child.decisions()}) == 200


def test_a_process_that_is_forked_in_a_thread_leaves_its_evidence(child: Child) -> None:
    result = child.python(PRELUDE + THREADS + "run(fork, 4); swallowed()", PLANE_GUARD_TEST_PROCESS="1")

    assert result.returncode == 0, result.stderr
    assert len(child.decisions()) == 5
    assert len(child.sessions()) == 5
    assert len({row.pid for row in child.decisions()}) == 5

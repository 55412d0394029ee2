"""Children of a guarded process are guarded, whatever environment they are given, and cost nothing until it matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plane_guard_watch
from plane_guard_instrumentation.runtime import marker

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="ancestors are walked through /proc")

SEND = """
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], b"{}", method="POST"))
"""
DAEMON = """
import os, subprocess, sys
child = subprocess.run([sys.executable, "send.py", sys.argv[2]], env={})
os.write(int(sys.argv[1]), str(child.returncode).encode())
"""
PARENT = """
import asyncio, multiprocessing, os, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
from unittest import mock
import pytest
SEND = open("send.py").read()
BASE = open("base.txt").read()  # children import this module with an empty environment
def url(way): return BASE + way
def send(url):
    sys.argv = ["send", url]
    exec(SEND, {})
def run(way, environment, *options):
    command = [sys.executable, *options, "send.py", url(way)]
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 1
OTHER = {"PATH": os.environ.get("PATH", ""), "TMPDIR": "/nowhere"}
@pytest.mark.parametrize("environment", [{}, OTHER], ids=["empty", "other"])
@pytest.mark.parametrize("option", ["-u", "-I", "-E"])
def test_environment(environment, option):
    run("child", environment, option)
def test_shell_in_between():
    subprocess.run(["sh", "-c", f"env -i {sys.executable} send.py '{url('shell')}'; true"], stderr=subprocess.DEVNULL)
def test_cleared_while_it_starts():
    with mock.patch.dict(os.environ, {"X": "1"}, clear=True):
        run("cleared", None)
@pytest.mark.parametrize("how", ["spawn", "forkserver", "fork"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multiprocessing(how):
    context = multiprocessing.get_context(how)
    with mock.patch.dict(os.environ, {"X": "1"}, clear=True):
        process = context.Process(target=send, args=(url(how),)); process.start(); process.join()
    assert process.exitcode == 1
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert "blocked" in str(pool.submit(send, url("pool")).exception())
def test_fork_and_exec():
    if (pid := os.fork()) == 0:
        os.execve(sys.executable, [sys.executable, "send.py", url("exec")], {})
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
def test_double_fork():
    read, write = os.pipe()
    os.set_inheritable(write, True)
    if (pid := os.fork()) == 0:
        if os.fork() == 0:
            os.setsid()
            while os.getppid() == pid: pass
            os.execve(sys.executable, [sys.executable, "daemon.py", str(write), url("daemon")], {})
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    assert os.read(read, 9) == b"1"
def test_asyncio():
    async def go():
        child = await asyncio.create_subprocess_exec(sys.executable, "send.py", url("asyncio"), env={}, stderr=-3)
        return await child.wait()
    assert asyncio.run(go()) == 1
"""


@linux_only
def test_no_child_of_a_guarded_test_reaches_production(child: Child, plane: FakePlane) -> None:
    child.write("send.py", SEND)
    child.write("daemon.py", DAEMON)
    child.write("base.txt", f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/?")
    child.write("test_children.py", PARENT)
    result = child.pytest("-p", "no:threadexception")

    assert "14 passed" in result.stdout, result.stdout[-3000:] + result.stderr[-500:]
    assert plane.writes == []
    decisions = child.decisions()
    assert {row.reason for row in decisions} == {"opt-in-disabled"}
    assert len({row.run_id for row in decisions}) == 1
    assert len(decisions) == 17
    # Other runs on this machine keep theirs in the same folder.
    own = {str(row.pid) for row in decisions}
    assert not [name for name in os.listdir(plane_guard_watch.marker_folders()[0]) if name.partition("-")[0] in own]


QUIET = """
import os, subprocess, sys
CODE = "import json, os, sys; print(json.dumps([m for m in sys.modules if m.startswith('plane_guard')]))"
def test_quiet():
    for environment in (None, {}):
        before = sorted(os.listdir(".plane-guard"))
        child = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
        assert (child.stdout, child.stderr) == ('["plane_guard_watch"]\\n', "")
        assert sorted(os.listdir(".plane-guard")) == before
def test_loads_the_guard_with_the_first_socket():
    code = "import socket, sys; print('plane_guard_instrumentation.clients.patches' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True)
    assert (child.stdout, child.stderr) == ("True\\n", "")
    assert len([name for name in os.listdir(".plane-guard") if name.startswith("decisions")]) == 1
def test_tells_why():
    code = "import plane_guard; print(plane_guard.in_test_process())"
    child = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True)
    assert child.stdout == f"started by a guarded test process ({os.getpid()})\\n"
"""


@linux_only
def test_a_child_loads_writes_and_prints_nothing_before_it_can_send(child: Child) -> None:
    child.write("test_quiet.py", QUIET)

    result = child.pytest()

    assert "3 passed" in result.stdout, result.stdout


def test_a_marker_folder_of_somebody_else_a_link_or_an_open_one_is_not_used(tmp_path: Path) -> None:
    private, link, missing = tmp_path / "private", tmp_path / "link", tmp_path / "missing"
    private.mkdir(mode=0o700)
    link.symlink_to(private)

    assert plane_guard_watch.is_ours(str(private))
    assert not plane_guard_watch.is_ours(str(link))
    assert not plane_guard_watch.is_ours(str(missing))
    private.chmod(0o755)
    assert not plane_guard_watch.is_ours(str(private))
    (tmp_path / "file").touch(mode=0o600)
    assert not plane_guard_watch.is_ours(str(tmp_path / "file"))
    if os.getuid() == 0:
        private.chmod(0o700)
        os.chown(private, 12345, -1)
        assert not plane_guard_watch.is_ours(str(private))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Marker folders of the test's own: the first is a link, so the second is used."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.symlink_to(tmp_path)
    found = [str(first), str(second)]
    monkeypatch.setattr(plane_guard_watch, "marker_folders", lambda: found)
    monkeypatch.setattr(plane_guard_watch.STATE, "marker", "")
    return found


def test_the_first_usable_folder_takes_the_marker_and_later_lines_add_to_it(folders: list[str]) -> None:
    path = marker.create({"run": "r", "settings": {"PLANE_GUARD_HOSTS": "a"}, "hosts": ["a"]}, folders[1])
    try:
        assert os.path.dirname(path) == folders[1]
        assert oct(os.stat(folders[1]).st_mode)[-3:] == "700"
        assert marker.append({"hosts": ["b"]})
        assert marker.read(path) == {"run": "r", "settings": {"PLANE_GUARD_HOSTS": "a"}, "hosts": ["a", "b"]}
        assert plane_guard_watch.guarded_ancestor() == path
        assert "PLANE_TEST" not in Path(path).read_text()
    finally:
        os.unlink(path)


def test_a_marker_of_a_process_that_had_the_same_id_is_stale_and_purged(folders: list[str]) -> None:
    os.mkdir(folders[1], 0o700)
    stale = Path(folders[1], f"{os.getppid()}-1")
    stale.write_text(json.dumps({"run": "old"}))

    assert plane_guard_watch.guarded_ancestor() == ""
    assert plane_guard_watch.named_ancestor({"PLANE_GUARD_PARENT": str(stale)}) == ""
    marker.purge(folders[1])
    assert not stale.exists()


@pytest.mark.parametrize("name", ["", "/nowhere", "\0", "1-2-3", "-", "٣-1", "self"])
def test_a_parent_that_is_no_marker_is_ignored(name: str) -> None:
    assert plane_guard_watch.named_ancestor({"PLANE_GUARD_PARENT": name}) == ""


def test_without_a_usable_folder_the_trace_folder_takes_the_marker_and_the_environment_names_it(
    child: Child, plane: FakePlane
) -> None:
    child.write(
        "conftest.py",
        """
        import plane_guard_watch
        assert plane_guard_watch.STATE.marker
        """,
    )
    # A process whose marker folders are all in the way, as a start-up file of the test's own arranges it.
    code = """
        import plane_guard_watch, subprocess, sys
        plane_guard_watch.marker_folders = lambda: ["/proc/nowhere"]
        plane_guard_watch.note_evidence("a test of plane-guard")
        from plane_guard_instrumentation.evidence import coverage
        print(coverage.uncovered())
        out = "import plane_guard; print(plane_guard.in_test_process())"
        print(subprocess.run([sys.executable, "-c", out], capture_output=True, text=True).stdout)
    """
    result = child.python(code)

    assert "no folder for process markers is usable" in result.stdout
    assert "started by a guarded test process" in result.stdout, result.stdout + result.stderr


@linux_only
def test_a_test_that_replaces_getpid_makes_no_other_process_a_guarded_parent(child: Child, plane: FakePlane) -> None:
    code = """
    import os, pathlib, subprocess, sys, httpx, plane_guard, plane_guard_watch
    from unittest import mock
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as other:
        with mock.patch("os.getpid", return_value=other.pid):
            try: httpx.post(os.environ["LEARNED"], json={"name": "x"})  # children are told of a new host
            except plane_guard.PlaneWriteBlocked: print("blocked")
        print([name for place in plane_guard_watch.marker_folders() if pathlib.Path(place).exists()
               for name in os.listdir(place) if name.startswith(f"{other.pid}-")])
        other.communicate(b"\\n")
    """
    learned = f"{plane.url}/api/v1/workspaces/acme/projects/{plane.prod.id}/labels/".replace("127.0.0.1", "localhost")
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1", LEARNED=learned)

    assert result.stdout.split("\n")[:2] == ["blocked", "[]"], result.stderr


def test_a_parent_that_died_leaves_its_children_test_processes(child: Child) -> None:
    child.write("orphan.py", "import time, plane_guard; time.sleep(0.5); print(plane_guard.in_test_process())")
    code = """
        import subprocess, sys, plane_guard_watch
        plane_guard_watch.note_evidence("a test of plane-guard")
        subprocess.Popen([sys.executable, "orphan.py"])
    """

    # Depending on who is faster, its parent is gone before it looks. Then the environment tells.
    assert child.python(code).stdout.startswith(
        ("started by a guarded test process", "PLANE_GUARD_TEST_PROCESS is set")
    )


def test_a_run_inside_a_run_belongs_to_it_and_keeps_its_own_summary(child: Child) -> None:
    child.write("inner/test_inner.py", "def test_inner():\n    pass\n")
    child.write(
        "test_outer.py",
        """
        import subprocess, sys
        def test_outer():
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "inner"]
            assert "1 passed" in subprocess.run(command, env={}, capture_output=True, text=True).stdout
        """,
    )
    result = child.pytest("test_outer.py")

    assert "1 passed" in result.stdout, result.stdout
    # Without an environment, the inner run cannot know that a test started it, so it tells what it executed.
    assert [session.tests for session in child.sessions()] == [1, 1]
    assert len({session.run_id for session in child.sessions()}) == 1


def test_this_suite_is_not_the_ancestor_of_what_it_starts() -> None:
    code = "import plane_guard; print(repr(plane_guard.in_test_process()))"
    child = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True)

    assert child.stdout == "''\n"

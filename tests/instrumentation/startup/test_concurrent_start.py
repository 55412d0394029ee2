"""Evidence in several threads at once: nothing goes out before the guard is installed, and nothing waits forever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

# A program whose first thread is held in the middle of the installation, until `GO_ON` is set or two seconds passed.
# Each test starts that thread after it has replaced `in_the_middle`, or the thread may run ahead of it.
PROGRAM = """
import http.client, os, sys, threading, time, unittest, urllib.error, urllib.request
from plane_guard_instrumentation.clients import patches
INSTALLING, GO_ON = threading.Event(), threading.Event()
MAIN = threading.get_ident()
INSTALL = patches.install
def slow():
    if not INSTALLING.is_set():
        INSTALLING.set()
        in_the_middle()
    INSTALL()
def in_the_middle():
    GO_ON.wait(2)
patches.install = slow
def find_evidence():
    unittest.TestSuite().run(unittest.TestResult())
def write():
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/'
    try:
        urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"))
    except urllib.error.HTTPError as error:
        return str(error.code)
    except RuntimeError as error:
        return type(error).__name__
def start(call):
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread
SAID = []
"""


def test_a_thread_that_finds_evidence_waits_for_the_thread_that_installs_the_guard(
    child: Child, plane: FakePlane
) -> None:
    code = f"""{PROGRAM}
def second():
    INSTALLING.wait()
    find_evidence()
    SAID.append(write())
first, *threads = start(find_evidence), *[start(second) for _ in range(3)]
for thread in (first, *threads):
    thread.join()
print(SAID)
"""
    result = child.python(code)

    assert result.stdout.strip() == str(["PlaneWriteBlocked"] * 3), result.stderr
    assert plane.writes == []


IMPORTED = """
import __main__ as program
program.INSTALLING.wait()
program.GO_ON.set()
program.find_evidence()
WRITE
program.SAID.append("imported")
"""


@pytest.mark.parametrize(
    ("write", "said"),
    [
        ("", ["imported", "PlaneWriteBlocked"]),
        ("program.SAID.append(program.write())", ["RuntimeError", "imported", "PlaneWriteBlocked"]),
    ],
    ids=["after the import", "in the import"],
)
def test_a_thread_whose_import_the_installation_waits_for_goes_on_and_connects_later(
    child: Child, plane: FakePlane, write: str, said: list[str]
) -> None:
    child.write("imported.py", IMPORTED.replace("WRITE", write))
    code = f"""{PROGRAM}
def in_the_middle():
    GO_ON.wait(20)
    import imported
    time.sleep(0.5)
def second():
    import imported
    SAID.append(write())
first, second = start(find_evidence), start(second)
first.join(); second.join()
print(SAID)
"""
    result = child.python(code)

    assert result.stdout.strip() == str(said), result.stderr
    assert plane.writes == []


@pytest.mark.parametrize("does_fork_wait", [True, False], ids=["fork waits", "fork in an import"])
def test_a_child_that_is_forked_meanwhile_is_guarded(child: Child, plane: FakePlane, *, does_fork_wait: bool) -> None:
    forking = "import os, __main__ as program\nprogram.INSTALLING.wait()\nprogram.fork()\n"
    child.write("forking.py", forking)
    code = f"""{PROGRAM}
def in_the_middle():
    GO_ON.wait(0.5)
    if not {does_fork_wait}:
        import forking
def fork():
    if (pid := os.fork()) == 0:
        print(write(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
def second():
    INSTALLING.wait()
    if {does_fork_wait}:
        fork()
    else:
        import forking
first, second = start(find_evidence), start(second)
first.join(); second.join()
"""
    result = child.python(code, "-W", "ignore::DeprecationWarning")

    assert result.stdout.strip() == "PlaneWriteBlocked", result.stderr
    assert plane.writes == []


def test_the_thread_that_installs_the_guard_may_find_evidence_again(child: Child) -> None:
    code = f"""{PROGRAM}
in_the_middle = find_evidence
first = start(find_evidence)
first.join(20)
print(first.is_alive())
"""

    assert child.python(code).stdout.strip() == "False"


def test_an_installation_that_never_ends_ends_the_process(child: Child) -> None:
    code = f"""
from plane_guard_watch import waiting
waiting._MOST_WAITS = 20
{PROGRAM}
in_the_middle = threading.Event().wait
start(find_evidence)
INSTALLING.wait()
find_evidence()
print("still here")
"""
    result = child.python(code)

    assert (result.returncode, result.stdout) == (78, "")
    assert "another thread did not finish the installation of the guard" in result.stderr

"""The session record: quiet and unguarded processes must not look the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.clients import patches

if TYPE_CHECKING:
    from tests.harness import Child


def test_the_root_and_each_child_that_decides_write_one(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import subprocess, sys
        WRITE = "import httpx; httpx.post('http://127.0.0.1:9/api/v1/workspaces/acme/projects/x/')"
        def test_it():
            subprocess.run([sys.executable, "-c", ""], check=True)
            assert subprocess.run([sys.executable, "-c", WRITE], capture_output=True).returncode == 1
        """,
    )
    result = child.pytest()

    assert "1 passed" in result.stdout, result.stdout
    root, decided = child.sessions()
    [decision] = child.decisions()
    assert decided.pid == decision.pid != root.pid
    assert root.run_id == decided.run_id == decision.run_id
    assert root.evidence
    assert decided.evidence
    for session in (root, decided):
        assert {shell.partition(" (")[0] for shell in session.shells} >= {
            target.layer for target in patches.CLIENT_TARGETS
        }


def test_a_forked_child_writes_its_own(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import os, httpx
        def test_it():
            pid = os.fork()
            if pid == 0:
                try:
                    httpx.post("http://127.0.0.1:9/api/v1/workspaces/acme/projects/x/")
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
        """,
    )
    child.pytest()

    [forked] = child.decisions()
    assert len(child.sessions()) == 2
    assert forked.pid in {session.pid for session in child.sessions()}
    assert len(list((child.folder / ".plane-guard").glob("*.jsonl"))) == 2


def test_a_process_that_runs_no_tests_writes_nothing(child: Child) -> None:
    child.python("import httpx, plane_guard_instrumentation; plane_guard_instrumentation.instrument()")

    assert not (child.folder / ".plane-guard").exists()


def test_the_trace_folder_keeps_itself_out_of_git(child: Child) -> None:
    child.write("test_it.py", "def test_it():\n    pass\n")
    child.pytest()

    assert (child.folder / ".plane-guard" / ".gitignore").read_text() == "*\n"


UNCOVERED = """
import json
from plane_guard_instrumentation.evidence import coverage, evidence_file, session
def records():
    spans = [json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for line in open(evidence_file.path())]
    return [span for span in spans if span["name"] == "plane_guard.session"]
def uncovered(span):
    named = {pair["key"]: pair["value"] for pair in span["attributes"]}.get("plane_guard.session.uncovered")
    return [value["stringValue"] for value in named["arrayValue"]["values"]] if named else []
"""


def test_what_cannot_be_seen_is_added_to_the_record_when_it_turns_up(child: Child) -> None:
    code = f"""{UNCOVERED}
coverage.report_uncovered("rnet", "a Rust client")
coverage.report_uncovered("rnet", "a Rust client")
coverage.report_uncovered("node", "a child process")
first, *again = records()
assert uncovered(first) == []
rust, node = "rnet: a Rust client", "node: a child process"
assert [uncovered(span) for span in again] == [[rust], [rust, node]]
assert {{(span["traceId"], span["spanId"], span["startTimeUnixNano"]) for span in again}} == {{
    (first["traceId"], first["spanId"], first["startTimeUnixNano"])}}
assert int(again[1]["endTimeUnixNano"]) > int(again[0]["endTimeUnixNano"]) > int(first["endTimeUnixNano"])
"""
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")

    assert result.returncode == 0, result.stderr
    assert len(child.sessions()) == 1


def test_a_live_process_that_uses_such_a_client_writes_nothing(child: Child) -> None:
    code = """
    from plane_guard_instrumentation.evidence import coverage, session
    coverage.report_uncovered("rnet", "a Rust client")
    """
    child.python(code)

    assert not (child.folder / ".plane-guard").exists()


def test_the_root_records_its_end_and_a_killed_one_does_not(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import os, time
        def test_it():
            time.sleep(0.3)
            if os.environ.get("KILL"):
                os.kill(os.getpid(), 9)
        """,
    )
    child.pytest()
    [ended] = child.sessions()
    assert ended.ended
    assert ended.end_ns - ended.time_ns > 300_000_000
    child.pytest(KILL="1")
    assert sorted(session.ended for session in child.sessions()) == [False, True]


def test_a_trace_folder_that_a_run_deletes_does_not_come_back_at_its_end(child: Child) -> None:
    child.write("test_it.py", "def test_it():\n    import shutil\n    shutil.rmtree('.plane-guard')\n")
    child.write(
        "conftest.py",
        "def pytest_unconfigure():\n    import shutil\n    shutil.rmtree('.plane-guard', ignore_errors=True)\n",
    )
    assert "1 passed" in child.pytest().stdout
    assert not (child.folder / ".plane-guard").exists()

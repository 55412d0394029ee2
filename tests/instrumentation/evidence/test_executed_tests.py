"""The session record tells which tests were executed, so that a test that did not run is no test that is fixed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.evidence.groups import key_of_test
from plane_guard_instrumentation.evidence import executed_tests

if TYPE_CHECKING:
    from tests.harness import Child

SUITE = """
import pytest
def test_passes():
    pass
def test_fails():
    assert False
@pytest.mark.parametrize("case", ["a[1]", "b"])
def test_cases(case):
    pass
@pytest.mark.xfail
def test_xfails():
    assert False
@pytest.mark.skip
def test_skipped():
    pass
def test_skips_itself():
    pytest.skip()
@pytest.fixture
def broken():
    raise RuntimeError
def test_in_error(broken):
    pass
class TestClass:
    def test_method(self):
        pass
"""
EXECUTED = ("test_passes", "test_fails", "test_cases", "test_xfails", "TestClass::test_method")


def told(child: Child) -> tuple[int | None, set[str]]:
    """Return the number of executed tests and their keys, from the records of all processes."""
    [record] = [session for session in child.sessions() if session.tests is not None]
    return record.tests, {key for text in record.test_keys for key in text.split()}


def keys(*names: str) -> set[str]:
    return {key_of_test(f"test_it.py::{name}") for name in names}


@pytest.mark.parametrize(
    ("options", "number", "names"),
    [
        ((), 6, EXECUTED),
        (("-n2",), 6, EXECUTED),
        (("-k", "passes"), 1, ("test_passes",)),
        (("-k", "passes", "-p", "no:terminal", "-o", "addopts="), 1, ("test_passes",)),
        (("--collect-only",), 0, ()),
    ],
)
def test_a_session_tells_what_it_executed(
    child: Child, options: tuple[str, ...], number: int, names: tuple[str, ...]
) -> None:
    child.write("test_it.py", SUITE)
    child.pytest(*options)
    assert told(child) == (number, keys(*names))
    assert key_of_test("test_it.py::test_cases[a[1]]") in keys("test_cases")


def test_under_run_the_pytest_process_tells_and_a_killed_one_does_not(child: Child) -> None:
    child.write("test_it.py", "import os\ndef test_it():\n    pass\ndef test_kill():\n    os._exit(1)\n")
    child.python(
        "import sys; from plane_guard_dashboard.cli import main;"
        "sys.argv[1:] = ['run', '--', sys.executable, '-m', 'pytest', '-k', 'test_it and not kill']; main()"
    )
    assert told(child) == (1, keys("test_it"))
    child.pytest("-k", "kill")
    assert len(child.sessions()) == 3
    assert sum(session.tests is None for session in child.sessions()) == 2


def test_sessions_that_a_test_starts_are_not_the_projects(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        pytest_plugins = ["pytester"]
        def test_inner(pytester):
            pytester.makepyfile(test_inner="def test_a(): pass")
            pytester.runpytest_subprocess().assert_outcomes(passed=1)
            pytester.runpytest_inprocess().assert_outcomes(passed=1)
        """,
    )
    child.pytest()
    assert told(child) == (1, keys("test_inner"))


def test_a_redacted_test_has_the_key_of_its_decisions(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import httpx, pytest
        @pytest.mark.parametrize("value", ["plane_api_0123456789abcdef", "x"])
        def test_it(value):
            with pytest.raises(RuntimeError):
                httpx.post("http://127.0.0.1:9/api/v1/workspaces/acme/projects/x/", json={})
        """,
    )
    child.pytest()
    assert {key_of_test(row.test or "") for row in child.decisions()} == told(child)[1]
    assert "plane_api_0123456789abcdef" not in "".join(
        path.read_text() for path in (child.folder / ".plane-guard").glob("*.jsonl")
    )


def test_the_record_of_a_large_suite_is_small_and_the_same_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    state = executed_tests._State
    monkeypatch.setattr(state, "number", None)
    monkeypatch.setattr(state, "keys", ())
    assert (executed_tests.number(), executed_tests.keys()) == (None, None)
    tests = [f"tests/test_module_{number % 500}.py::test_{number}[case]" for number in range(10_000)]
    executed_tests.record(tests)
    first = executed_tests.keys()
    assert executed_tests.number() == 10_000
    assert len(json.dumps(first)) < 14 * 10_000
    assert first is not None
    assert max(map(len, first)) <= 2_000
    executed_tests.record(reversed(tests))
    assert executed_tests.keys() == first
    executed_tests.record(f"test_it.py::test_{number}" for number in range(executed_tests.MOST_KEYS + 1))
    assert (executed_tests.number(), executed_tests.keys()) == (executed_tests.MOST_KEYS + 1, None)

"""Which test and phase the environment names, where no plugin tells."""

from __future__ import annotations

import pytest

from plane_guard_instrumentation.evidence import running_test

NAMED = {
    "test_a.py::test_it (call)": ("test_a.py::test_it", "call"),
    "test_a.py::test_it[(setup)] (teardown)": ("test_a.py::test_it[(setup)]", "teardown"),
    "test_a.py::test_it[a\nb (call)] (setup)": ("test_a.py::test_it[a\nb (call)]", "setup"),
    " (call)": ("", "call"),
    "test_a.py::test_it (call) ": (None, None),
    "test_a.py::test_it (exit)": (None, None),
    "test_a.py::test_it (call": (None, None),
    "call)": (None, None),
    "": (None, None),
}


@pytest.mark.parametrize(("variable", "named"), NAMED.items())
def test_pytests_own_variable_names_test_and_phase(
    monkeypatch: pytest.MonkeyPatch, variable: str, named: tuple[str | None, str | None]
) -> None:
    before = running_test.current()
    running_test.set_running(None)
    try:
        monkeypatch.setenv("PYTEST_CURRENT_TEST", variable)
        assert running_test.current() is None
        running = running_test.running()
        assert (running.test, running.phase, running.expected) == (*named, False)
    finally:
        running_test.set_running(before)

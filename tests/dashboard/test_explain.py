"""`plane-guard explain`: the docs entry for every word that users meet."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from plane_guard import Op, Reason
from plane_guard.settings import (
    HOSTS_VARIABLE,
    OPT_IN_VARIABLE,
    PROTECTED_VARIABLE,
    SANDBOX_VARIABLE,
    TEST_PROCESS_VARIABLE,
)
from plane_guard_dashboard.cli import main
from plane_guard_dashboard.cli.explain import entries, find
from plane_guard_instrumentation.runtime import environment
from plane_guard_watch import ALSO_VARIABLE

SETTINGS = (
    *(OPT_IN_VARIABLE, SANDBOX_VARIABLE, PROTECTED_VARIABLE, HOSTS_VARIABLE, TEST_PROCESS_VARIABLE, ALSO_VARIABLE),
    *(environment.TRACE_DIR_VARIABLE, environment.SWALLOWED_VARIABLE, "PLANE_GUARD_TRACES"),
    *("sandbox_projects", "protected_projects", "hosts", "trace_dir", "swallowed", "also_guard", "project_names"),
)


@pytest.mark.parametrize("word", [*Reason, *Op, *SETTINGS])
def test_every_reason_op_and_setting_has_an_entry(word: str) -> None:
    result = CliRunner().invoke(main, ["explain", word])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == word
    assert len(result.output) > len(word) + 20


def test_every_message_finds_its_own_entry() -> None:
    known = entries()
    messages = [heading for heading in known if " " in heading]
    assert len(messages) > 30
    for heading in messages:
        shown = re.sub(r"…|\(…\)", "something else", heading)
        assert heading in find(shown, known), heading


def test_an_unknown_word_is_an_error_that_names_similar_entries() -> None:
    result = CliRunner().invoke(main, ["explain", "foreign-referense"])
    assert result.exit_code == 2
    assert "foreign-reference" in result.output

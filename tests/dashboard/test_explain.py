"""`plane-guard explain`: the docs entry for every word that users meet."""

from __future__ import annotations

import ast
import re
from pathlib import Path

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
from plane_guard_dashboard.explanations import entries, find, is_message, words_of
from plane_guard_instrumentation.runtime import environment
from plane_guard_watch import ALSO_VARIABLE

SETTINGS = (
    *(OPT_IN_VARIABLE, SANDBOX_VARIABLE, PROTECTED_VARIABLE, HOSTS_VARIABLE, TEST_PROCESS_VARIABLE, ALSO_VARIABLE),
    *(environment.TRACE_DIR_VARIABLE, environment.SWALLOWED_VARIABLE, "PLANE_GUARD_TRACES"),
    *("sandbox_projects", "protected_projects", "hosts", "trace_dir", "swallowed", "also_guard", "project_names"),
)
ROOT = Path(__file__).parents[2]
MESSAGES = frozenset(
    {"ClickException", "EndpointError", "KnownReportError", "NoTracesError", "end", "fail", "warn", "warn_once"}
)
# Progress that goes to stderr, and the end of a message whose beginning is another string.
NO_PROBLEM = ("about", "Listening at", "More: plane-guard explain", "Waiting", "name the collector's HTTP port")


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


def messages_of_the_code() -> dict[str, str]:
    """The place and the text of each message that the code writes as one string; `…` stands for what is filled in."""
    found = {}
    files = (file for top in ("guard", "instrumentation", "dashboard") for file in (ROOT / top).rglob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and _is_message(node):
                text = _text(node.args[0])
                if len(re.findall(r"\w+", text)) > 2:
                    found[f"{file.relative_to(ROOT)}:{node.lineno}"] = text
    return found


def _is_message(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    return name in MESSAGES or (name == "echo" and any(option.arg == "err" for option in call.keywords))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return str(node.value) if isinstance(node, ast.Constant) else "… "


def test_every_message_of_the_code_has_an_entry() -> None:
    known = entries()
    found = messages_of_the_code()
    assert len(found) > 10
    missing = {
        place: text
        for place, text in found.items()
        if not find(text, known) and not text.replace("… ", "").strip(" :").startswith(NO_PROBLEM)
    }
    assert missing == {}


def test_every_message_that_a_command_prints_names_its_entry(tmp_path: Path) -> None:
    known = entries()
    for heading in filter(is_message, known):
        words = words_of(re.sub(r"…|\(…\)", "something else", heading), known)
        assert words, heading
        assert heading in find(words, known), heading
    for command in (
        ["report", "--traces", str(tmp_path / "none")],
        ["ship", "--traces", "clickhouse://host/database"],
        ["run", "--", "no-such-command"],
        ["fix", "test_x.py", "--traces", str(tmp_path)],
        ["dashboard", "--base-path", "a b"],
    ):
        result = CliRunner().invoke(main, command)
        assert result.exit_code != 0
        *_, message, more = result.stderr.splitlines()
        word = more.removeprefix('More: plane-guard explain "').removesuffix('"')
        assert word in message, command
        assert CliRunner().invoke(main, ["explain", word]).exit_code == 0, word


def test_without_a_word_every_entry_is_listed() -> None:
    result = CliRunner().invoke(main, ["explain"])
    assert result.exit_code == 0
    assert [heading for heading in entries() if heading not in result.output] == []


def test_an_unknown_word_is_an_error_that_names_similar_entries() -> None:
    result = CliRunner().invoke(main, ["explain", "foreign-referense"])
    assert result.exit_code == 2
    assert "foreign-reference" in result.output

"""What the command says about itself, and how it looks in a terminal and outside of one."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from plane_guard_dashboard.cli import COMMANDS, main
from tests.dashboard.evidence import decision, write

if TYPE_CHECKING:
    from collections.abc import Iterator

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PROGRAM = (sys.executable, "-m", "plane_guard_dashboard")


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def help_of(name: str) -> str:
    return CliRunner().invoke(main, [name, "--help"]).output


def examples(name: str) -> list[str]:
    return re.findall(r"^ +((?:[A-Z_]+=\S+ )?plane-guard .+)$", help_of(name).partition("Examples:\n")[2], re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_of_a_help_is_a_call_that_is_understood(name: str) -> None:
    assert examples(name)
    for example in examples(name):
        words = shlex.split(example.partition(" >")[0])
        called, *arguments = words[words.index("plane-guard") + 1 :]
        assert called == name
        command(name).make_context(name, arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_exit_codes_are_in_the_help(name: str) -> None:
    assert re.search(r"Exit code", help_of(name))


def test_what_a_command_does_is_said_in_full_on_80_columns() -> None:
    assert "..." not in CliRunner().invoke(main, ["--help"], terminal_width=80).output.partition("Commands:")[2]


def test_the_group_says_where_examples_are_and_how_to_complete() -> None:
    said = CliRunner().invoke(main, ["--help"]).output
    assert "plane-guard COMMAND --help" in said
    assert "_PLANE_GUARD_COMPLETE=bash_source" in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_each_shell(shell: str) -> None:
    environ = {**os.environ, "_PLANE_GUARD_COMPLETE": f"{shell}_source"}
    program = [str(Path(sys.executable).with_name("plane-guard"))]
    made = subprocess.run(program, env=environ, capture_output=True, text=True, check=False)
    assert made.returncode == 0
    assert f"_PLANE_GUARD_COMPLETE={shell}_complete" in made.stdout


def test_completion_knows_commands_and_options() -> None:
    program = [str(Path(sys.executable).with_name("plane-guard"))]
    for words, expected in (("plane-guard re", "report"), ("plane-guard report --fail", "--fail-on")):
        asked = {
            "_PLANE_GUARD_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        made = subprocess.run(program, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
        assert made.stdout == f"plain,{expected}\n"


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    return write(tmp_path / "decisions-a-1-1.jsonl", decision()).parent


def in_a_terminal(arguments: tuple[str, ...], environ: dict[str, str]) -> str:
    """What a program prints when its output is a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen([*PROGRAM, *arguments], stdout=its, stderr=its, env=environ) as program:
        os.close(its)
        printed = b"".join(_until_closed(ours))
        program.wait(30)
    os.close(ours)
    return printed.decode()


def _until_closed(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(descriptor, 65_536)
        except OSError:  # Linux says so when the last writer has gone
            return
        if not piece:
            return
        yield piece


def colours(printed: str) -> set[str]:
    """The numbers of foreground and background colours in it."""
    codes = {code for found in COLOUR.findall(printed) for code in found[2:-1].split(";")}
    return {code for code in codes if code.isdigit() and (30 <= int(code) <= 49 or 90 <= int(code) <= 107)} - {"39"}


@pytest.mark.parametrize("name", ["report", "doctor"])
def test_colours_only_in_a_terminal_and_not_where_they_are_unwanted(name: str, traces: Path) -> None:
    base = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "CI"}}
    environ = {**base, "TERM": "xterm-256color", "PLANE_GUARD_TRACES": str(traces)}
    piped = subprocess.run([*PROGRAM, name], env=environ, capture_output=True, text=True, check=False)
    assert "\x1b" not in piped.stdout + piped.stderr
    assert colours(in_a_terminal((name,), {**environ, "NO_COLOR": "1"})) == set()
    if name == "report":
        assert colours(in_a_terminal((name,), environ))

"""Child programs that the guard cannot see: Python without site-packages, HTTP clients and other languages.

They are reported, not refused. `plane-guard run --contained` covers them.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.connections import audit_hook
from plane_guard_instrumentation.evidence import coverage
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAMS = frozenset({"bun", "curl", "deno", "java", "node", "npx", "php", "ruby", "wget"})
_SHELLS = frozenset({"ash", "bash", "dash", "sh", "zsh"})
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*(?:\.exe)?")
_LONGEST = 8_192
# A command of a shell script: assignments, the program, its arguments up to the next command.
_COMMAND = re.compile(r"(?:^|[;&|(`\n])[ \t]*(?:\w+=[^\s(`]*\s+)*(?P<words>[^\s;&|()`]+(?:[ \t]+[^\s;&|()`]+)*)")
_WHY_PYTHON = "not guarded: it starts without site-packages, and so without plane-guard"
_WHY_PROGRAM = "not guarded: it is no Python program. plane-guard run --contained covers it"


def watch() -> None:
    """Report such a program whenever a child is started."""
    audit_hook.before_child(_note)


def _note(command: Sequence[Any]) -> None:
    # Nothing here may fail: it runs whenever the test starts a program.
    with suppress(Exception):
        if SYSTEM.environ.get(coverage.CONTAINED_VARIABLE):
            return
        for name, why in _unseen(list(map(os.fsdecode, command))):
            coverage.report_uncovered(f"child {name}", why)


def _unseen(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the programs of a command line that the guard cannot see, and why."""
    if not words:
        return
    program, arguments = os.path.basename(words[0]), words[1:]
    if program in _SHELLS and "-c" in arguments[:-1]:
        script = arguments[arguments.index("-c") + 1][:_LONGEST]
        for match in _COMMAND.finditer(script):
            yield from _unseen(match["words"].split())
    elif program in PROGRAMS:
        yield program, _WHY_PROGRAM
    elif _PYTHON.fullmatch(program) and _is_without_site(arguments):
        yield f"{program} -S", _WHY_PYTHON


def _is_without_site(arguments: Sequence[str]) -> bool:
    """Return if Python's options, which end at the script, at -c or at -m, contain -S."""
    has_value = False
    for word in arguments:
        if has_value:
            has_value = False
        elif not word.startswith("-") or word == "-":
            return False
        elif not word.startswith("--"):
            for number, letter in enumerate(word[1:], 2):
                if letter == "S":
                    return True
                if letter in "cm":
                    return False
                if letter in "WX":
                    has_value = number == len(word)
                    break
    return False

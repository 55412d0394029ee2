"""The demo's output for a terminal of 80 columns, with or without colour."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from plane_guard_dashboard.demo.scenario import PASSED, REASONS
from plane_guard_dashboard.evidence.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rich.console import Console

    from plane_guard_dashboard.demo.assertions import Checked
    from plane_guard_dashboard.demo.child import ChildRun
    from plane_guard_dashboard.evidence.rows import DecisionRow

STORY = (
    (
        "On the day of ORCH-114 a pytest process in a worktree inherited the live Plane token "
        "and the production project. It moved ORCH-114 to Done and commented on it: in production."
    ),
    (
        "Now the same client and naive tests run again, with plane-guard installed and nothing else changed, "
        "against a fake Plane server on this machine that holds both projects."
    ),
)
MOST_ROWS = 2
HEADINGS = ("Test", "In", "Item", "Op", "Decided", "Reason")
STYLES = {"blocked": "bold red", "allowed": "bold green"}
_BORDER = re.compile(r"^=+ (?:.* )?=+$|^=+$")


def title(console: Console, text: str) -> None:
    """Start a section."""
    console.print()
    console.print(Text(text, style="bold"))


def paragraph(console: Console, text: str, style: str = "", indent: int = 2) -> None:
    """Print wrapped, indented text."""
    console.print(Text("\n".join(_wrapped(console, text, indent)), style=style))


def facts(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values below each other."""
    known = list(pairs)
    width = max((len(name) for name, _ in known), default=0) + 4
    for name, value in known:
        lines = _wrapped(console, value, width)
        lines[0] = lines[0].strip()
        console.print(Text(f"  {name}".ljust(width), style="dim") + Text("\n".join(lines), style="not dim"))


def excerpt(output: str) -> list[str]:
    """Return plane-guard's header and summary from pytest's output, and the last line."""
    lines = output.splitlines()
    header = [line for line in lines if line.startswith("plane-guard")]
    border, *section = _section(lines) or [""]
    rows = [line for line in section if line.startswith(" ")]
    hidden = rows[MOST_ROWS:]
    more = [f"  ... {len(hidden)} more, see below; all of pytest's output: --verbose"] if hidden else []
    about = [line for line in section if line not in rows]
    return [*header, border, *about[:1], *rows[:MOST_ROWS], *more, *about[1:], *lines[-1:]]


def quote(console: Console, lines: Iterable[str]) -> None:
    """Print lines of another program, indented and cut to the width of the terminal."""
    room = console.width - 2
    for line in lines:
        cut = line if len(line) <= room else f"{line[: room - 3]}..."
        console.print(Text(f"  {cut}"), style="dim", soft_wrap=True)


def path(console: Console, where: Path) -> None:
    """Print a path on one line, so that it can be copied."""
    console.print(Text(f"  {where}"), soft_wrap=True)


def attempts(console: Console, decisions: Iterable[DecisionRow], names: Mapping[str, str]) -> None:
    """Print each attempt with its decision and reason."""
    rows = [_cells(row, names) for row in decisions]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for cells in (HEADINGS, *rows):
        *tried, decided, reason = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        head = "  ".join(["", *tried, ""])
        line = Text.assemble(head, (decided, STYLES.get(decided, "")), "  ", reason.rstrip())
        console.print(line, style="dim" if cells is HEADINGS else "", soft_wrap=True)
    console.print()


def reasons(console: Console, decisions: Iterable[DecisionRow]) -> None:
    """Print an explanation of each reason."""
    present = dict.fromkeys(row.reason for row in decisions)
    facts(console, [(reason, REASONS.get(reason, "")) for reason in present])


def swallowed(console: Console, child: ChildRun, decisions: Iterable[DecisionRow]) -> None:
    """Name the tests that passed although writes were blocked."""
    refused = Counter(_name(row) for row in decisions if row.outcome is Outcome.BLOCK)
    for test, count in refused.items():
        if child.outcomes.get(test) == PASSED:
            text = f"{test} passed: the code under test swallowed {count} blocks. The evidence has them."
            paragraph(console, text, "yellow")


def claims(console: Console, checked: Iterable[Checked]) -> None:
    """Print every claim with its result."""
    for one in checked:
        sign = ("  ok      ", "green") if one.holds else ("  FAILED  ", "bold red")
        console.print(Text.assemble(sign, one.claim))
        if not one.holds:
            paragraph(console, one.problem, "red", indent=10)


def commands(console: Console, pairs: Iterable[tuple[tuple[str, ...], str]]) -> None:
    """Print the next commands. They are not wrapped, so that they can be copied."""
    for words, purpose in pairs:
        line = Text("  ") + Text(shlex.join(words), style="bold cyan") + Text(f"   {purpose}", style="dim")
        console.print(line, soft_wrap=True)


def _wrapped(console: Console, text: str, indent: int) -> list[str]:
    margin = " " * indent
    wrapper = textwrap.TextWrapper(
        console.width,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(text) or [""]


def _section(lines: list[str]) -> list[str]:
    starts = [place for place, line in enumerate(lines) if _BORDER.match(line) and "plane-guard" in line]
    if not starts:
        return []
    rest = lines[starts[0] + 1 :]
    length = next((place for place, line in enumerate(rest) if _BORDER.match(line)), len(rest))
    return lines[starts[0] : starts[0] + 1 + length]


def _cells(row: DecisionRow, names: Mapping[str, str]) -> tuple[str, ...]:
    project, item = row.project_id or "-", row.work_item_id or "-"
    decided = "blocked" if row.outcome is Outcome.BLOCK else "allowed"
    return _name(row), names.get(project, project), names.get(item, item), row.op, decided, row.reason


def _name(row: DecisionRow) -> str:
    return (row.test or "-").rpartition("::")[2]

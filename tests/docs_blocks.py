"""The Markdown files of the checkout taken apart: fenced blocks with what a comment before them says, headings, links.

A comment directly before a fence says what is special about the block:

    <!-- not run: why -->              nothing runs it
    <!-- expected to fail: text -->    it ends with an error, and prints the text
    <!-- saved as: name.py -->         the blocks of this page find it under this name
    <!-- excerpt of: path -->          it stands word for word in this file, whose own tests run it
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = tuple(
    sorted(
        file
        for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", ".github/**/*.md")
        for file in ROOT.glob(pattern)
        if not any(part.startswith(".") and part != ".github" for part in file.relative_to(ROOT).parts)
    )
)
SHELLS = frozenset({"sh", "shell", "bash", "console"})
DIRECTIVES = ("not run", "expected to fail", "saved as", "excerpt of")
_FENCE = re.compile(
    r"(?:^ *<!-- (?P<directive>[a-z ]+): (?P<value>.*?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is that of its first line of code."""

    page: Path
    line: int
    language: str
    code: str
    directive: str = ""
    value: str = ""

    def __str__(self) -> str:
        """Where it is, as the name of a test."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        indent = len(found["indent"])
        code = "".join(row[indent:] if row.strip() else row for row in found["code"].splitlines(keepends=True))
        yield Block(page, line, found["language"], code, found["directive"] or "", found["value"] or "")


def prose(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """The targets of a page's links."""
    return [found["target"] for found in _LINK.finditer(prose(page))]


def files_named(page: Path) -> set[str]:
    """The files and folders of this repository that a page names in code, links or not."""
    tops = r"(?:guard|instrumentation|dashboard|tests|docs|deploy|examples|\.ci|\.github)/"
    return set(re.findall(rf"`({tops}[\w./-]*)`", prose(page)))


def headings(page: Path) -> list[str]:
    """The headings of a page, as they stand."""
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What a link to a place in this page may name, by the rule of the site that shows it."""
    found: dict[str, int] = {}
    for heading in headings(page):
        kept = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[kept] = found.get(kept, -1) + 1
    return {name if not number else f"{name}-{number}" for name, count in found.items() for number in range(count + 1)}


def shell_commands(block: Block) -> str:
    """The commands of a shell block; in a console, what stands behind the prompts."""
    if block.language != "console":
        return block.code
    return "".join(line.removeprefix("$ ") for line in block.code.splitlines(keepends=True) if line.startswith("$ "))


def mentioned_calls(page: Path) -> Iterator[str]:
    """Every call of `plane-guard` in inline code or in a shell block."""
    for code in _INLINE_CODE.findall(prose(page)):
        if code.startswith("`plane-guard "):
            yield code.strip("`")
    for block in blocks(page):
        if block.language in SHELLS:
            for line in shell_commands(block).replace("\\\n", " ").splitlines():
                yield from re.findall(r"(?:^|&& |\| |= ?|/)(plane-guard [^|>#)]*)", line)


def rows(page: Path, heading: str) -> dict[str, list[str]]:
    """The table below a heading: by the name in its first cell, the other cells."""
    below = page.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in below.splitlines() if line[:3] == "| `"
    ]
    return {first.strip("` "): rest for first, *rest in cells}

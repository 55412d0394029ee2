"""`plane-guard explain`: show the docs entry for a reason, message, op or setting."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plane_guard_dashboard.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGED = Path(__file__).parents[1] / "docs"
_CHECKOUT = Path(__file__).parents[3]
# A table of the README, and how many of its columns hold names.
_TABLES = {"Settings": 2, "Ops": 1}
_ENTRY = re.compile(r"^### (?P<heading>.+)\n(?P<text>(?:(?!#).*\n?)*)", re.MULTILINE)
_NOTHING = "\N{EN DASH}"
_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\([^)]*\)")
_MOST_SUGGESTIONS = 5
_EPILOG = """\b
Examples:
  plane-guard explain foreign-reference
  plane-guard explain PLANE_GUARD_HOSTS
  plane-guard explain "evidence could not be written"

Exit code: 0 an entry was found, 2 there is none.
"""


@click.command(epilog=_EPILOG)
@click.argument("words", nargs=-1, required=True, metavar="WORD…")
def explain(words: tuple[str, ...]) -> None:
    """Explain a reason, message, op or setting."""
    wanted = " ".join(words)
    known = entries()
    found = find(wanted, known)
    if not found:
        click.echo(_unknown(wanted, known), err=True)
        sys.exit(2)
    for heading in found:
        click.echo(f"{heading}\n\n{known[heading]}\n")


def entries() -> dict[str, str]:
    """Return the text of every entry by its heading."""
    found = {match["heading"]: _plain(match["text"]) for match in _ENTRY.finditer(_read("docs/troubleshooting.md"))}
    for name, text in _rows(_read("README.md")):
        found.setdefault(name, text)
    return found


def find(wanted: str, known: dict[str, str]) -> list[str]:
    """Return the headings that name these words, or whose message contains them or is contained in them."""
    words = wanted.strip().lower()
    exact = [heading for heading in known if heading.lower() == words]
    return exact or [heading for heading in known if _is_message(heading.lower(), words)]


def _is_message(heading: str, words: str) -> bool:
    pieces = [piece.strip(" ():") for piece in re.split(r"…|\(…\)", heading)]
    return " " in heading and (words in heading or all(piece in words for piece in pieces))


def _unknown(wanted: str, known: dict[str, str]) -> str:
    close = get_close_matches(wanted, known, _MOST_SUGGESTIONS, cutoff=0.4)
    names = close or [heading for heading in known if " " not in heading]
    return f"There is no entry for {visible(wanted)}. Try one of these: {', '.join(names)}"


def _rows(readme: str) -> Iterator[tuple[str, str]]:
    for table, columns in _TABLES.items():
        section = readme.partition(f"\n## {table}\n")[2].partition("\n## ")[0]
        for row in _ROW.findall(section):
            cells = [cell.strip() for cell in row.split("|")]
            for at, name in _names(cells[:columns]):
                yield name, _plain(" | ".join(cell for cell in cells[at + 1 :] if cell != _NOTHING))


def _names(cells: list[str]) -> Iterator[tuple[int, str]]:
    for at, cell in enumerate(cells):
        for name in re.findall(r"`([^`]+)`", cell):
            yield at, name


def _plain(text: str) -> str:
    return _LINK.sub(r"\g<text>", text).strip()


def _read(name: str) -> str:
    """Return a document of the package, or of the checkout that the package is installed from."""
    packaged = _PACKAGED / Path(name).name
    return (packaged if packaged.exists() else _CHECKOUT / name).read_text(encoding="utf-8")

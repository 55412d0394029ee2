"""The docs entries of reasons, messages, ops and settings, read from the documents in the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PACKAGED = Path(__file__).parent / "docs"
_CHECKOUT = Path(__file__).parents[2]
# A table of the README, and how many of its columns hold names.
_TABLES = {"Settings": 2, "Ops": 1}
_ENTRY = re.compile(r"^### (?P<heading>.+)\n(?P<text>(?:(?!#).*\n?)*)", re.MULTILINE)
_NOTHING = "\N{EN DASH}"
_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\([^)]*\)")
_VARYING = re.compile(r"…|\(…\)")


def entries() -> dict[str, str]:
    """Return the text of every entry by its heading. `…` in the heading of a message is the part that varies."""
    found = {match["heading"]: _plain(match["text"]) for match in _ENTRY.finditer(_read("docs/troubleshooting.md"))}
    for name, text in _rows(_read("README.md")):
        found.setdefault(name, text)
    return found


def is_message(heading: str) -> bool:
    """Return if the entry is about a message, and not about a word."""
    return " " in heading


def find(wanted: str, known: Mapping[str, str]) -> list[str]:
    """Return the headings that name these words, or whose message contains them or is contained in them."""
    words = wanted.strip().lower()
    exact = [heading for heading in known if heading.lower() == words]
    return exact or [heading for heading in known if is_message(heading) and _belongs(heading.lower(), words)]


def words_of(message: str, known: Mapping[str, str]) -> str:
    """Return words that lead to the entry of a message as a command printed it; empty if there is none."""
    found = [
        _pieces(heading) for heading in known if is_message(heading) and _belongs(heading.lower(), message.lower())
    ]
    return max(max(found, key=lambda pieces: sum(map(len, pieces))), key=len) if found else ""


def _belongs(heading: str, words: str) -> bool:
    return words in heading or all(piece in words for piece in _pieces(heading))


def _pieces(heading: str) -> list[str]:
    return [piece.strip(" ():") for piece in _VARYING.split(heading)]


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

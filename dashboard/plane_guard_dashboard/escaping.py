"""Text out of traces is somebody else's text: shown as it is, never obeyed by a terminal, rich or Markdown."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
_BEFORE_MARKUP = re.compile(r"(\\*)(\[|$)")
_ROW_BREAKERS = ("|", "`")


def visible(text: str, longest: int = LONGEST) -> str:
    """The text on one line, with control and direction characters written out."""
    short = text if len(text) <= longest else text[:longest] + "…"
    return short if short.isascii() and short.isprintable() else "".join(map(_letter, short))


def plain(text: str) -> str:
    """The text for a place where rich reads markup. `rich.markup.escape` lets some backslashes undo it."""
    return _BEFORE_MARKUP.sub(lambda found: found[1] * 2 + ("\\[" if found[2] else ""), visible(text))


def markdown(text: str) -> str:
    """The text as code inside a cell of a Markdown table."""
    shown = visible(text)
    if not any(mark in shown for mark in _ROW_BREAKERS):
        return f"`{shown}`" if shown.strip() else ""
    entities = re.sub(r"[^\w\s]|_", lambda found: f"&#{ord(found[0])};", shown)
    return f"<code>{entities}</code>"


def _letter(letter: str) -> str:
    if letter == " " or unicodedata.category(letter)[0] not in "CZ":
        return letter
    return letter.encode("unicode_escape").decode()

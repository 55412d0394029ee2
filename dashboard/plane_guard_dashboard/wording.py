"""Numbers with their nouns."""

from __future__ import annotations


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return `1 line`, `2 lines`, `1,200 lines`. ``nouns`` is an irregular plural."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"

"""`plane-guard explain`: show the docs entry for a reason, message, op or setting."""

from __future__ import annotations

import sys
from difflib import get_close_matches

import click

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.explanations import entries, find, is_message

_MOST_SUGGESTIONS = 5
_EPILOG = """\b
Examples:
  plane-guard explain
  plane-guard explain foreign-reference
  plane-guard explain PLANE_GUARD_HOSTS
  plane-guard explain "evidence could not be written"

Exit code: 0 an entry was found, 2 there is none.
"""


@click.command(epilog=_EPILOG)
@click.argument("words", nargs=-1, metavar="[WORD…]")
def explain(words: tuple[str, ...]) -> None:
    """Explain a reason, message, op or setting. Without a word, list them all."""
    wanted = " ".join(words)
    known = entries()
    if not wanted:
        click.echo(_listed(known))
        return
    found = find(wanted, known)
    if not found:
        click.echo(_unknown(wanted, known), err=True)
        sys.exit(2)
    for heading in found:
        click.echo(f"{heading}\n\n{known[heading]}\n")


def _listed(known: dict[str, str]) -> str:
    words = ", ".join(heading for heading in known if not is_message(heading))
    messages = "\n".join(f"  {heading}" for heading in known if is_message(heading))
    return f"Reasons, settings and ops:\n\n{words}\n\nMessages (any part of one will do):\n\n{messages}"


def _unknown(wanted: str, known: dict[str, str]) -> str:
    close = get_close_matches(wanted, known, _MOST_SUGGESTIONS, cutoff=0.4)
    names = close or [heading for heading in known if not is_message(heading)]
    return f"There is no entry for {visible(wanted)}. Try one of these: {', '.join(names)}"

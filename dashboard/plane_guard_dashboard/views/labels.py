"""Labels that several pages share: outcomes, origins and counts. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.rows import LIVE_RUNTIME, PROD
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

TESTS, DEMO = "tests", "demo"
_SIGNS: Mapping[str, str] = {
    "allowed": "✔ allowed",
    "blocked": "✖ blocked",
    "expected block": "◌ expected block",
}


def outcome(row: Mapping[str, Any]) -> str:
    """Return a sign and a word, so that the outcome is readable without colour."""
    if row["verdict"] == "allowed" and row["target"] == PROD and row["reason"] != LIVE_RUNTIME:
        return "‼ got through"
    return _SIGNS.get(row["verdict"], row["verdict"])


def maker(demo: int, everything: int) -> str:
    """Return the origin of decisions: tests, `plane-guard demo`, or both."""
    if not demo:
        return TESTS
    return DEMO if demo >= everything else f"{TESTS}, {DEMO}"


def number(found: int, most: int, noun: str) -> str:
    """Return the number of listed rows, with a hint if there may be more."""
    return plural(found, noun) if found < most else f"The latest {plural(found, noun)}"

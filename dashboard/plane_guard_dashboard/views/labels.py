"""Labels that several pages share: outcomes, origins, places and counts. Pure functions."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard import owners
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.rows import LIVE_RUNTIME, PROD
from plane_guard_dashboard.link_templates import is_web
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


def place(row: Mapping[str, Any]) -> str:
    """Return branch, checkout or worktree, and host, as far as they are known."""
    known = (row[name] for name in ("branch", "repository", "host"))
    return " · ".join(value for value in known if value not in ("", NOBODY))


def job(row: Mapping[str, Any]) -> list[str] | str:
    """Return the CI job as a text and its address, or an empty text outside of CI."""
    if not row["job"]:
        return ""
    return [f"CI {row['job']}", row["pipeline"]] if is_web(row["pipeline"]) else f"CI {row['job']}"


def owner_of(test: str) -> str:
    """Return the owners of a test, by the CODEOWNERS file of the folder in which the dashboard was started."""
    return owners.find(Path(os.environ.get(owners.VARIABLE) or Path.cwd())).of(test)


def fix_command(test: str) -> str:
    """Return the command that makes a test safe, or an empty text if the test is unknown."""
    return "" if test in ("", NOBODY) else f"plane-guard fix {shlex.quote(visible(test, 2000))}"

"""Named queries over the rows: constant SQL, everything variable is a parameter."""
# ruff: noqa: S608 - what is put together here are the two constants of this file

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY = "any"
MOST_ROWS = 500


class Origins(StrEnum):
    """Whose decisions: those of real tests, of `plane-guard demo`, or both."""

    ANY = "any"
    TESTS = "tests"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page was asked to show. Empty lists and `any` leave everything in."""

    run: str = ANY
    origin: str = Origins.ANY
    target: str = ANY
    outcome: str = ANY
    expected: bool = True
    reason: tuple[str, ...] = ()
    op: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    test: str = ""

    def parameters(self) -> dict[str, Any]:
        """As the queries name them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


_SCOPE = """($run = 'any' OR run = $run) AND ($origin = 'any' OR demo = ($origin = 'demo'))"""
_MATCH = f"""{_SCOPE}
  AND ($target = 'any' OR target = $target)
  AND ($outcome = 'any' OR outcome = $outcome)
  AND ($expected OR NOT expected)
  AND (len($reason) = 0 OR list_contains($reason, reason))
  AND (len($op) = 0 OR list_contains($op, op))
  AND (len($project) = 0 OR list_contains($project, project))
  AND ($test = '' OR contains(lower(test), lower($test)))"""

QUERIES: Mapping[str, str] = {
    "scope": f"""
        SELECT count(*) AS decisions, count(*) FILTER (prod_attempt) AS prod_attempts,
               count(DISTINCT test) FILTER (prod_attempt) AS tests,
               count(*) FILTER (prod_attempt AND demo) AS demo_attempts,
               count(*) FILTER (outcome = 'block' AND expected) AS expected_blocks,
               count(*) FILTER (blocked AND NOT prod_attempt) AS other_blocks, max(ts) AS last
        FROM decisions WHERE {_SCOPE}""",
    "processes": f"SELECT count(*) AS processes FROM sessions WHERE {_SCOPE}",
    "leaks": "SELECT count(*) AS prod_allowed FROM decisions WHERE prod_allowed",
    "span": f"""
        SELECT min(time_ns) AS first, max(time_ns) AS last, count(*) AS matching
        FROM decisions WHERE {_MATCH}""",
    "timeline": f"""
        SELECT time_ns // $step AS slot, outcome, reason, count(*) AS decisions
        FROM decisions WHERE {_MATCH} GROUP BY ALL ORDER BY slot, reason""",
    "latest": f"""
        SELECT ts, outcome, expected, target, project, work_item, op, reason, test, caller, run, demo,
               decision_id
        FROM decisions WHERE {_MATCH} ORDER BY time_ns DESC, seq DESC LIMIT $limit""",
    "runs": """
        SELECT run, max(ts) AS last
        FROM (SELECT run, ts FROM decisions UNION ALL SELECT run, ts FROM sessions)
        GROUP BY run ORDER BY last DESC LIMIT $limit""",
    "reasons": "SELECT DISTINCT reason AS value FROM decisions ORDER BY value LIMIT $limit",
    "ops": "SELECT DISTINCT op AS value FROM decisions ORDER BY value LIMIT $limit",
    "projects": "SELECT DISTINCT project AS value FROM decisions ORDER BY value LIMIT $limit",
}

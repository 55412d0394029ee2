"""The filters above a page: search, time, values with their counts, and the filters in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.store.queries import MOST_ROWS
from plane_guard_dashboard.views import filters, links, live
from plane_guard_dashboard.views.blocks import block

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plane_guard_dashboard.views.view import View

FACETS: Mapping[str, str] = {"verdict": "Verdict", "target": "Target", "op": "Op", "reason": "Reason"}
MENUS: Mapping[str, str] = {
    "work_item": "Work item",
    "project": "Project",
    "test": "Test",
    "caller": "Called from",
    "branch": "Branch",
    "repository": "Repository or worktree",
    "host": "Host",
    "service": "Service",
    "run": "Run",
}
MOST_CHIPS = 8
_LONGEST_VALUE = 60
_RANGES = {
    "": "All time",
    "15min": "15 minutes",
    "1h": "1 hour",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
}
_ORIGINS = {"": "Tests", "any": "Tests and demo", "tests": "Tests only", "demo": "Demo only"}
_RARE = (filters.SINCE, filters.UNTIL, filters.ORIGIN, filters.ISSUE, *MENUS, filters.WITHOUT)


def filter_bar(view: View, page: str) -> None:
    """Show the filters of a page."""
    query = links.query()
    found = filters.chosen(query, view.now)
    used = {key for key, _ in found.active}
    block(
        "filters",
        "filters",
        page="" if page == links.HOME else page,
        fields=_fields(query, found.problems),
        facets=[_facet(view, page, query, name, found.problems) for name in FACETS],
        menus=[{"name": name, "label": label, "values": _values(view, name)} for name, label in MENUS.items()],
        active=[_active(page, query, key, value) for key, value in found.active],
        clear=links.with_query(page, filters.cleared(query)),
        more=bool(used.intersection(_RARE) or {*found.problems}.intersection(_RARE)),
        problems=[found.problems[filters.WITHOUT]] if filters.WITHOUT in found.problems else [],
    )


def _fields(query: filters.Query, problems: Mapping[str, str]) -> list[dict[str, Any]]:
    example = "work item, test, caller, host, repository, CI job"
    return [
        _field(query, problems, filters.CONTAINS, "Search", hint=example, type="search"),
        _field(query, problems, filters.RANGE, "Time", options=list(_RANGES.items())),
        _field(query, problems, filters.SINCE, "From (UTC)", hint="2026-01-31T10:00", rare=True),
        _field(query, problems, filters.UNTIL, "Until (UTC)", hint="2026-01-31T11:00", rare=True),
        _field(query, problems, filters.ORIGIN, "Made by", options=list(_ORIGINS.items()), rare=True),
        _field(query, problems, filters.ISSUE, "Fingerprint", hint="of a group", rare=True),
    ]


def _field(query: filters.Query, problems: Mapping[str, str], name: str, label: str, **more: Any) -> dict[str, Any]:
    value = next(iter(query.get(name, ())), "")
    return {"name": name, "label": label, "value": visible(value), "problem": visible(problems.get(name, "")), **more}


def _facet(view: View, page: str, query: filters.Query, name: str, problems: Mapping[str, str]) -> dict[str, Any]:
    counts: dict[str, int] = dict.fromkeys(query.get(name, ()), 0) if name not in problems else {}
    for row in view.rows("facets", limit=MOST_ROWS):
        counts[row[name]] = counts.get(row[name], 0) + row["decisions"]
    chips = [
        {
            "text": visible(value, _LONGEST_VALUE),
            "count": count,
            "on": value in query.get(name, ()),
            "href": links.with_query(page, filters.toggled(query, name, value)),
        }
        for value, count in _largest(counts, query.get(name, ()))
    ]
    return {"label": FACETS[name], "chips": chips, "problem": visible(problems.get(name, ""))}


def _largest(counts: Mapping[str, int], used: Iterable[str]) -> list[tuple[str, int]]:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return [pair for place, pair in enumerate(ordered) if place < MOST_CHIPS or pair[0] in used]


def _values(view: View, name: str) -> list[str]:
    return live.values(view.engine, view.source, name)


def _active(page: str, query: filters.Query, key: str, value: str) -> dict[str, Any]:
    text = visible(value, _LONGEST_VALUE)
    href = links.with_query(page, filters.toggled(query, key, value))
    return {"text": f"{key}: {text} ✕", "label": f"Remove the filter {key}: {text}", "href": href, "on": True}

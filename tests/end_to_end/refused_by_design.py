"""The known write routes that no setting opens in a test process, as `docs/refused-by-design.md` lists them.

Run ``python -m tests.end_to_end.refused_by_design`` to write the page anew.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from plane_guard import DEFAULT_SANDBOX_PROJECT, Settings, classify, decide
from plane_guard.advice import is_above_projects

Row = dict[str, Any]
SANDBOX = DEFAULT_SANDBOX_PROJECT
PAGE = Path(__file__).parents[2] / "docs" / "refused-by-design.md"
FACTS = Path(__file__).parents[1] / "data" / "plane_writes.jsonl"
ROWS: list[Row] = [json.loads(line) for line in FACTS.read_text(encoding="utf-8").splitlines()]
WRITES = [row for row in ROWS if row["op"] != "read"]
BODY = "body"
_PROJECT_FIELDS = frozenset({"project", "project_id", "project_ids"})
_NOT_IDS = frozenset({"external_id", "external_source"})
_PARAMETER = re.compile(r"\{(\w+)\}")
_HEAD = """\
# Writes that are refused by design

In a test process these writes are refused whatever you set. Mock them, or run them against a server outside of tests.
`plane-guard explain` has the reasons. A test writes this page from the guard's own tables and fails if it is outdated.

## Above projects

A write to a workspace, an account or an instance cannot be proven to stay in the sandbox. {above} of the {all} known
write routes are above projects:

| area | routes |
|---|---|
{areas}

## Below a project

| route | reason |
|---|---|
{below}
"""


def name(row: Row) -> str:
    """Return a row's method and path."""
    return f"{row['method']} {row['template']}"


def object_of(project: str, kind: str) -> str:
    """Return the id of an object that is in a project, and in no other."""
    return str(uuid.uuid5(uuid.UUID(project), kind))


def path(row: Row, project: str, objects: str, only: str = "") -> str:
    """Return a path under a project, with objects of another one in all positions or in only one."""

    def fill(found: re.Match[str]) -> str:
        parameter = found[1]
        own = project if only and parameter != only else objects
        return {"slug": "acme", "project_id": project, "format": "json"}.get(parameter, object_of(own, parameter))

    return _PARAMETER.sub(fill, str(row["template"]))


def body(row: Row, project: str, only: str = "") -> dict[str, object]:
    """Return a body whose fields, or one of them, name objects of a project."""
    found: dict[str, object] = {}
    for field in fields(row):
        if only and field != only:
            continue
        head, nested, tail = field.partition("[].")
        is_project = field.partition("[")[0] in _PROJECT_FIELDS
        value = project if is_project else object_of(project, BODY)
        if nested:
            found.setdefault(head, [{}])[0][tail.removesuffix("[]")] = [value] if tail.endswith("[]") else value  # type: ignore[index]
        else:
            found[head.removesuffix("[]")] = [value] if head.endswith("[]") else value
    return found


def fields(row: Row) -> list[str]:
    """Return the fields of a row's body that hold ids."""
    return [field.split(" ")[0] for field in row["body_project_fields"] if field not in _NOT_IDS]


def reason(row: Row) -> str:
    """Return why a write is refused even if everything that it names is in the sandbox, or an empty string."""
    url = f"https://api.plane.so{path(row, SANDBOX, SANDBOX)}"
    write = classify(row["method"], url, json.dumps(body(row, SANDBOX)), "application/json")
    if write is None:
        return ""
    if is_above_projects(write):
        return "above projects"
    decision = decide(write.project_id, write.op, settings=Settings(write_enabled=True), in_test=True)
    return write.unprovable if decision.allowed else str(decision.reason)


def page() -> str:
    """Return the page of the docs."""
    refused = {name(row): reason(row) for row in WRITES}
    above = [row for row in WRITES if refused[name(row)] == "above projects"]
    areas = Counter(_area(row["template"]) for row in above)
    below = [(key, why) for key, why in sorted(refused.items()) if why not in {"", "above projects"}]
    return _HEAD.format(
        above=len(above),
        all=len(WRITES),
        areas="\n".join(f"| `{area}` | {count} |" for area, count in sorted(areas.items())),
        below="\n".join(f"| `{key}` | {why} |" for key, why in below),
    )


def _area(template: str) -> str:
    before, slug, after = template.partition("{slug}/")
    return f"{before}{slug}{after.partition('/')[0]}" if slug else "/".join(template.split("/")[:4])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

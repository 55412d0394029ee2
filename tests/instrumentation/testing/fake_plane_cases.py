"""Requests of table B and beyond, with the answer and the rows of production that they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane

W = "/api/v1/workspaces/acme"
S = W + "/projects/{sandbox}"
P = W + "/projects/{prod}"


class Case(NamedTuple):
    """A request, mostly under the sandbox, the answer, and the tables in which rows of PROD changed."""

    name: str
    method: str
    target: str
    body: object
    status: int
    prod_tables: tuple[str, ...] = ()
    sandbox_tables: tuple[str, ...] = ()


def known(plane: FakePlane) -> dict[str, str]:
    """Return what the braces in targets and bodies stand for."""
    found = {"prod": plane.prod.id, "sandbox": plane.sandbox.id}
    for letter, project in (("p", plane.prod), ("s", plane.sandbox)):
        found |= {
            f"{letter}_{table.removesuffix('s')}": next(iter(project.ids(table).values()))
            for table in (
                "states",
                "labels",
                "cycles",
                "modules",
                "comments",
                "links",
                "attachments",
                "members",
            )
        }
        found[f"{letter}_item"] = project.items[f"{project.identifier}-{114 if letter == 'p' else 1}"]
        found[f"{letter}_first"] = next(iter(project.items.values()))
    found["s_second"] = plane.sandbox.items["SBX-2"]
    found["s_other"] = plane.sandbox.items["SBX-3"]
    found["s_cycle2"] = plane.sandbox.ids("cycles")["Cycle 2"]
    found["p_cycle2"] = plane.prod.ids("cycles")["Sprint 8"]
    found |= {"P_ITEM": found["p_item"].upper(), "p_bare": found["p_item"].replace("-", "")}
    return found


def fill(value: object, ids: dict[str, str]) -> object:
    """Put ids into the braces of a target or a body."""
    if isinstance(value, str):
        return value.format(**ids) if "{" in value else value
    if isinstance(value, list):
        return [fill(member, ids) for member in value]
    if isinstance(value, dict):
        return {key: fill(member, ids) for key, member in value.items()}
    return value


NAMED = {"name": "x"}
OVERRIDES = {"project": "{prod}", "project_id": "{prod}", "workspace_id": "{prod}", "id": "{p_item}"}
FOREIGN = [
    Case("an item", "PATCH", S + "/work-items/{p_item}/", {"priority": "low"}, 404),
    Case("an item, to delete", "DELETE", S + "/work-items/{p_item}/", None, 404),
    *(
        Case(
            f"a {table[:-1]} on an item, spelled {word}",
            "POST",
            f"{S}/{word}/{{p_item}}/{table}/",
            body,
            201,
            ("work_items",),
            (table,),
        )
        for word in ("work-items", "issues")
        for table, body in (
            ("comments", {"comment_html": "<p>x</p>"}),
            ("links", {"url": "https://x.example"}),
        )
    ),
    Case(
        "relations from an item",
        "POST",
        S + "/work-items/{p_item}/relations/",
        {"relation_type": "blocking", "issues": ["{s_item}"]},
        201,
        ("work_items",),
        ("relations",),
    ),
    Case("a comment, to change", "PATCH", S + "/work-items/{p_first}/comments/{p_comment}/", {}, 404),
    Case("a comment, to delete", "DELETE", S + "/work-items/{p_first}/comments/{p_comment}/", None, 404),
    Case("a link, to change", "PATCH", S + "/work-items/{p_first}/links/{p_link}/", {}, 404),
    Case("a link, to delete", "DELETE", S + "/work-items/{p_first}/links/{p_link}/", None, 404),
    Case("a label", "PATCH", S + "/labels/{p_label}/", NAMED, 404),
    Case("a state", "PATCH", S + "/states/{p_state}/", NAMED, 404),
    Case("a cycle", "PATCH", S + "/cycles/{p_cycle}/", NAMED, 404),
    Case("a module", "PATCH", S + "/modules/{p_module}/", NAMED, 404),
    Case("an intake entry", "PATCH", S + "/intake-issues/{p_first}/", {"status": 1}, 404),
    Case("an attachment to an item", "POST", S + "/work-items/{p_item}/attachments/", NAMED, 404),
    Case("an attachment, older spelling", "POST", S + "/issues/{p_item}/issue-attachments/", NAMED, 404),
    *(
        Case(
            f"an item for a cycle, spelled {item}",
            "POST",
            S + "/cycles/{s_cycle}/cycle-issues/",
            {"issues": [item]},
            200,
            ("cycle_issues", "work_items"),
        )
        for item in ("{p_item}", "{P_ITEM}", "{p_bare}")
    ),
    *(
        Case(
            f"an item at the other end of {kind}",
            "POST",
            S + "/work-items/{s_item}/relations/",
            {"relation_type": kind, "issues": ["{p_item}"]},
            201,
            (),
            ("relations", "work_items"),
        )
        for kind in ("blocking", "blocked_by", "duplicate", "relates_to", "start_after", "finish_before")
    ),
    Case(
        "an item for a module",
        "POST",
        S + "/modules/{s_module}/module-issues/",
        {"issues": ["{p_item}"]},
        200,
    ),
    Case(
        "a project for a new item",
        "POST",
        S + "/work-items/",
        {**NAMED, **OVERRIDES},
        201,
        (),
        ("work_items",),
    ),
    Case("a project for an item", "PATCH", S + "/work-items/{s_item}/", OVERRIDES, 200, (), ("work_items",)),
    *(
        Case(f"a project for {table}", "POST", f"{S}/{table}/", {**NAMED, **OVERRIDES}, 201, (), (table,))
        for table in ("cycles", "modules", "labels", "states")
    ),
    Case("a project for a project", "PATCH", S + "/", {**NAMED, **OVERRIDES}, 200, (), ("projects",)),
    Case("a project for a member", "POST", S + "/members/", {"project": "{prod}"}, 400),
    Case("a parent", "PATCH", S + "/work-items/{s_item}/", {"parent": "{p_item}"}, 400),
    Case("a state for an item", "PATCH", S + "/work-items/{s_item}/", {"state": "{p_state}"}, 400),
    *(
        Case(
            f"an unknown field {name}",
            "PATCH",
            S + "/work-items/{s_item}/",
            {name: "{p_item}"},
            200,
            (),
            ("work_items",),
        )
        for name in ("parent_id", "state_id", "cycle", "module")
    ),
    Case(
        "a label for an item",
        "PATCH",
        S + "/work-items/{s_item}/",
        {"labels": ["{p_label}"]},
        200,
        (),
        ("work_items",),
    ),
    Case("a parent of a label", "POST", S + "/labels/", {**NAMED, "parent": "{p_label}"}, 201, (), ("labels",)),
    Case(
        "a duplicate in the intake",
        "PATCH",
        S + "/intake-issues/{s_first}/",
        {"duplicate_to": "{p_item}"},
        200,
        (),
        ("intake",),
    ),
    Case("a default state", "PATCH", S + "/", {"default_state": "{p_state}"}, 400),
    Case("a taken identifier", "PATCH", S + "/", {"identifier": "ORCH"}, 409),
    Case(
        "a cycle to transfer to",
        "POST",
        S + "/cycles/{s_cycle}/transfer-issues/",
        {"new_cycle_id": "{p_cycle}"},
        500,
    ),
    Case("a project for an asset", "POST", W + "/assets/", {"project_id": "{prod}"}, 500, ("attachments",)),
    Case("a sticky", "POST", W + "/stickies/", NAMED, 201),
    Case("a new project", "POST", W + "/projects/", {**NAMED, "identifier": "NEW"}, 201),
]
LEGITIMATE = [
    Case(
        "change an item",
        "PATCH",
        S + "/work-items/{s_item}/",
        {"state": "{s_state}"},
        200,
        (),
        ("work_items",),
    ),
    Case("delete an item", "DELETE", S + "/work-items/{s_item}/", None, 204, (), ("work_items",)),
    Case("comment", "POST", S + "/work-items/{s_item}/comments/", {}, 201, (), ("comments", "work_items")),
    Case(
        "change a comment",
        "PATCH",
        S + "/issues/{s_first}/comments/{s_comment}/",
        {},
        200,
        (),
        ("comments", "work_items"),
    ),
    Case(
        "delete a link",
        "DELETE",
        S + "/work-items/{s_first}/links/{s_link}/",
        None,
        204,
        (),
        ("links", "work_items"),
    ),
    Case(
        "attach",
        "POST",
        S + "/work-items/{s_item}/attachments/",
        NAMED,
        200,
        (),
        ("attachments", "work_items"),
    ),
    Case("archive a cycle", "POST", S + "/cycles/{s_cycle}/archive/", None, 204, (), ("cycles",)),
    Case(
        "bring a module back",
        "DELETE",
        S + "/archived-modules/{s_module}/unarchive/",
        None,
        204,
        (),
        ("modules",),
    ),
    Case(
        "empty a cycle",
        "DELETE",
        S + "/cycles/{s_cycle}/cycle-issues/{s_second}/",
        None,
        204,
        (),
        ("cycle_issues",),
    ),
    Case(
        "transfer",
        "POST",
        S + "/cycles/{s_cycle}/transfer-issues/",
        {"new_cycle_id": "{s_cycle2}"},
        200,
        (),
        ("cycle_issues",),
    ),
    Case("ask for intake", "POST", S + "/intake-issues/", {"issue": NAMED}, 201, (), ("intake", "work_items")),
    Case("archive the project", "POST", S + "/archive/", None, 204, (), ("projects",)),
    Case("change production", "PATCH", P + "/work-items/{p_item}/", {"priority": "low"}, 200, ("work_items",)),
]

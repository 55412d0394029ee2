"""The objects that a sandbox write names: which must be proven, where, and when a proof cannot even be tried."""

from __future__ import annotations

import gzip
import json

import pytest

from plane_guard import classify, kinds, paths, references, routes
from tests.guard.plane import FORM, ITEM, JSON, OTHER_ITEM, PROD, SANDBOX, project_path, url, write

CYCLE = "cccccccc-2222-4333-8444-555555555555"
COMMENTS = f"work-items/{ITEM}/comments/"
RELATIONS = f"work-items/{ITEM}/relations/"
ITEMS_OF_CYCLE = f"cycles/{CYCLE}/cycle-issues/"
UPPER, DASHLESS, URN = OTHER_ITEM.upper(), OTHER_ITEM.replace("-", ""), f"urn:uuid:{OTHER_ITEM}"
HERE, THERE = (project_path(SANDBOX, f"work-items/{item}/") for item in (ITEM, OTHER_ITEM))
IN_CYCLE = project_path(SANDBOX, f"cycles/{CYCLE}/")
ITEM_IN_PATH, NOT_AN_ID = "`{work_item_id}` in the path", "names an object by something that is not its id"
NO_LOOKUP = "and Plane has no lookup that would prove its project"
UNKNOWN_ROUTE = "the route is not a known one, and it names objects"
UNREADABLE = "the body cannot be read, and it can name other objects"
FORM_DATA = "multipart/form-data; boundary=e"
PART = '--e\r\nContent-Disposition: form-data; name="issues"\r\n\r\n{}\r\n--e--\r\n'.format

TO_PROVE: dict[str, tuple[str, object, str, tuple[str, ...]]] = {
    "the item of a comment": (COMMENTS, {"comment_html": OTHER_ITEM}, JSON, (HERE,)),
    "the item of a change": (f"work-items/{ITEM}/", {"name": OTHER_ITEM, "description": PROD}, JSON, (HERE,)),
    "nothing for a new item": ("work-items/", {"name": OTHER_ITEM, "parent": None}, JSON, ()),
    "nothing for a label": ("labels/", {"name": "x"}, JSON, ()),
    "the parent of a new item": ("work-items/", {"parent": OTHER_ITEM}, JSON, (THERE,)),
    "both ends of a relation": (RELATIONS, {"issues": [OTHER_ITEM]}, JSON, (HERE, THERE)),
    "an item that is named twice": (RELATIONS, {"issues": [ITEM, OTHER_ITEM, ITEM]}, JSON, (HERE, THERE)),
    "an item and its other spellings": (ITEMS_OF_CYCLE, {"issues": [UPPER, DASHLESS, URN]}, JSON, (IN_CYCLE, THERE)),
    "an item in braces, between blanks and in 64 characters": (
        ITEMS_OF_CYCLE, {"issues": [f"{{{OTHER_ITEM}}}", f" {OTHER_ITEM}\n", OTHER_ITEM.ljust(64)]}, JSON,
        (IN_CYCLE, THERE)),
    "a list of one, without the list": (ITEMS_OF_CYCLE, {"issues": OTHER_ITEM}, JSON, (IN_CYCLE, THERE)),
    "every value of a repeated key": (
        ITEMS_OF_CYCLE, f'{{"issues": ["{ITEM}"], "issues": ["{OTHER_ITEM}"]}}', JSON, (IN_CYCLE, HERE, THERE)),
    "a form": (ITEMS_OF_CYCLE, f"issues={ITEM}&issues={OTHER_ITEM}", FORM, (IN_CYCLE, HERE, THERE)),
    "a numbered form": (ITEMS_OF_CYCLE, f"issues[0]={ITEM}&issues[1]={UPPER}", FORM, (IN_CYCLE, HERE, THERE)),
    "form data": (ITEMS_OF_CYCLE, PART(OTHER_ITEM), FORM_DATA, (IN_CYCLE, THERE)),
    "another cycle": (
        f"cycles/{CYCLE}/transfer-issues/", {"new_cycle_id": CYCLE}, JSON,
        (project_path(SANDBOX, f"cycles/{CYCLE}/"),)),
    "another module": (
        "work-items/", {"module_ids": [CYCLE]}, JSON, (project_path(SANDBOX, f"modules/{CYCLE}/"),)),
    "the items of a bulk": ("work-items/bulk-update/", {"items": [{"id": ITEM}, {"id": UPPER}]}, JSON, (HERE, THERE)),
    "an item in a thousand lists": (
        ITEMS_OF_CYCLE, f'{{"issues": {"[" * 900}"{OTHER_ITEM}"{"]" * 900}}}', JSON, (IN_CYCLE, THERE)),
    "an item by its older spelling": (
        f"issues/{ITEM}/comments/", {}, JSON, (project_path(SANDBOX, f"issues/{ITEM}/"),)),
    "an epic": (f"epics/{ITEM}/", {"parent": OTHER_ITEM}, JSON, (project_path(SANDBOX, f"epics/{ITEM}/"), THERE)),
    "the items of an epic": (
        f"epics/{ITEM}/issues/", {"work_item_ids": [OTHER_ITEM]}, JSON,
        (project_path(SANDBOX, f"epics/{ITEM}/"), THERE)),
    "an item of a cycle": (f"{ITEMS_OF_CYCLE}{ITEM}/", None, JSON, (IN_CYCLE, HERE)),
    "an intake item": (
        f"intake-issues/{ITEM}/", {"duplicate_to": OTHER_ITEM}, JSON,
        (project_path(SANDBOX, f"intake-issues/{ITEM}/"), THERE)),
    "both items of a path": (f"work-items/{ITEM}/dependencies/{OTHER_ITEM}/", None, JSON, (HERE, THERE)),
    "both items of a path of the older spelling": (
        f"issues/{ITEM}/dependencies/{OTHER_ITEM}/", None, JSON,
        tuple(project_path(SANDBOX, f"issues/{item}/") for item in (ITEM, OTHER_ITEM))),
    "the same item twice in a path": (f"work-items/{ITEM}/dependencies/{ITEM}/", None, JSON, (HERE,)),
    "this very project": ("labels/", {"project_id": SANDBOX}, JSON, ()),
    "this very project in another spelling": ("cycles/", {"project_id": SANDBOX.upper()}, JSON, ()),
    "a state": ("work-items/", {"state": CYCLE}, JSON, (project_path(SANDBOX, f"states/{CYCLE}/"),)),
    "a state by its name": ("work-items/", {"state": "Done"}, JSON, ()),
    "labels": ("work-items/", {"labels": [CYCLE]}, JSON, (project_path(SANDBOX, f"labels/{CYCLE}/"),)),
    "the parent of a label": ("labels/", {"parent": CYCLE}, JSON, (project_path(SANDBOX, f"labels/{CYCLE}/"),)),
    "the parent of a comment": (
        COMMENTS, {"parent": CYCLE}, JSON,
        (HERE, project_path(SANDBOX, f"work-items/{ITEM}/comments/{CYCLE}/"))),
    "people": ("work-items/", {"assignees": [CYCLE], "created_by": CYCLE}, JSON, ()),
    "an id of its own": ("work-items/", {"id": CYCLE, "workspace": CYCLE}, JSON, ()),
    "a point, which the server checks": ("work-items/", {"estimate_point": CYCLE}, JSON, ()),
    "filters of a view": ("views/", {"filters": {"state": [CYCLE]}}, JSON, ()),
    "a megabyte of text": ("work-items/", {"description": "x" * 1_000_000}, JSON, ()),
    "a megabyte of items": (RELATIONS, {"issues": [OTHER_ITEM] * 25_000}, JSON, (HERE, THERE)),
    "an unknown route that names nothing": ("strange/thing/", {"name": "x"}, JSON, ()),
    "an unknown route without a body": ("strange/thing/", None, JSON, ()),
}  # fmt: skip


@pytest.mark.parametrize(("below", "body", "content_type", "paths"), TO_PROVE.values(), ids=TO_PROVE.keys())
def test_every_object_named_has_a_path_to_prove_it(
    below: str, body: object, content_type: str, paths: tuple[str, ...]
) -> None:
    found = write("POST", project_path(SANDBOX, below), body, content_type)
    assert (tuple(named.detail_path for named in found.references), found.unprovable) == (paths, "")
    assert [named.id for named in found.references] == [path.split("/")[-2] for path in paths]


NOT_TO_PROVE: dict[str, tuple[str, object, str, str]] = {
    "an item by its key": (f"work-items/ORCH-114/{'comments/'}", {}, JSON, f"{ITEM_IN_PATH} {NOT_AN_ID}"),
    "an item in upper case": (f"work-items/{UPPER}/comments/", {}, JSON, f"{ITEM_IN_PATH} {NOT_AN_ID}"),
    "a parent by its key": ("work-items/", {"parent": "ORCH-114"}, JSON, f"`parent` in the body {NOT_AN_ID}"),
    "a number": (RELATIONS, {"issues": [1]}, JSON, f"`issues` in the body {NOT_AN_ID}"),
    "an item in 65 characters": (
        RELATIONS, {"issues": [OTHER_ITEM.ljust(65)]}, JSON, f"`issues` in the body {NOT_AN_ID}"),
    "half an id": (RELATIONS, {"issues": [OTHER_ITEM[:20]]}, JSON, f"`issues` in the body {NOT_AN_ID}"),
    "an id with an underscore": (
        RELATIONS, {"issues": [f"{DASHLESS[:-1]}_"]}, JSON, f"`issues` in the body {NOT_AN_ID}"),
    "a list as text": (ITEMS_OF_CYCLE, "issues=" + json.dumps([ITEM]), FORM, f"`issues` in the body {NOT_AN_ID}"),
    "a definition": (RELATIONS, {"relation_definition_id": CYCLE}, JSON,
                     f"`relation_definition_id` in the body names a relation definition, {NO_LOOKUP}"),
    "an object of whatever name": ("work-items/", {"strange": [{"thing": CYCLE}]}, JSON,
                                   f"`strange.thing` in the body names an object of unknown kind, {NO_LOOKUP}"),
    "a bare id": ("work-items/", [CYCLE], JSON, f"`` in the body names an object of unknown kind, {NO_LOOKUP}"),
    "an id as the name of a field": ("work-items/", {CYCLE: 1}, JSON, f"a field name in the body {NOT_AN_ID}"),
    "an id of its own further down": ("work-items/", {"x": {"id": CYCLE}}, JSON,
                                      f"`x.id` in the body names an object of unknown kind, {NO_LOOKUP}"),
    "a template": (f"work-item-templates/{CYCLE}/use/", {}, JSON,
                   f"`{{template_id}}` in the path names a template, {NO_LOOKUP}"),
    "an asset": (f"work-items/{ITEM}/links/", {"asset_ids": [CYCLE]}, JSON,
                 f"`asset_ids` in the body names an asset, {NO_LOOKUP}"),
    "a stream for a label": ("labels/", iter([b"{}"]), JSON, UNREADABLE),
    "another project": ("cycles/", {"project_id": PROD}, JSON,
                        "`project_id` in the body names another project"),
    "a project by its name": ("cycles/", {"project_id": "ORCH"}, JSON,
                              "`project_id` in the body names another project"),
    "a stream": (RELATIONS, iter([b"{}"]), JSON, UNREADABLE),
    "broken JSON": (RELATIONS, "{", JSON, UNREADABLE),
    "a stream on a change of an item": (f"work-items/{ITEM}/", iter([b"{}"]), JSON, UNREADABLE),
    "an unknown route with an id": (f"strange/{ITEM}/", None, JSON, UNKNOWN_ROUTE),
    "an unknown route with a name": ("strange/ORCH-1/", None, JSON, UNKNOWN_ROUTE),
    "an unknown route with a capital": ("Labels/", None, JSON, UNKNOWN_ROUTE),
    "an unknown route and an id in its body": ("strange/", {"x": [{"y": f"see {ITEM}!"}]}, JSON, UNKNOWN_ROUTE),
    "an unknown route and an id as a name": ("strange/", {DASHLESS: 1}, JSON, UNKNOWN_ROUTE),
    "an unknown route and an id in capitals": ("strange/", [UPPER.replace("7", "A")], JSON, UNKNOWN_ROUTE),
    "an unknown route and a stream": ("strange/", iter([b""]), JSON, UNKNOWN_ROUTE),
    "an unknown route and a form": ("strange/", f"x={ITEM}", FORM, UNKNOWN_ROUTE),
}  # fmt: skip


@pytest.mark.parametrize(("below", "body", "content_type", "why"), NOT_TO_PROVE.values(), ids=NOT_TO_PROVE.keys())
def test_what_cannot_be_proven_says_why(below: str, body: object, content_type: str, why: str) -> None:
    assert write("POST", project_path(SANDBOX, below), body, content_type).unprovable == why


def test_a_project_in_the_body_is_told() -> None:
    body = {"project_id": PROD.upper()}
    found = write("POST", project_path(SANDBOX, "cycles/"), body)
    assert (found.project_id, found.projects) == (SANDBOX, (SANDBOX, PROD))
    assert write("POST", project_path(SANDBOX, "cycles/"), {"project_id": "ORCH"}).projects == (SANDBOX,)
    two = write("POST", project_path(SANDBOX, "cycles/"), {"project_id": PROD, "project": ITEM})
    assert two.projects == (SANDBOX, PROD, ITEM)


def test_a_body_above_projects_is_not_read() -> None:
    found = classify("POST", url("/api/v1/workspaces/acme/stickies/"), Untouchable())
    assert found is not None
    assert (found.project_id, found.unprovable) == (None, "")


class Untouchable:
    """A body that must not even be asked what it is."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise AssertionError("this body was looked at")


def test_a_comment_without_its_item_is_looked_up_below_the_items_of_the_test() -> None:
    found = write("POST", project_path(SANDBOX, f"comments/{CYCLE}/reactions/", ""))
    [comment] = found.references
    assert (comment.kind, found.unprovable) == ("comment", "")
    assert comment.detail_path == project_path(SANDBOX, f"issues/{{work_item_id}}/comments/{CYCLE}/", "")


def test_a_parameter_that_no_table_knows_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(kinds.PARAMETERS, "{label_id}")
    parsed = paths.read(project_path(SANDBOX, f"labels/{CYCLE}/")).parsed
    assert parsed is not None
    route = routes.find(parsed.scope, parsed.segments)
    assert route is not None
    assert references.in_path(parsed, route).unprovable == (
        f"`{{label_id}}` in the path names an object of unknown kind, {NO_LOOKUP}"
    )


def test_an_archived_item_is_looked_up_by_its_activity() -> None:
    [item] = write("PATCH", project_path(SANDBOX, f"work-items/{ITEM}/"), {"name": "x"}).references
    assert [(lookup.path, lookup.is_history) for lookup in item.lookups] == [
        (HERE, False),
        (f"{HERE}activities/", True),
    ]


@pytest.mark.parametrize("encoding", [[("Content-Encoding", "gzip")], [("content-encoding", "identity")] * 2])
def test_an_encoded_body_that_could_name_objects_is_not_read(encoding: list[tuple[str, str]]) -> None:
    for body in (gzip.compress(b"{}"), b"{}"):
        assert write("POST", project_path(SANDBOX, RELATIONS), body, JSON, encoding).unprovable == UNREADABLE


def test_the_content_type_is_taken_from_the_headers() -> None:
    def unprovable(*headers: tuple[str, str], given: str | None = None) -> str:
        body = f"issues={OTHER_ITEM}"
        return write("POST", project_path(SANDBOX, RELATIONS), body, given, headers).unprovable

    assert [
        unprovable(("Content-Type", FORM), ("Content-Encoding", " Identity ")),
        unprovable(("Content-Type", JSON), given=FORM),
        unprovable(("Content-Type", FORM), ("Content-Type", JSON)),
        unprovable(("Content-Type", JSON)),
        unprovable(),
    ] == ["", "", UNREADABLE, UNREADABLE, UNREADABLE]


SURFACES = {
    "v2": (project_path(SANDBOX, COMMENTS, "v2/"), project_path(SANDBOX, f"work-items/{ITEM}/", "v2/")),
    "v2 by identifier": (project_path("ORCH", COMMENTS, "v2/"), project_path("ORCH", f"work-items/{ITEM}/", "v2/")),
    "the app": (project_path(SANDBOX, f"issues/{ITEM}/links/", ""), project_path(SANDBOX, f"issues/{ITEM}/", "")),
    "the app, from a cycle": (
        project_path(SANDBOX, f"cycles/x/cycle-issues/{ITEM}/", ""), project_path(SANDBOX, f"issues/{ITEM}/", "")),
    "the app's assets": (
        project_path(SANDBOX, f"issues/{ITEM}/attachments/", "assets/v2/"),
        project_path(SANDBOX, f"issues/{ITEM}/", "")),
    "a prefix": (f"/base.1/~x{project_path(SANDBOX, COMMENTS)}", f"/base.1/~x{HERE}"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), SURFACES.values(), ids=SURFACES.keys())
def test_the_proof_is_had_on_the_same_surface(path: str, expected: str) -> None:
    assert [named.detail_path for named in write("POST", path).references] == [expected]


def test_a_path_that_could_not_be_asked_for_safely_proves_nothing() -> None:
    found = write("POST", project_path(SANDBOX, COMMENTS).replace("acme", "ac%20me"))
    assert (found.references, found.unprovable) == (
        (),
        f"{ITEM_IN_PATH} names a work item that the path leaves no way to look up",
    )


def test_a_write_outside_of_projects_names_nothing() -> None:
    found = write("POST", "/api/v1/workspaces/acme/assets/", {"project_id": PROD})
    assert (found.project_id, found.references, found.unprovable) == (None, (), "")


WORK_ITEMS = {
    f"work-items/{ITEM}/": ITEM,
    f"issues/{ITEM}/strange/": ITEM,
    f"work-items/{ITEM}/strange/{OTHER_ITEM}/": ITEM,
    f"epics/{ITEM}/strange/": ITEM,
    "work-items/ORCH-114/": "ORCH-114",
    "work-items/ORCH-114x/": None,
    f"work-items/{UPPER}/": None,
    "work-items/bulk-update/": None,
    "work-items/": None,
    f"strange/{ITEM}/": None,
    f"labels/{ITEM}/": None,
    "": None,
}


@pytest.mark.parametrize(("below", "item"), WORK_ITEMS.items(), ids=WORK_ITEMS.keys())
def test_a_work_item_is_named_only_where_one_belongs(below: str, item: str | None) -> None:
    assert write("PATCH", project_path(SANDBOX, below)).work_item == item
    brewed = write("BREW", project_path(SANDBOX, below))
    assert (brewed.work_item, brewed.project_id) == (item, SANDBOX)


OPS: dict[str, tuple[str, str, object, str]] = {
    "a deletion": ("DELETE", f"work-items/{ITEM}/", {"state": "x"}, "delete"),
    "deleted_at before all others": (
        "PATCH", f"work-items/{ITEM}/", {"parent": 1, "state": 1, "archived_at": 1, "deleted_at": "now"}, "delete"),
    "archived_at before state": (
        "PATCH", f"work-items/{ITEM}/", {"parent": 1, "state": 1, "archived_at": None}, "archive"),
    "state before parent": ("PUT", f"work-items/{ITEM}/", {"parent": 1, "state": 1}, "state"),
    "state_id before parent_id": ("PATCH", f"work-items/{ITEM}/", {"parent_id": 1, "state_id": None}, "state"),
    "parent_id": ("PATCH", f"work-items/{ITEM}/", {"parent_id": 1}, "relation"),
    "an empty deleted_at": ("PATCH", f"work-items/{ITEM}/", {"deleted_at": None}, "update"),
    "an empty deleted_at and a state": ("PATCH", f"work-items/{ITEM}/", {"deleted_at": "", "state": 1}, "state"),
    "no body": ("PATCH", f"work-items/{ITEM}/", None, "update"),
    "a list": ("PATCH", f"work-items/{ITEM}/", [{"state": 1}], "update"),
    "an unreadable body": ("PATCH", f"work-items/{ITEM}/", "{", "update"),
    "a state in a form": ("PATCH", f"work-items/{ITEM}/", "state=x", "update"),
    "an intake accepted": ("PATCH", f"intake-issues/{ITEM}/", {"status": 1}, "state"),
    "an intake accepted in text": ("PUT", f"intake-issues/{ITEM}/", {"status": "1", "issue": {}}, "state"),
    "an intake accepted in a list": ("PATCH", f"intake-issues/{ITEM}/", {"status": [1]}, "state"),
    "an intake declined": ("PATCH", f"intake-issues/{ITEM}/", {"status": -1}, "intake"),
    "an intake's item changed": ("PATCH", f"intake-issues/{ITEM}/", {"status": 2, "issue": {}}, "update"),
    "an intake made": ("POST", "intake-issues/", {"status": 1, "issue": {}}, "intake"),
    "a bulk of changes": ("POST", "work-items/bulk-update/", {"items": [{"id": ITEM}]}, "update"),
    "a bulk of states": ("POST", "work-items/bulk-update/", {"items": [{"id": ITEM}, {"state": "x"}]}, "state"),
    "a bulk of state ids": ("POST", "work-items/bulk-update/", {"items": [{"state_id": "x"}]}, "state"),
    "a bulk of new items with a state": ("POST", "work-items/bulk-create/", {"items": [{"state": "x"}]}, "create"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "below", "body", "op"), OPS.values(), ids=OPS.keys())
def test_what_is_done_to_an_item_is_told_by_its_body(method: str, below: str, body: object, op: str) -> None:
    assert write(method, project_path(SANDBOX, below), body).op == op


def test_a_form_tells_as_much_as_json() -> None:
    assert write("PATCH", project_path(SANDBOX, f"work-items/{ITEM}/"), "state=x", FORM).op == "state"
    assert write("PATCH", project_path(SANDBOX, f"intake-issues/{ITEM}/"), "status=1", FORM).op == "state"


class Unreadable:
    """A part of a request that raises when it is looked at."""

    def __str__(self) -> str:
        raise ValueError("unreadable")


@pytest.mark.parametrize("part", ["method", "url", "header"])
def test_a_request_that_cannot_be_read_is_a_write_to_nowhere_known(part: str) -> None:
    parts = {"method": "GET", "url": url(HERE), "header": "x", part: Unreadable()}
    found = classify(parts["method"], parts["url"], headers=[(parts["header"], "x")])
    assert found == ("", "", "unknown", "", None, None, None, None, (), (), "the request could not be read")

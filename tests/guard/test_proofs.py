"""The answers of ownership lookups: which of them prove that an object is in the sandbox."""

from __future__ import annotations

import json

import pytest

from plane_guard.kinds import Kind, Lookup
from plane_guard.proofs import LARGEST_ANSWER, Finding, Proof, read_answer
from plane_guard.references import Reference
from tests.guard.plane import ITEM, OTHER_ITEM, PROD, SANDBOX

SECOND = "9b1c6f0e-4c57-4c55-9d64-2f0f7f5b2a10"
DETAIL, HISTORY = Lookup("work-items/x/"), Lookup("work-items/x/activities/", "results", is_history=True)
LISTING, NESTED = Lookup("archived-cycles/", "results"), Lookup("estimates/", "points")
INTAKE, INTAKE_OF_APP = Lookup("intake-issues/x/", names="issue"), Lookup("intake-issues/x/", "issue")
PROVEN, NOT_THERE, UNCLEAR = Proof(Finding.PROVEN), Proof(Finding.NOT_THERE), Proof(Finding.UNCLEAR)
ELSEWHERE, CONTRADICTION = Proof(Finding.ELSEWHERE, (PROD,)), Proof(Finding.CONTRADICTION, (PROD,))
HERE = {"id": ITEM, "project": SANDBOX}
CREATED = {"issue": ITEM, "project": SANDBOX, "verb": "created", "field": None}
ARCHIVED = {"issue": ITEM, "project": SANDBOX, "verb": "updated", "field": "archived_at", "new_value": "manual_archive"}
RESTORED = {**ARCHIVED, "new_value": "restore"}
COMMENTED = {**CREATED, "field": "comment"}

ANSWERS: dict[str, tuple[Lookup, object, Proof]] = {
    "the object": (DETAIL, HERE, PROVEN),
    "the object, with its project as in the app": (DETAIL, {"id": ITEM, "project_id": SANDBOX}, PROVEN),
    "the object in another spelling": (DETAIL, {"id": ITEM.upper(), "project": SANDBOX.replace("-", "")}, PROVEN),
    "the object of another project": (DETAIL, {"id": ITEM, "project": PROD}, ELSEWHERE),
    "two projects": (DETAIL, {**HERE, "project_id": PROD}, CONTRADICTION),
    "two projects, the other way round": (DETAIL, {"id": ITEM, "project": PROD, "project_id": SANDBOX}, CONTRADICTION),
    "a project that is not an id": (DETAIL, {"id": ITEM, "project": {"id": SANDBOX}}, Proof(Finding.ELSEWHERE, ("?",))),
    "no project": (DETAIL, {"id": ITEM, "project": None}, UNCLEAR),
    "another object": (DETAIL, {"id": OTHER_ITEM, "project": SANDBOX}, UNCLEAR),
    "no id": (DETAIL, {"project": SANDBOX}, UNCLEAR),
    "a text": (DETAIL, "x", UNCLEAR),
    "nothing": (DETAIL, None, UNCLEAR),
    "a list that holds it": (DETAIL, [{"id": OTHER_ITEM, "project": PROD}, HERE], PROVEN),
    "a list without it": (DETAIL, [{"id": OTHER_ITEM, "project": SANDBOX}, 1], NOT_THERE),
    "a list that holds it twice, once elsewhere": (DETAIL, [HERE, {"id": ITEM, "project": PROD}], CONTRADICTION),
    "a page in the sandbox": (DETAIL, {"id": ITEM, "project_ids": [SANDBOX]}, PROVEN),
    "a page in two sandboxes": (DETAIL, {"id": ITEM, "project_ids": [SANDBOX, SECOND]}, PROVEN),
    "a page in another sandbox only": (DETAIL, {"id": ITEM, "project_ids": [SECOND]}, UNCLEAR),
    "a page in production too": (DETAIL, {"id": ITEM, "projects": [SANDBOX, PROD]}, CONTRADICTION),
    "a page in no project": (DETAIL, {"id": ITEM, "project_ids": []}, UNCLEAR),
    "an object whose projects are not a list": (DETAIL, {**HERE, "projects": SANDBOX}, PROVEN),
    "an archived one": (LISTING, {"results": [HERE]}, PROVEN),
    "an archived one, without pages": (LISTING, [HERE], PROVEN),
    "an archive without it": (LISTING, {"results": []}, NOT_THERE),
    "an archive of something else": (LISTING, {"results": 1}, NOT_THERE),
    "a point of an estimate": (NESTED, [{"id": OTHER_ITEM, "points": [HERE]}], PROVEN),
    "a point of no estimate": (NESTED, [{"id": ITEM, "project": SANDBOX, "points": []}], NOT_THERE),
    "a point of one estimate": (NESTED, {"points": []}, NOT_THERE),
    "a list that begins with something else": (DETAIL, [1, HERE], PROVEN),
    "a page in a project that is not an id": (
        DETAIL, {"id": ITEM, "project_ids": [SANDBOX, "x"]}, Proof(Finding.CONTRADICTION, ("?",))),
    "an intake row": (INTAKE, {"id": OTHER_ITEM, "issue": ITEM, "project": SANDBOX}, PROVEN),
    "an intake row of another item": (INTAKE, {"id": ITEM, "issue": OTHER_ITEM, "project": SANDBOX}, UNCLEAR),
    "an intake row of the app": (
        INTAKE_OF_APP, {"id": OTHER_ITEM, "issue": {"id": ITEM, "project_id": SANDBOX}}, PROVEN),
    "an intake row of the app, elsewhere": (
        INTAKE_OF_APP, {"id": OTHER_ITEM, "issue": {"id": ITEM, "project_id": PROD}}, ELSEWHERE),
    "the activity of an archived item": (HISTORY, {"results": [CREATED, COMMENTED, ARCHIVED]}, PROVEN),
    "the activity of an item that Plane archived": (
        HISTORY, {"results": [CREATED, {**ARCHIVED, "new_value": "archive"}]}, PROVEN),
    "the activity of an item that was restored": (HISTORY, {"results": [CREATED, ARCHIVED, RESTORED]}, NOT_THERE),
    "the activity of an item that was never archived": (HISTORY, {"results": [CREATED]}, NOT_THERE),
    "comments that hang on another project's item": (
        HISTORY, {"results": [COMMENTED, ARCHIVED]}, Proof(Finding.ARCHIVED)),
    "activity that was cut off": (HISTORY, {"results": [CREATED, ARCHIVED], "next_page_results": True}, UNCLEAR),
    "activity of two projects": (
        HISTORY, {"results": [CREATED, {**ARCHIVED, "project": PROD}]}, Proof(Finding.CONTRADICTION)),
    "activity of another item": (
        HISTORY, {"results": [{**CREATED, "issue": OTHER_ITEM}, {**ARCHIVED, "issue": OTHER_ITEM}]}, NOT_THERE),
    "no activity": (HISTORY, {"results": []}, NOT_THERE),
    "activity that is a list": (HISTORY, [CREATED, ARCHIVED], UNCLEAR),
}  # fmt: skip


def judged(lookup: Lookup, content: bytes, status: int = 200) -> Proof:
    reference = Reference(ITEM, Kind.WORK_ITEM, (lookup,))
    return read_answer(status, content, reference, lookup, SANDBOX, {SANDBOX, SECOND})


@pytest.mark.parametrize(("lookup", "answer", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_proves_what_it_shows(lookup: Lookup, answer: object, expected: Proof) -> None:
    assert judged(lookup, json.dumps(answer).encode()) == expected


STATUSES = {
    200: PROVEN,
    404: NOT_THERE,
    0: UNCLEAR,
    201: UNCLEAR,
    301: UNCLEAR,
    307: UNCLEAR,
    403: UNCLEAR,
    500: UNCLEAR,
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_only_a_200_proves(status: int, expected: Proof) -> None:
    assert judged(DETAIL, json.dumps(HERE).encode(), status) == expected


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_not_json_proves_nothing(content: bytes) -> None:
    assert judged(DETAIL, content) == UNCLEAR


def test_an_answer_proves_only_up_to_its_largest_size() -> None:
    content = json.dumps(HERE).encode()
    assert judged(DETAIL, content.ljust(LARGEST_ANSWER)) == PROVEN
    assert judged(DETAIL, content.ljust(LARGEST_ANSWER + 1)) == UNCLEAR


def test_an_answer_over_mcp_is_read_out_of_its_message() -> None:
    lookup = Lookup("/mcp", question=b"{}")
    message = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": json.dumps(HERE)}]}}
    reference = Reference(ITEM, Kind.WORK_ITEM, (lookup,))
    assert read_answer(200, json.dumps(message).encode(), reference, lookup, SANDBOX, [SANDBOX]) == PROVEN
    assert read_answer(200, json.dumps(HERE).encode(), reference, lookup, SANDBOX, [SANDBOX]) == UNCLEAR

"""One decision explains one write, and as many writes as possible are explained."""

from __future__ import annotations

import itertools
import random

import pytest

from plane_guard.vocabulary import Op
from plane_guard_dashboard.verification.changes import SECOND_NS, Change, Kind, Verb, writes
from plane_guard_dashboard.verification.matching import Allowed, Clock, match

START = 1_790_000_000 * SECOND_NS
CLOCK = Clock(90 * SECOND_NS, 120 * SECOND_NS)
_numbers = itertools.count()


def change(kind: Kind = Kind.WORK_ITEM, at: float = 0.0, verb: Verb = Verb.UPDATED, **more: str) -> Change:
    """A change, by the server's clock, which is ahead."""
    known = {"source": str(next(_numbers)), "workspace": "acme", "project": "p", "object_id": "a", "actor": "u"}
    time_ns = START + int(at) * SECOND_NS + CLOCK.ahead_ns
    return Change(**{**known, "work_item": "a", **more}, kind=kind, verb=verb, time_ns=time_ns)


def decision(op: Op, at: float = 0.0, item: str = "a", project: str = "p") -> Allowed:
    return Allowed(str(next(_numbers)), START + int(at * SECOND_NS), project, op, item)


def unexplained(changes: list[Change], decisions: list[Allowed]) -> int:
    return len(match(writes(changes), decisions, CLOCK).unexplained)


@pytest.mark.parametrize(
    ("changes", "ops", "left"),
    [
        ([change(field="name")], [Op.UPDATE], 0),
        ([change(field="name")], [Op.COMMENT], 1),
        ([change(field="state"), change(field="name")], [Op.STATE], 0),  # one PATCH, whose op is that of the state
        ([change(field="state")], [Op.UPDATE], 1),
        ([change(field="name"), change(field="name")], [Op.UPDATE], 1),  # no PATCH changes a field twice
        ([change(field="labels"), change(field="labels")], [Op.UPDATE], 0),
        ([change(field="archived_at")], [Op.STATE], 1),
        ([change(verb=Verb.CREATED)], [Op.CREATE], 0),
        ([change(verb=Verb.CREATED), change(Kind.IN_CYCLE, object_id="c", new_id="c")], [Op.CREATE], 0),
        ([change(verb=Verb.CREATED), change(Kind.COMMENT, object_id="c")], [Op.CREATE], 1),
        ([change(verb=Verb.DELETED)], [Op.DELETE], 0),
        ([change(verb=Verb.DELETED)], [Op.UPDATE], 1),
        ([change(Kind.LABEL, verb=Verb.CREATED, object_id="l", work_item="")], [Op.LABEL], 1),  # about another object
    ],
)
def test_a_decision_explains_the_changes_of_its_op(changes: list[Change], ops: list[Op], left: int) -> None:
    assert unexplained(changes, [decision(op) for op in ops]) == left


def test_time_and_project_must_agree() -> None:
    assert unexplained([change(field="name", at=119)], [decision(Op.UPDATE)]) == 0
    assert unexplained([change(field="name", at=121)], [decision(Op.UPDATE)]) == 1
    assert unexplained([change(field="name", at=-121)], [decision(Op.UPDATE)]) == 1
    assert unexplained([change(field="name")], [decision(Op.UPDATE, project="other")]) == 1


def test_a_request_with_a_list_of_work_items_explains_a_row_for_each() -> None:
    moved = [change(Kind.IN_CYCLE, object_id="c", work_item=item, new_id="c") for item in "abc"]
    assert unexplained(moved, [decision(Op.CYCLE, item="")]) == 0
    archived = [change(field="archived_at", object_id=item, work_item=item) for item in "abc"]
    assert unexplained(archived, [decision(Op.ARCHIVE, item="")]) == 0
    assert unexplained(archived, [decision(Op.ARCHIVE, item="a")]) == 2


def test_a_decision_that_names_no_item_is_left_to_the_write_that_has_no_other() -> None:
    changes = [change(verb=Verb.CREATED, object_id=item, work_item=item, at=at) for item, at in (("a", 0), ("b", 100))]
    assert unexplained(changes, [decision(Op.CREATE, at=-20, item=""), decision(Op.CREATE, at=90, item="")]) == 0


@pytest.mark.parametrize("seed", range(20))
def test_every_write_that_has_a_decision_is_explained_whatever_the_order(seed: int) -> None:
    chance = random.Random(seed)
    changes, decisions = [], []
    for _ in range(120):
        at, item = chance.uniform(0, 2_000), chance.choice("abcdef")
        kind, op = chance.choice(((Kind.COMMENT, Op.COMMENT), (Kind.LINK, Op.LINK), (Kind.WORK_ITEM, Op.UPDATE)))
        source = str(next(_numbers))
        own = item if kind is Kind.WORK_ITEM else source
        changes.append(change(kind, at=at, work_item=item, object_id=own, field=f"field {source}"))
        decisions.append(decision(op, at=at + chance.uniform(-100, 100), item=chance.choice((item, ""))))
    chance.shuffle(decisions)
    grouped = writes(changes)
    matched = match(grouped, decisions, CLOCK)
    assert matched.unexplained == ()
    assert len({one.decision_id for _, one in matched.explained}) == len(grouped)
    [extra] = writes([change(Kind.ATTACHMENT, at=500)])
    assert match([*grouped, extra], decisions, CLOCK).unexplained == (extra,)

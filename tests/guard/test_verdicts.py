"""The rules that say which decisions count as an attempt, in Python and in SQL."""

from __future__ import annotations

import itertools
import sqlite3

import pytest

from plane_guard import verdicts
from plane_guard.verdicts import Rule
from plane_guard.vocabulary import Outcome, Reason, Target

RULES = {name: rule for name, rule in vars(verdicts).items() if isinstance(rule, Rule)}
# A decision may come from a newer version, so values outside the vocabulary are among them.
DECISIONS = list(
    itertools.product((*Outcome, "maybe"), (*Target, "elsewhere"), (*Reason, "another-reason"), (False, True))
)


def counted(rule: Rule) -> set[tuple[str, str, str, bool]]:
    return {
        (str(outcome), str(target), str(reason), expected)
        for outcome, target, reason, expected in DECISIONS
        if rule.holds(outcome=outcome, target=target, reason=reason, expected=expected)
    }


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        (verdicts.ALLOWED, lambda o, t, r, e: o == "allow"),
        (verdicts.BLOCKED, lambda o, t, r, e: o == "block" and not e),
        (verdicts.EXPECTED_BLOCK, lambda o, t, r, e: o == "block" and e),
        (verdicts.PROD_ATTEMPT, lambda o, t, r, e: (o, t, e) == ("block", "prod", False)),
        (
            verdicts.POSSIBLE_PROD_ATTEMPT,
            lambda o, t, r, e: (o, r, e) == ("block", "foreign-reference", False) and t != "prod",
        ),
        (verdicts.PROD_ALLOWED, lambda o, t, r, e: (o, t) == ("allow", "prod") and r != "live-runtime"),
    ],
    ids=RULES,
)
def test_a_rule_counts_what_the_contract_says(rule: Rule, condition: object) -> None:
    assert callable(condition)
    assert counted(rule) == {
        (str(o), str(t), str(r), e) for o, t, r, e in DECISIONS if condition(str(o), str(t), str(r), e)
    }
    assert counted(rule)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("columns", [None, {"outcome": "d.outcome", "expected": "d.expected"}])
def test_the_sql_of_a_rule_counts_the_same_decisions(name: str, columns: dict[str, str] | None) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE d (outcome TEXT, target TEXT, reason TEXT, expected INT)")
    database.executemany("INSERT INTO d VALUES (?, ?, ?, ?)", [(str(o), str(t), str(r), e) for o, t, r, e in DECISIONS])
    found = database.execute(f"SELECT * FROM d WHERE {RULES[name].sql(columns)}").fetchall()
    database.close()
    assert {(o, t, r, bool(e)) for o, t, r, e in found} == counted(RULES[name])


def test_the_sql_of_a_rule_reads_like_the_other_queries() -> None:
    attempt = "(outcome = 'block' AND target = 'prod' AND NOT expected)"
    assert verdicts.PROD_ATTEMPT.sql() == attempt


def test_no_decision_counts_twice() -> None:
    for one, other in itertools.combinations(
        (verdicts.PROD_ATTEMPT, verdicts.POSSIBLE_PROD_ATTEMPT, verdicts.PROD_ALLOWED), 2
    ):
        assert not counted(one) & counted(other)

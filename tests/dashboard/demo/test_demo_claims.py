"""The demo believes nothing: each of its claims fails when the thing that it claims is not so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plane_guard_dashboard.demo import render
from plane_guard_dashboard.demo.assertions import CLAIMS, SANDBOX_CHANGES, Observed, check
from plane_guard_dashboard.demo.child import ChildRun, environment, write_project
from plane_guard_dashboard.demo.scenario import ATTEMPTS, OUTCOMES, REASONS, TEST_FILE, TESTS_FAILED
from plane_guard_dashboard.evidence.rows import DecisionRow, Outcome
from plane_guard_instrumentation.testing import ReceivedRequest
from plane_guard_instrumentation.testing.world import PROD_ID, SANDBOX_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane

SANDBOXED = {"test_sandbox", "test_sandbox_unasked", "test_sandbox_comment"}
WRITE = ReceivedRequest("PATCH", f"/api/v1/workspaces/acme/projects/{PROD_ID}/", (), b"", b"", 0.0)


def _rows() -> tuple[DecisionRow, ...]:
    return tuple(
        DecisionRow(
            time_ns=number,
            trace_id="t",
            span_id=str(number),
            parent_span_id="",
            decision_id=str(number),
            outcome=Outcome(one.outcome),
            span_name="plane_guard.decision",
            reason=one.reason,
            op=one.op,
            target="sandbox" if one.test in SANDBOXED else "prod",
            project_id=SANDBOX_ID if one.test in SANDBOXED else PROD_ID,
            test=f"{TEST_FILE}::{one.test}",
        )
        for number, one in enumerate(ATTEMPTS)
    )


GOOD = Observed(
    child=ChildRun(TESTS_FAILED, "", OUTCOMES),
    decisions=_rows(),
    sessions=1,
    prod_id=PROD_ID,
    prod_writes=(),
    prod_changes=(),
    prod_unchanged=True,
    sandbox_changes=SANDBOX_CHANGES,
)


def _changed_first(**changes: object) -> Callable[[Observed], Observed]:
    return lambda good: replace(good, decisions=(replace(good.decisions[0], **changes), *good.decisions[1:]))  # type: ignore[arg-type]


def _child(exit_code: int = TESTS_FAILED, **outcomes: str) -> Callable[[Observed], Observed]:
    return lambda good: replace(good, child=ChildRun(exit_code, "", {**good.child.outcomes, **outcomes}))


RECEIVED, SAME, DECIDED, AIMED, ON_DISK, ARRIVED, ENDED = CLAIMS
DOCTORED: list[tuple[str, set[str], Callable[[Observed], Observed]]] = [
    ("a write to production came in", {RECEIVED}, lambda good: replace(good, prod_writes=(WRITE,))),
    ("a production row changed", {RECEIVED}, lambda good: replace(good, prod_changes=("comments: created",))),
    ("production looks different", {SAME}, lambda good: replace(good, prod_unchanged=False)),
    ("another reason", {DECIDED}, _changed_first(reason="guard-error")),
    ("another test", {DECIDED}, _changed_first(test=None)),
    ("another target", {AIMED}, _changed_first(target="unresolved")),
    ("an allowed write to production", {DECIDED, AIMED, ON_DISK}, _changed_first(outcome=Outcome.ALLOW)),
    ("a lost block", {DECIDED, ON_DISK}, lambda good: replace(good, decisions=good.decisions[1:])),
    (
        "a decision twice",
        {DECIDED, ON_DISK},
        lambda good: replace(good, decisions=good.decisions[:1] + good.decisions),
    ),
    ("no evidence at all", {DECIDED, AIMED, ON_DISK}, lambda good: replace(good, decisions=())),
    ("no guarded session", {ON_DISK}, lambda good: replace(good, sessions=0)),
    ("a lost sandbox write", {ARRIVED}, lambda good: replace(good, sandbox_changes=frozenset())),
    ("a green test that must be red", {ENDED}, _child(test_done_async="passed")),
    ("a red test that must be green", {ENDED}, _child(test_stage_change="failed")),
    ("another exit code", {ENDED}, _child(exit_code=0)),
]


def test_every_claim_holds_when_all_is_well() -> None:
    assert [one for one in check(GOOD) if not one.holds] == []


@pytest.mark.parametrize(("failing", "doctor"), [row[1:] for row in DOCTORED], ids=[row[0] for row in DOCTORED])
def test_a_claim_that_is_not_so_is_named(failing: set[str], doctor: Callable[[Observed], Observed]) -> None:
    assert {one.claim for one in check(doctor(GOOD)) if not one.holds} == failing


def test_every_claim_has_a_case() -> None:
    assert set().union(*(failing for _, failing, _ in DOCTORED)) == set(CLAIMS)


def test_every_reason_of_the_story_is_put_in_plain_words() -> None:
    assert {one.reason for one in ATTEMPTS} == set(REASONS)


def test_the_project_holds_the_tests_of_the_story(tmp_path: Path) -> None:
    write_project(tmp_path)
    text = (tmp_path / TEST_FILE).read_text()
    assert [line[4:].partition("(")[0] for line in text.splitlines() if line.startswith("def ")] == list(OUTCOMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "plane_client.py",
        "pyproject.toml",
        "pytest.ini",
        TEST_FILE,
    ]


def test_the_child_inherits_the_live_settings_and_none_of_ours(plane: FakePlane, tmp_path: Path) -> None:
    ours = {
        "PYTEST_ADDOPTS": "-x",
        "OTEL_SDK_DISABLED": "true",
        "PLANE_GUARD_RUN": "r",
        "HTTP_PROXY": "http://x",
    }
    found = environment(plane, tmp_path, {**ours, "https_proxy": "http://x", "PATH": "/bin"})
    assert found.keys() & {*ours, "https_proxy"} == set()
    assert found["PLANE_TEST_SANDBOX_PROJECTS"] == plane.prod.id
    assert found["OTEL_SERVICE_NAME"] == "plane-guard-demo"
    assert found["PATH"] == "/bin"


def test_of_pytests_output_only_the_guards_lines_are_quoted() -> None:
    rows = "".join(f"  row {number}\n" for number in range(4))
    output = f"x\nplane-guard: on\ny\n== plane-guard ==\n4 blocked\n{rows}evidence\n== short ==\nz\n= 1 failed ="
    expected = [
        "plane-guard: on",
        "== plane-guard ==",
        "4 blocked",
        "  row 0",
        "  row 1",
        "evidence",
        "= 1 failed =",
    ]
    quoted = render.excerpt(output)
    assert [line for line in quoted if "more" not in line] == expected
    assert any("2 more" in line for line in quoted)

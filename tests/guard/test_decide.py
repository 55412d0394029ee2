"""The decision: every line of its table, what it reads at call time, and that nothing makes it raise."""

from __future__ import annotations

import pytest

from plane_guard import DEFAULT_SANDBOX_PROJECT, Decision, Op, Reason, Settings, decide, process
from plane_guard.decision import target_of
from plane_guard.vocabulary import PROTECTED_OPS, Outcome, Target
from tests.guard.plane import NOT_WRITING, PROD, SANDBOX, WRITING

NAMED = "acme/ORCH"
PROTECTED = Settings(write_enabled=True, sandbox_projects=[SANDBOX, PROD], protected_projects=[PROD])
UNKNOWN_PROTECTION = Settings(write_enabled=True, protected_projects=["half-a-uuid"])
WITH_NAMED = Settings(write_enabled=True, sandbox_projects=[NAMED])

DECISIONS = {
    "a live process writes anywhere": (PROD, Op.STATE, NOT_WRITING, False, (True, "live-runtime")),
    "a live process is not asked about protection": (PROD, Op.STATE, UNKNOWN_PROTECTION, False, (True, "live-runtime")),
    "a live process writes to nowhere known": (None, Op.WORKSPACE, NOT_WRITING, False, (True, "live-runtime")),
    "a live process and an unknown op": (PROD, "no such op", NOT_WRITING, False, (True, "live-runtime")),
    "protection that is not known blocks": (SANDBOX, Op.UPDATE, UNKNOWN_PROTECTION, True, (False, "guard-error")),
    "an unknown op is an error": (SANDBOX, "no such op", WRITING, True, (False, "guard-error")),
    "writing is off by default": (SANDBOX, Op.COMMENT, NOT_WRITING, True, (False, "opt-in-disabled")),
    "the opt-in is asked before the target": (None, Op.COMMENT, NOT_WRITING, True, (False, "opt-in-disabled")),
    "the opt-in is asked before the project": (PROD, Op.COMMENT, NOT_WRITING, True, (False, "opt-in-disabled")),
    "no project": (None, Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "an empty project": ("", Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "a blank project": (" \t\n", Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "an upper-case project": (SANDBOX.upper(), Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "a dashless project": (SANDBOX.replace("-", ""), Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "a project and a line break": (f"{SANDBOX}\n", Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "half a project": (SANDBOX[:18], Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "a wildcard": ("*", Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "a slug without a project": ("acme/", Op.COMMENT, WRITING, True, (False, "ambiguous-target")),
    "the target is asked before the op": (None, Op.MEMBER, WRITING, True, (False, "ambiguous-target")),
    "another project": (PROD, Op.COMMENT, WRITING, True, (False, "prod-project-in-test")),
    "a protected project, allowlisted or not": (PROD, Op.COMMENT, PROTECTED, True, (False, "prod-project-in-test")),
    "the project is asked before the op": (PROD, Op.PROJECT, WRITING, True, (False, "prod-project-in-test")),
    "an identifier nobody allowlisted": (NAMED, Op.COMMENT, WRITING, True, (False, "prod-project-in-test")),
    "an identifier in another case": ("acme/orch", Op.COMMENT, WITH_NAMED, True, (False, "prod-project-in-test")),
    "changing the sandbox": (SANDBOX, Op.PROJECT, WRITING, True, (False, "protected-operation")),
    "inviting somebody to the sandbox": (SANDBOX, "member", WRITING, True, (False, "protected-operation")),
    "the sandbox": (SANDBOX, Op.STATE, WRITING, True, (True, "sandbox-allowed")),
    "the sandbox beside a protected project": (SANDBOX, Op.STATE, PROTECTED, True, (True, "sandbox-allowed")),
    "an op by its value": (SANDBOX, "state", WRITING, True, (True, "sandbox-allowed")),
    "an allowlisted identifier": (NAMED, Op.STATE, WITH_NAMED, True, (True, "sandbox-allowed")),
}
OF_THE_WHOLE_REQUEST = {Reason.FOREIGN_REFERENCE, Reason.UNGUARDED_CLIENT}


@pytest.mark.parametrize(("project", "op", "settings", "in_test", "expected"), DECISIONS.values(), ids=DECISIONS.keys())
def test_the_first_line_of_the_table_that_fits_decides(
    project: object, op: Op, settings: Settings, in_test: object, expected: tuple[bool, str]
) -> None:
    assert decide(project, op, settings=settings, in_test=in_test is True) == expected


def test_every_reason_has_a_case() -> None:
    assert {reason for *_, (_, reason) in DECISIONS.values()} == set(Reason) - OF_THE_WHOLE_REQUEST


@pytest.mark.parametrize("op", Op)
def test_every_op_but_the_protected_ones_may_go_to_the_sandbox(op: Op) -> None:
    expected = (False, "protected-operation") if op in {"project", "member"} else (True, "sandbox-allowed")
    assert decide(SANDBOX, op, settings=WRITING, in_test=True) == expected


@pytest.mark.parametrize("op", Op)
def test_no_op_may_go_to_another_project(op: Op) -> None:
    assert decide(PROD, op, settings=WRITING, in_test=True) == (False, "prod-project-in-test")


def test_the_words_are_those_that_users_see() -> None:
    assert " ".join(Op) == (
        "create update state delete archive comment link relation attachment worklog cycle module milestone label "
        "intake page member project config workspace unknown"
    )
    assert " ".join(Reason) == (
        "live-runtime opt-in-disabled ambiguous-target prod-project-in-test protected-operation sandbox-allowed "
        "guard-error foreign-reference unguarded-client"
    )
    assert (set(Target), set(Outcome)) == ({"sandbox", "prod", "unresolved"}, {"allow", "block"})
    assert (set(PROTECTED_OPS), DEFAULT_SANDBOX_PROJECT) == (
        {"project", "member"},
        "8c5a3025-4f9d-4190-b79f-fa06276bb27e",
    )


def test_a_decision_is_a_plain_tuple_with_names() -> None:
    decision = decide(SANDBOX, Op.COMMENT, settings=WRITING, in_test=True)
    assert (decision.allowed, decision.reason, type(decision)) == (True, Reason.SANDBOX_ALLOWED, Decision)
    assert decision == (True, "sandbox-allowed")


@pytest.mark.parametrize("work_item", [None, "ORCH-114", 3.5, object()])
def test_the_work_item_plays_no_part(work_item: object) -> None:
    assert decide(SANDBOX, Op.COMMENT, work_item, settings=WRITING, in_test=True) == (True, "sandbox-allowed")


def test_settings_are_read_at_call_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANE_TEST_WRITE_ENABLED", raising=False)
    monkeypatch.delenv("PLANE_TEST_SANDBOX_PROJECTS", raising=False)
    before = decide(SANDBOX, Op.COMMENT)
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")
    switched_on = decide(SANDBOX, Op.COMMENT), decide(PROD, Op.COMMENT)
    monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", PROD)
    moved = decide(SANDBOX, Op.COMMENT), decide(PROD, Op.COMMENT)
    monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "0")
    assert (before, switched_on, moved, decide(PROD, Op.COMMENT)) == (
        (False, "opt-in-disabled"),
        ((True, "sandbox-allowed"), (False, "prod-project-in-test")),
        ((False, "prod-project-in-test"), (True, "sandbox-allowed")),
        (False, "opt-in-disabled"),
    )


def test_this_process_counts_as_a_test_process_without_being_told() -> None:
    assert decide(PROD, Op.STATE, settings=WRITING) == (False, "prod-project-in-test")


@pytest.mark.parametrize(("in_test", "allowed"), [(None, True), (True, False), (False, True)])
def test_a_process_that_finds_no_evidence_is_live_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, in_test: object, allowed: object
) -> None:
    monkeypatch.setattr(process, "in_test_process", str)
    decision = decide(PROD, Op.STATE, settings=WRITING, in_test=in_test)  # type: ignore[arg-type]
    assert decision.allowed is allowed


@pytest.mark.parametrize("in_test", [None, True, 0, "", [], "no"])
def test_only_false_means_a_live_process(in_test: object) -> None:
    decision = decide(PROD, Op.STATE, settings=WRITING, in_test=in_test)  # type: ignore[arg-type]
    assert decision == (False, "prod-project-in-test")


def test_settings_that_are_none_are_the_process_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANE_TEST_WRITE_ENABLED", raising=False)
    assert decide(SANDBOX, Op.STATE, settings=None, in_test=True) == (False, "opt-in-disabled")


class Hostile:
    """Raises at whatever is done with it."""

    def _raise(self, *_: object) -> bool:
        raise ValueError("hostile")

    __eq__ = __bool__ = __contains__ = __len__ = __iter__ = _raise
    __hash__ = __str__ = __repr__ = __format__ = __getattr__ = _raise  # type: ignore[assignment]


class Impostor(str):
    """Text that says it equals the sandbox, whatever it is."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(SANDBOX)

    def __str__(self) -> str:
        return SANDBOX


class Pretender:
    """Claims to be text."""

    @property
    def __class__(self) -> type:
        return str

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError


HOSTILE = [
    Hostile(), Impostor(PROD), Pretender(), 1.5, float("nan"), 0, True, b"", SANDBOX.encode(), bytearray(8), [SANDBOX],
    {SANDBOX: 1}, (SANDBOX,), object(), "x" * 1_000_000, f"{SANDBOX}{'x' * 1_000_000}", "\ud800", "\x00", ..., Hostile,
]  # fmt: skip
HOSTILE_IDS = [f"{at} {type(value).__name__}" for at, value in enumerate(HOSTILE)]


@pytest.mark.parametrize("value", HOSTILE, ids=HOSTILE_IDS)
def test_no_object_is_allowed_for_a_project(value: object) -> None:
    assert not decide(value, Op.COMMENT, settings=WRITING, in_test=True).allowed
    assert not decide(value, Op.COMMENT, value, settings=WRITING).allowed


@pytest.mark.parametrize("value", HOSTILE, ids=HOSTILE_IDS)
def test_no_object_is_allowed_for_an_op_or_for_settings(value: object) -> None:
    assert decide(SANDBOX, value, settings=WRITING, in_test=True) == (False, "guard-error")  # type: ignore[arg-type]
    assert decide(SANDBOX, Op.COMMENT, settings=value, in_test=True) == (False, "guard-error")  # type: ignore[arg-type]


def test_text_of_another_class_counts_for_what_it_says() -> None:
    class ProjectId(str):
        __slots__ = ()

    assert decide(ProjectId(SANDBOX), Op.COMMENT, settings=WRITING, in_test=True) == (True, "sandbox-allowed")


def test_an_error_while_looking_at_the_process_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plane_guard.process.os", None)
    assert decide(SANDBOX, Op.COMMENT) == (False, "guard-error")


TARGETS = {
    "the sandbox": (SANDBOX, WRITING, "sandbox"),
    "the sandbox while writing is off": (SANDBOX, NOT_WRITING, "sandbox"),
    "another project": (PROD, WRITING, "prod"),
    "another project while writing is off": (PROD, NOT_WRITING, "prod"),
    "a protected project that is allowlisted": (PROD, PROTECTED, "prod"),
    "an allowlisted identifier": (NAMED, WITH_NAMED, "sandbox"),
    "no project": (None, WRITING, "unresolved"),
    "half a project": (PROD[:13], WRITING, "unresolved"),
}


@pytest.mark.parametrize(("project", "settings", "target"), TARGETS.values(), ids=TARGETS.keys())
def test_the_target_is_independent_of_the_reason(project: object, settings: Settings, target: str) -> None:
    assert target_of(project, settings) == target

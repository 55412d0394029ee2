"""Explanations of decisions: a sentence and a remedy for every op and reason. Pure functions.

Text from traces is never part of a sentence, so each sentence can be a title.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard import DEFAULT_SANDBOX_PROJECT, Op, Reason
from plane_guard.advice import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Mapping

OPS: Mapping[str, str] = {
    Op.CREATE: "creating a work item",
    Op.UPDATE: "changing a work item",
    Op.STATE: "moving a work item to another state",
    Op.DELETE: "deleting a work item",
    Op.ARCHIVE: "archiving a work item, or bringing one back",
    Op.COMMENT: "commenting on a work item",
    Op.LINK: "changing the links of a work item",
    Op.RELATION: "relating work items to each other",
    Op.ATTACHMENT: "changing an attachment",
    Op.WORKLOG: "changing the work log of a work item",
    Op.CYCLE: "changing a cycle",
    Op.MODULE: "changing a module",
    Op.MILESTONE: "changing a milestone",
    Op.LABEL: "changing a label",
    Op.INTAKE: "changing the intake",
    Op.PAGE: "changing a page",
    Op.MEMBER: "changing who is a member, or inviting somebody",
    Op.PROJECT: "changing a project itself",
    Op.CONFIG: "changing how a project is set up",
    Op.WORKSPACE: "changing something that belongs to the workspace",
    Op.UNKNOWN: "a write of an unknown kind",
}
REASONS: Mapping[str, str] = {
    Reason.LIVE_RUNTIME: "by a process that is not a test process",
    Reason.OPT_IN_DISABLED: "while writing to Plane was off, as it is in tests by default",
    Reason.AMBIGUOUS_TARGET: "because the target project is ambiguous",
    Reason.PROD_PROJECT_IN_TEST: "on a project that is not on the sandbox allowlist, or is protected",
    Reason.PROTECTED_OPERATION: "which would change the sandbox project itself or who is in it",
    Reason.SANDBOX_ALLOWED: "inside a project that is on the sandbox allowlist",
    Reason.GUARD_ERROR: "because plane-guard failed internally, or could not record the decision",
    Reason.FOREIGN_REFERENCE: "naming an object that is not proven to be inside the sandbox",
    Reason.UNGUARDED_CLIENT: "through a client that plane-guard cannot inspect",
}
_VERDICTS: Mapping[str, str] = {
    "allowed": "Allowed",
    "blocked": "Blocked",
    "expected block": "Blocked, as the test expected",
}
_LEAK = "A write to production got through"
_ASIDES: Mapping[str, str] = {"prod": "The target was production.", "unresolved": "The target could not be resolved."}
_OBVIOUS = (Reason.PROD_PROJECT_IN_TEST, Reason.AMBIGUOUS_TARGET)
_REMEDIES: dict[str, str] = {
    **{str(reason): advice for reason, advice in REMEDIES.items() if advice},
    Reason.LIVE_RUNTIME: "Nothing to do: outside of test processes the guard only watches.",
    Reason.SANDBOX_ALLOWED: "Nothing to do: the test switched writing on, and the write stayed inside the sandbox.",
}
_AFTER_A_LEAK = (
    "Look up the object in Plane and undo the change. Stop the tests that wrote it and rotate their token. "
    "Run plane-guard doctor where they ran: it shows the settings and the patched clients."
)
_NEVER = "No setting lets a test write to this target, because it is production."
_MOCKED = "A mocked call (respx, responses, MockTransport …) never reaches the network and is not checked."
_UNHEARD = (
    "Unknown reason. The evidence comes from a newer plane-guard, or from another tool. "
    f"Writes are only allowed inside the sandbox project (default {DEFAULT_SANDBOX_PROJECT})."
)


def sentence(decision: Mapping[str, Any]) -> str:
    """Return the decision in one sentence."""
    if decision["prod_allowed"]:
        return f"{_LEAK}: {_what(decision)}"
    verdict = _VERDICTS.get(decision["verdict"], "Decided")
    return f"{verdict}: {_what(decision)}, {REASONS.get(decision['reason'], 'for an unknown reason')}"


def aside(decision: Mapping[str, Any]) -> str:
    """Return the target of the write if the sentence does not name it."""
    return "" if decision["reason"] in _OBVIOUS else _ASIDES.get(decision["target"], "")


def remedy(decision: Mapping[str, Any]) -> str:
    """Return what would allow the write. Nothing allows a write to production."""
    if decision["prod_allowed"]:
        return _AFTER_A_LEAK
    reason, stopped = decision["reason"], decision["verdict"] != "allowed"
    never = _NEVER if stopped and decision["target"] == "prod" else ""
    advice = _REMEDIES.get(reason, _UNHEARD)
    mocked = _MOCKED if stopped and reason != Reason.UNGUARDED_CLIENT else ""
    return "\n".join(line for line in (never, advice, mocked) if line)


def _what(decision: Mapping[str, Any]) -> str:
    if decision["reason"] == Reason.UNGUARDED_CLIENT:
        return "a connection to a Plane host"
    return OPS.get(decision["op"], OPS[Op.UNKNOWN])

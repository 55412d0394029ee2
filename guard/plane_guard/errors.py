"""The refusal, as the code under test meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard import advice

if TYPE_CHECKING:
    from plane_guard.classification import PlaneWrite
    from plane_guard.decision import Decision
    from plane_guard.vocabulary import Op, Reason


class PlaneWriteBlocked(RuntimeError):
    """A write to Plane was stopped before it left the process.

    Neither an ``OSError`` nor an error of any HTTP client, so that code which retries or forgives network trouble
    does not retry or forgive this. ``write`` and ``decision`` say what was refused and why; ``layer`` names the
    client it came through; ``detail`` adds what the decision alone does not tell.
    """

    __module__ = "plane_guard"

    def __init__(self, write: PlaneWrite, decision: Decision, layer: str = "", detail: str = "") -> None:
        super().__init__(write, decision, layer, detail)
        self.write = write
        self.decision = decision
        self.layer = layer
        self.detail = detail

    @property
    def reason(self) -> Reason:
        """Why it was refused."""
        return self.decision.reason

    @property
    def op(self) -> Op:
        """What the write would have done."""
        return self.write.op

    @property
    def project_id(self) -> str | None:
        """The project key in the request's path, ``None`` where it is not clear."""
        return self.write.project_id

    @property
    def work_item(self) -> str | None:
        """The work item's id or key in the request's path."""
        return self.write.work_item

    def __str__(self) -> str:
        """What was refused, why, and what to do instead."""
        return advice.refusal(self.write, self.decision, self.layer, self.detail)

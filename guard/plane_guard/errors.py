"""The refusal of a write, as the code under test receives it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plane_guard import advice
from plane_guard.classification import PlaneWrite
from plane_guard.decision import GUARD_ERROR
from plane_guard.vocabulary import Op

if TYPE_CHECKING:
    from plane_guard.decision import Decision
    from plane_guard.vocabulary import Reason

_UNKNOWN = PlaneWrite("", "", Op.UNKNOWN, "", None)


class PlaneWriteBlocked(RuntimeError):
    """A write to Plane was stopped before it left the process.

    It is neither an ``OSError`` nor an error of an HTTP client. Code that retries or ignores network errors does not
    retry or ignore this one. ``write`` and ``decision`` say what was refused and why. ``layer`` names the client, and
    ``detail`` adds what the decision alone does not tell.

    ``type(error)(text)`` makes one with that text, as code that adds context to exceptions does. It carries the write
    and decision of the refusal that is being handled.
    """

    __module__ = "plane_guard"

    def __init__(
        self, write: PlaneWrite | str = "", decision: Decision | None = None, layer: str = "", detail: str = ""
    ) -> None:
        if isinstance(write, PlaneWrite):
            super().__init__(write, decision, layer, detail)
            self.write, self.decision, self.layer, self.detail = write, decision or GUARD_ERROR, layer, detail
            return
        super().__init__(write)
        handled = sys.exception()
        origin = handled if isinstance(handled, PlaneWriteBlocked) else None
        self.write = origin.write if origin else _UNKNOWN
        self.decision = origin.decision if origin else GUARD_ERROR
        self.layer = origin.layer if origin else layer
        self.detail = origin.detail if origin else detail

    @property
    def reason(self) -> Reason:
        """The reason for the refusal."""
        return self.decision.reason

    @property
    def op(self) -> Op:
        """The operation that the write would have done."""
        return self.write.op

    @property
    def project_id(self) -> str | None:
        """The project key in the request's path, ``None`` if it is ambiguous."""
        return self.write.project_id

    @property
    def work_item(self) -> str | None:
        """The work item's id or key in the request's path."""
        return self.write.work_item

    def __str__(self) -> str:
        """Return what was refused, why, and what to do instead."""
        if len(self.args) == 1:
            return str(self.args[0])
        return advice.refusal(self.write, self.decision, self.layer, self.detail)

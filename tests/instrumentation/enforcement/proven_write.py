"""A write to the sandbox that needs a proof, and code that changes the request while the proof is awaited."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane, ReceivedRequest

    Change = Callable[[], object]


class ProvenWrite:
    """A write to the sandbox that needs a proof, and the production write it would become if changed meanwhile."""

    def __init__(self, plane: FakePlane) -> None:
        self.plane = plane
        base = "/api/v1/workspaces/acme/projects"
        cycle = plane.sandbox.ids("cycles")["Cycle 1"]
        self.path = f"{base}/{plane.sandbox.id}/cycles/{cycle}/cycle-issues/"
        self.labels = f"{base}/{plane.sandbox.id}/labels/"
        self.prod = f"{base}/{plane.prod.id}/work-items/{plane.prod.items['ORCH-114']}/comments/"
        self.body = self._issues(plane.sandbox.items["SBX-1"])
        self.other = self._issues(plane.prod.items["ORCH-114"])
        self.headers = {"X-API-Key": plane.token, "Content-Type": "application/json", "Host": f"127.0.0.1:{plane.port}"}

    @staticmethod
    def _issues(item: str) -> bytes:
        return json.dumps({"issues": [item]}).encode()

    def while_it_is_proven(self, change: Change) -> None:
        """Have this called while the client waits for the answer to the guard's own question."""

        def changing(request: ReceivedRequest) -> None:
            if request.method == "GET":
                change()

        self.plane.hooks.append(changing)

    def arrived_as_judged(self, path: str = "", body: bytes | None = None) -> bool:
        """Whether what was written is the one write that was judged, to the byte."""
        assert self.plane.changes_of(self.plane.prod.id) == []
        [write] = self.plane.writes
        assert write.header("X-HTTP-Method-Override") == ""
        judged = "POST", path or self.path, self.body if body is None else body
        return (write.method, write.target.removeprefix(self.plane.url), write.body) == judged

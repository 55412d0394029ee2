"""A day on a Plane server: honest runs with their evidence, other users, and writes that bypass the guard."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.dashboard import evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from plane_guard_instrumentation.testing import FakePlane

SECOND_NS = 1_000_000_000
OTHER = "lin@example.com"


@dataclass(slots=True)
class Day:
    """The server's clock is `ahead` seconds ahead of this machine's, which tells `now`."""

    plane: FakePlane
    folder: Path
    now: float
    ahead: float = 0.0
    planted: list[tuple[str, str, str]] = field(default_factory=list)  # kind, object or item, field
    targets: tuple[str, ...] = ()  # work items of production: to change, to leave alone otherwise, to remove
    quiet: list[str] = field(default_factory=list)
    doomed: list[str] = field(default_factory=list)
    item: str = ""  # the latest honest one
    spans: list[ReadableSpan] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.plane.clock = lambda: self.now + self.ahead
        self.plane.seed(members=[{"member": OTHER, "role": 20}], project=self.plane.prod.id)

    def to_the_present(self) -> None:
        """Write the evidence, and let the server's clock run."""
        evidence.write(self.folder / "decisions-box-1-1.jsonl", *self.spans)
        self.spans.clear()
        self.plane.clock = lambda: time.time() + self.ahead

    def send(self, method: str, path: str, body: object = None, *, token: str | None = None, project: str = "") -> Any:
        """Send a request that no guard sees."""
        reply = self.plane.send(method, f"projects/{project or self.plane.prod.id}/{path}", body, token=token)
        assert reply.status < 300, (method, path, reply)
        return reply.value

    def run(self, *, host: str = "box") -> Resource:
        """Start an honest run."""
        return evidence.resource(f"{next(self._numbers):032x}", **{"host.name": host})

    def end(self, of: Resource, started: float) -> None:
        """Record the session of a run, from its start to now."""
        attributes = {"plane_guard.session.evidence": "pytest", "plane_guard.session.ended": True}
        found = evidence.span("plane_guard.session", attributes, at=int(started * SECOND_NS), of=of)
        found._end_time = int(self.now * SECOND_NS)
        self.spans.append(found)

    def allow(self, of: Resource, op: str, item: str | None = None, *, project: str = "", **more: Any) -> None:
        """Record the decision of an allowed write."""
        project = project or self.plane.sandbox.id
        changes = {
            "plane_guard.decision.outcome": "allow",
            "plane_guard.decision.reason": "sandbox-allowed",
            "plane_guard.target": "sandbox" if project == self.plane.sandbox.id else "prod",
            "plane_guard.op": op,
            "plane_guard.project.id": project,
            "plane_guard.work_item.id": item,
            "plane_guard.work_item.key": None,
            **more,
        }
        self.spans.append(evidence.decision(changes, at=int(self.now * SECOND_NS), of=of))

    def honest(self, of: Resource, what: int) -> None:
        """Write to the sandbox, as one of several kinds of tests does, with the decision in the evidence."""
        sandbox, number = self.plane.sandbox, next(self._numbers)
        item = self.item if number % 3 else sandbox.items["SBX-1"]
        writes: tuple[Callable[[], tuple[str, str | None, str, str, object]], ...] = (
            lambda: ("create", None, "POST", "work-items/", {"name": f"honest {number}"}),
            lambda: (
                "update",
                item,
                "PATCH",
                f"work-items/{item}/",
                {"name": f"renamed {number}", "priority": PRIORITIES[number % 4]},
            ),
            lambda: (
                "state",
                item,
                "PATCH",
                f"work-items/{item}/",
                {"state": sandbox.states[STATES[number % 3]], "name": f"s {number}"},
            ),
            lambda: ("comment", item, "POST", f"work-items/{item}/comments/", {"comment_html": f"<p>{number}</p>"}),
            lambda: ("link", item, "POST", f"work-items/{item}/links/", {"url": f"https://example.com/{number}"}),
            lambda: ("label", None, "POST", "labels/", {"name": f"label {number}"}),
            lambda: (
                "relation",
                item,
                "POST",
                f"work-items/{item}/relations/",
                {"relation_type": "relates_to", "issues": [sandbox.items["SBX-2"], sandbox.items["SBX-3"]]},
            ),
            lambda: (
                "cycle",
                None,
                "POST",
                f"cycles/{sandbox.ids('cycles')['Cycle 1']}/cycle-issues/",
                {"issues": [item, sandbox.items["SBX-3"]]},
            ),
            lambda: (
                "module",
                None,
                "POST",
                f"modules/{sandbox.ids('modules')['Module 1']}/module-issues/",
                {"issues": [item]},
            ),
        )
        op, about, method, path, body = writes[what % len(writes)]()
        self.allow(of, op, about)
        made = self.send(method, path, body, project=sandbox.id)
        if op == "create":
            self.item = made["id"]

    def of_others(self, number: int) -> None:
        """Let another user change something."""
        token, item = self.plane.limited_token, self.plane.prod.items[f"ORCH-{112 + number % 4}"]
        if number % 3 == 0:
            self.send("PATCH", f"work-items/{item}/", {"name": f"by Lin {number}"}, token=token)
        elif number % 3 == 1:
            self.send("POST", f"work-items/{item}/comments/", {"comment_html": f"<p>Lin {number}</p>"}, token=token)
        else:
            self.send(
                "PATCH", f"labels/{self.plane.prod.ids('labels')['bug']}/", {"color": f"#{number:06x}"}, token=token
            )

    def plant(self, number: int) -> str:
        """Change production past the guard, in one of several ways; return its name."""
        kind, turn = KINDS[number % len(KINDS)], number // len(KINDS)
        item = self.targets[turn % len(self.targets)]
        self.planted.append(self._ways[kind](item, turn))
        return kind

    @property
    def _ways(self) -> dict[str, Callable[[str, int], tuple[str, str, str]]]:
        return {
            "create": lambda _, n: ("work_item", self.send("POST", "work-items/", {"name": f"planted {n}"})["id"], ""),
            "name": lambda item, n: self._patch(item, "name", f"planted {n}"),
            "state": lambda item, n: self._patch(item, "state", self.plane.prod.states[STATES[n % 3]]),
            "archive": lambda _, __: self._patch(self.doomed.pop(), "archived_at", "2026-11-27"),
            "comment": lambda item, n: self._post(
                "comment", f"work-items/{item}/comments/", comment_html=f"<p>{n}</p>"
            ),
            "comment through the sandbox": lambda _, n: self._through_the_sandbox(n),
            "link": lambda item, n: self._post("link", f"work-items/{item}/links/", url=f"https://example.com/{n}"),
            "attachment": self._attach,
            "label": lambda _, n: self._post("label", "labels/", name=f"planted {n}"),
            "cycle": lambda _, n: self._post("cycle", "cycles/", name=f"planted {n}", project_id=self.plane.prod.id),
            "into a cycle": lambda _, n: self._into_a_cycle(n),
            "delete": lambda _, __: self._delete(self.doomed.pop()),
        }

    def _patch(self, item: str, field: str, value: str) -> tuple[str, str, str]:
        self.send("PATCH", f"work-items/{item}/", {field: value})
        return "work_item", item, field

    def _post(self, kind: str, path: str, **body: object) -> tuple[str, str, str]:
        return kind, self.send("POST", path, body)["id"], ""

    def _through_the_sandbox(self, number: int) -> tuple[str, str, str]:
        path, body = f"work-items/{self.quiet.pop()}/comments/", {"comment_html": f"<p>{number}</p>"}
        return "comment", self.send("POST", path, body, project=self.plane.sandbox.id)["id"], ""

    def _attach(self, item: str, number: int) -> tuple[str, str, str]:
        made = self.send("POST", f"work-items/{item}/attachments/", {"name": f"{number}.txt", "size": 1})
        return "attachment", made["asset_id"], ""

    def _into_a_cycle(self, number: int) -> tuple[str, str, str]:
        cycle = self.plane.prod.ids("cycles")[("Sprint 7", "Sprint 8")[number % 2]]
        self.send("POST", f"cycles/{cycle}/cycle-issues/", {"issues": [self.targets[0]]})
        return "in_cycle", cycle, ""

    def _delete(self, item: str) -> tuple[str, str, str]:
        self.send("DELETE", f"work-items/{item}/")
        return "work_item", item, ""


PRIORITIES = ("urgent", "high", "medium", "low")
STATES = ("Todo", "In Progress", "Done")
KINDS = (
    *("create", "name", "state", "comment", "comment through the sandbox", "link"),
    *("attachment", "label", "cycle", "into a cycle", "delete", "archive"),
)

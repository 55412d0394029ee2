"""Live verification: match webhook events with decisions as they arrive."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.verification import events, findings, runs
from plane_guard_dashboard.verification.changes import SECOND_NS, writes
from plane_guard_dashboard.verification.findings import Finding
from plane_guard_dashboard.verification.matching import Clock, match

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from plane_guard_dashboard.evidence.traces import Traces
    from plane_guard_dashboard.verification.changes import Change, Write
    from plane_guard_dashboard.verification.receiver import Delivery
    from plane_guard_dashboard.verification.server import Server

# Evidence is on disk before a request leaves, but a folder may be on another machine.
GRACE_NS = 2 * SECOND_NS
_KEPT_NS = 3600 * SECOND_NS
_MOST_IDS = 10_000


@dataclass(slots=True)
class Counts:
    """The numbers of events so far."""

    events: int = 0
    unreadable: int = 0
    by_others: int = 0
    by_nobody: int = 0
    explained: int = 0


@dataclass(slots=True)
class Watcher:
    """Judges deliveries. `projects` translates `workspace/IDENTIFIER` to ids."""

    source: str
    server: Server
    user: str
    known: events.Known
    projects: Mapping[str, str]
    sandboxes: frozenset[str]
    clock: Clock
    counts: Counts = field(default_factory=Counts)
    found: dict[str, Finding] = field(default_factory=dict)
    _changes: list[tuple[Change, int]] = field(default_factory=list)
    _ids: OrderedDict[Hashable, None] = field(default_factory=OrderedDict)
    _judged: set[str] = field(default_factory=set)

    def take(self, delivery: Delivery) -> None:
        """Take in one delivery. Repeated ones, and events about others, change nothing."""
        try:
            event = events.read(delivery.body, delivery.id, delivery.arrived_ns + self.clock.ahead_ns, self.known)
        except events.UnreadableEventError:
            self.counts.unreadable += 1
            return
        if not self._is_new(event.id):
            return
        self.counts.events += 1
        for change in event.changes:
            # Several webhooks, of v1 and v2, may tell of the same change.
            if not self._is_new((change.kind, change.object_id, change.verb, change.field, change.time_ns)):
                continue
            if change.actor == self.user:
                self._changes.append((change, delivery.arrived_ns))
            elif change.actor:
                self.counts.by_others += 1
            else:
                self.counts.by_nobody += 1

    def _is_new(self, key: Hashable) -> bool:
        if key in self._ids:
            return False
        self._ids[key] = None
        while len(self._ids) > _MOST_IDS:
            self._ids.popitem(last=False)
        return True

    def judge(self, now_ns: int | None = None) -> list[Finding]:
        """Return the changes that no decision explains and that were not returned before."""
        now = time.time_ns() if now_ns is None else now_ns
        self._changes = [(change, arrived) for change, arrived in self._changes if now - arrived < _KEPT_NS]
        waiting = [change for change, arrived in self._changes if now - arrived >= GRACE_NS]
        if all(change.id in self._judged for change in waiting):
            return []
        read = self._evidence()
        decisions = runs.allowed(read, self.projects, {}) if read else []
        matched = match(writes(change for change, _ in self._changes), decisions, self.clock)
        ready = {change.id for change in waiting} - self._judged
        self._judged |= ready
        self.counts.explained += sum(change.id in ready for write, _ in matched.explained for change in write.changes)
        new = [
            self._finding(change, write, read)
            for write in matched.unexplained
            for change in write.changes
            if change.id in ready
        ]
        self.found |= {finding.change.id: finding for finding in new}
        return new

    def _evidence(self) -> Traces | None:
        try:
            return traces.read(self.source)
        except traces.NoTracesError:
            return None

    def _finding(self, change: Change, write: Write, read: Traces | None) -> Finding:
        local = write.time_ns - self.clock.ahead_ns
        active = runs.find(read, "all", time.time_ns()) if read else []
        around = runs.Surroundings(active, read.decisions if read else (), 5 * SECOND_NS)
        return Finding(
            change,
            is_production=change.project not in self.sandboxes,
            link=findings.link_to(self.server, change),
            time_ns=local,
            runs=tuple(around.at(local)),
            tests=tuple(around.tests(local, self.clock.tolerance_ns)),
        )

"""One verify: read the server, match its changes with the evidence, and record the outcome for each run."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import verifications
from plane_guard_dashboard.verification import findings
from plane_guard_dashboard.verification.changes import SECOND_NS, writes
from plane_guard_dashboard.verification.events import Known
from plane_guard_dashboard.verification.findings import Counts, Finding
from plane_guard_dashboard.verification.history import Archive
from plane_guard_dashboard.verification.matching import Clock, match
from plane_guard_dashboard.verification.reading import WORKERS_NS, Estimate, Reader, projects
from plane_guard_dashboard.verification.runs import Surroundings, allowed, undone
from plane_guard_dashboard.verification.server import CannotAskError
from plane_guard_dashboard.verification.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plane_guard_dashboard.evidence.traces import Traces
    from plane_guard_dashboard.verification.changes import Write
    from plane_guard_dashboard.verification.client import Client
    from plane_guard_dashboard.verification.history import History
    from plane_guard_dashboard.verification.matching import Matched
    from plane_guard_dashboard.verification.reading import Project
    from plane_guard_dashboard.verification.runs import Run
    from plane_guard_dashboard.verification.server import Server

# The Date of an answer has whole seconds, and an answer takes a moment.
_EDGE_NS = 5 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a verify, for all its runs together."""

    server: Server
    runs: Sequence[Run]
    up_to_ns: int
    counts: Counts
    findings: tuple[Finding, ...]
    not_visible: tuple[str, ...]
    requests: int
    by_run: dict[str, Counts]


@dataclass(slots=True)
class Verifier:
    """Verifies runs with one client."""

    client: Client
    traces: Traces
    runs: Sequence[Run]
    sandboxes: frozenset[str]
    tolerance_ns: int
    advance: Callable[[int, int], object] = field(default=lambda _done, _all: None)
    _user: str = field(init=False)
    _is_resumed: bool = field(init=False)
    _is_left: bool = field(init=False)
    _projects: list[Project] = field(init=False, default_factory=list)
    _reader: Reader = field(init=False)
    _read_up_to: int = field(init=False)
    _archive: Archive = field(init=False)
    _history: History = field(init=False)

    def prepare(self) -> Estimate:
        """Find the user, the projects and the time that must be read; return how much that is.

        Raises:
            CannotAskError: The server does not answer, or refuses the token.
        """
        self.identify()
        self._begin()
        return self._reader.plan(self._projects) if self._is_left else Estimate(0, 0, 0.0)

    def identify(self) -> None:
        """Find the token's user, what is known about this server, and the projects that the user can see."""
        me = self.client.get("users/me/")
        self._user = str(me.get("id") or "") if isinstance(me, dict) else ""
        if not self._user:
            raise CannotAskError(f"{self.client.server.host} does not say whose token this is: is it a Plane server?")
        self._archive = Archive.of(self.client.server.url, self._user)
        self._history = self._archive.load()
        self._projects = projects(self.client, self.client.server.workspaces, self.sandboxes)
        if not self._projects:
            raise CannotAskError("This token sees no project: use the token that the tests had, and its workspace.")
        names = {one.id for one in self._projects if f"{one.workspace}/{one.identifier}" in self.sandboxes}
        self.sandboxes |= names

    def _begin(self) -> None:
        """Set up the reader for the time that was not read before, or for the rest of an interrupted verify."""
        first, last = self.runs[0].first_ns + self._ahead, max(run.last_ns for run in self.runs) + self._ahead
        start = self._history.starts_at(first, last, self._edge)
        plan = {"server": self.client.server.url, "user": self._user, "run": self.runs[0].first_ns}
        before, steps = self._archive.resume(plan)
        self._is_resumed = bool(before)
        self._is_left = self._is_resumed or start < last
        # What the workers wrote late was not there at the time of the last verify.
        begin = start if start < first else start - WORKERS_NS
        begin, end = before.get("first", begin), before.get("last", last + self._edge)
        # Nothing after this moment counts as read, although the time of the run plus the edge may end later. The server
        # names its time in whole seconds.
        now = time.time_ns() + self._ahead - SECOND_NS
        self._read_up_to = min(end, before.get("read_up_to", now))
        user, archive = self._user, self._archive
        self._reader = Reader(self.client, user, begin, end, self._history, self.sandboxes, archive.note, steps)
        self._reader.advance = self.advance
        if not before:
            self._archive.begin({**plan, "first": begin, "last": end, "read_up_to": self._read_up_to})

    def watcher(self, source: str) -> Watcher:
        """Return what judges the webhooks of the server, with the names that it needs."""
        items = {item: project.id for project in self._projects for item in self._history.items.get(project.id, {})}
        return Watcher(
            source,
            self.client.server,
            self._user,
            Known(self.client.server.workspaces[0], items, {one.id: one.identifier for one in self._projects}),
            self._names()[0],
            self.sandboxes,
            Clock(self._ahead, self.tolerance_ns),
        )

    def run(self, folder: str) -> tuple[Outcome, str]:
        """Read, match and record; return the outcome, and why it could not be recorded if so."""
        unseen = self._of_decisions() + (self._read() if self._is_left else [])
        if self._is_resumed:
            self._begin()
            unseen += self._read() if self._is_left else []
        outcome = self._outcome(tuple(dict.fromkeys(unseen)))
        return outcome, findings.write(folder, self.client.server, self.runs, outcome.by_run, outcome.findings)

    def _of_decisions(self) -> list[str]:
        """Return the projects that decisions of these runs name and the token cannot see."""
        named = {row.project_id for row in self.traces.decisions if row.run_id in {run.id for run in self.runs}}
        known = {one.id for one in self._projects} | set(self._names()[0])
        return [
            f"{key}: a decision names it, and this token cannot see it" for key in sorted(filter(None, named - known))
        ]

    def _read(self) -> list[str]:
        self._reader.advance = self.advance
        steps = self._reader.read(self._projects)
        if all(steps[f"items:{project.id}"].unseen for project in self._projects):
            raise CannotAskError(
                "This token may not read the work items of any project: use the one that the tests had."
            )
        self._history.add(self._reader.first_ns, self._read_up_to, steps)
        self._archive.save(self._history)
        return [text for step in steps.values() for text in step.unseen]

    def _outcome(self, unseen: tuple[str, ...]) -> Outcome:
        around = Surroundings(self.runs, self.traces.decisions, self._edge)
        changes = [one for one in self._history.changes if around.at(one.time_ns - self._ahead)]
        others = [runs for time in self._history.others.values() if (runs := around.at(time - self._ahead))]
        clock = Clock(self._ahead, self.tolerance_ns)
        projects, items = self._names()
        confirmed = undone(verifications.read(self.traces.source), projects)
        matched = match(writes(changes), [*allowed(self.traces, projects, items), *confirmed], clock)
        found = [one for write in matched.unexplained for one in self._findings(write, around)]
        found.sort(key=lambda one: (not one.is_production, one.time_ns))
        counts = Counts(len(matched.explained), len(matched.unexplained), len(others), len(unseen))
        by_run = self._by_run(around, matched, others, len(unseen))
        up_to = max(run.last_ns for run in self.runs)
        server = self.client.server
        return Outcome(server, self.runs, up_to, counts, tuple(found), unseen, self.client.requests, by_run)

    def _by_run(
        self, around: Surroundings, matched: Matched, others: list[list[Run]], unseen: int
    ) -> dict[str, Counts]:
        explained = Counter(self._ids(around, [write for write, _ in matched.explained]))
        unexplained = Counter(self._ids(around, matched.unexplained))
        by_others = Counter(run.id for runs in others for run in runs)
        return {run.id: Counts(explained[run.id], unexplained[run.id], by_others[run.id], unseen) for run in self.runs}

    def _ids(self, around: Surroundings, found: Iterable[Write]) -> Iterator[str]:
        for write in found:
            yield from (run.id for run in around.at(write.time_ns - self._ahead))

    def _findings(self, write: Write, around: Surroundings) -> list[Finding]:
        local = write.time_ns - self._ahead
        return [
            Finding(
                change,
                is_production=change.project not in self.sandboxes,
                link=findings.link_to(self.client.server, change),
                time_ns=local,
                runs=tuple(around.at(local)),
                tests=tuple(around.tests(local, self.tolerance_ns)),
            )
            for change in write.changes
        ]

    def _names(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the ids of projects by `workspace/IDENTIFIER`, and of work items by key."""
        projects = {f"{project.workspace}/{project.identifier}": project.id for project in self._projects}
        items = {
            f"{project.identifier}-{number}": item
            for project in self._projects
            for item, (number, _) in self._history.items.get(project.id, {}).items()
        }
        return projects, items

    @property
    def _ahead(self) -> int:
        return self.client.ahead_ns or 0

    @property
    def _edge(self) -> int:
        """The uncertainty of the server's clock."""
        return _EDGE_NS if self.client.ahead_ns is not None else self.tolerance_ns

"""Read what changed on the server: the work items that were touched, their activity and comments, and the projects.

The server is asked in steps. Each finished step is noted, so that an interrupted verify resumes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.verification.changes import SECOND_NS, Change, Kind, Verb
from plane_guard_dashboard.verification.client import PAGE, NotVisibleError
from plane_guard_dashboard.verification.history import Step
from plane_guard_dashboard.verification.rows import Place, Row, compared, of_activity, of_comment, of_object, time_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from plane_guard_dashboard.verification.client import Client
    from plane_guard_dashboard.verification.history import History

# Plane's workers write the activity log after the request, and touch the work item then.
WORKERS_NS = 120 * SECOND_NS
# The last part of a path -> the kind of its rows, and if a server without the feature answers with an error.
OBJECTS: Mapping[str, Kind] = {
    "states/": Kind.STATE,
    "labels/": Kind.LABEL,
    "cycles/": Kind.CYCLE,
    "archived-cycles/": Kind.CYCLE,
    "modules/": Kind.MODULE,
    "archived-modules/": Kind.MODULE,
    "intake-issues/": Kind.INTAKE,
}
_LATEST_ITEMS = {"order_by": "-updated_at", "fields": "id,sequence_id,updated_at"}
_SECOND_OF_A_ROW_NS = 5 * SECOND_NS
_REQUESTS_AN_ITEM = 2
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Project:
    """A project that the token can see. `row` is the server's."""

    workspace: str
    id: str
    identifier: str
    name: str
    row: Row = field(repr=False)

    @property
    def path(self) -> str:
        """The path below `/api/v1/`."""
        return f"workspaces/{self.workspace}/projects/{self.id}/"


@dataclass(frozen=True, slots=True)
class Estimate:
    """The requests that are left, and the work items that changed."""

    requests: int
    items: int
    seconds: float


def projects(client: Client, workspaces: Iterable[str], sandboxes: frozenset[str]) -> list[Project]:
    """Return the projects of the workspaces that the token can see, production first."""
    found = [
        Project(slug, str(row["id"]), str(row.get("identifier") or ""), str(row.get("name") or ""), row)
        for slug in workspaces
        for rows, _ in client.pages(f"workspaces/{slug}/projects/")
        for row in rows
    ]
    return sorted(found, key=lambda project: (project.id in sandboxes, project.identifier))


@dataclass(slots=True)
class Reader:
    """Reads the changes between two times of the server's clock, by one user."""

    client: Client
    user: str
    first_ns: int
    last_ns: int
    history: History
    sandboxes: frozenset[str]
    note: Callable[[str, Step], object]
    steps: dict[str, Step] = field(default_factory=dict)
    advance: Callable[[int, int], object] = field(default=lambda _done, _all: None)

    def plan(self, projects: Iterable[Project]) -> Estimate:
        """Return how much there is to read. This asks for the latest work items of each project only."""
        requests = items = 0
        for project in projects:
            known = self.steps.get(f"items:{project.id}")
            changed, pages = self._peek(project) if known is None else (len(self._touched(project)), 0)
            left = [name for name in OBJECTS if f"objects:{project.id}" not in self.steps]
            requests += pages + len(left) + _REQUESTS_AN_ITEM * changed
            items += changed
        done = _REQUESTS_AN_ITEM * sum(name.startswith("item:") for name in self.steps)
        requests = max(0, requests - done)
        return Estimate(requests, items, requests * 60 / self.client.per_minute)

    def read(self, projects: list[Project]) -> dict[str, Step]:
        """Read everything; return the steps."""
        for project in projects:
            self._step(f"items:{project.id}", partial(self._items, project))
        for project in projects:
            self._step(f"objects:{project.id}", partial(self._objects, project))
        touched = [(project, item) for project in projects for item in self._touched(project)]
        for done, (project, item) in enumerate(touched):
            self.advance(done, len(touched))
            self._step(f"item:{item}", partial(self._rows_of_item, project, project, item))
        self.advance(len(touched), len(touched))
        for project, item in touched:
            if project.id not in self.sandboxes and self._is_silent(project, item):
                self._step(f"elsewhere:{item}", partial(self._elsewhere, project, item, projects))
        return self.steps

    def _step(self, name: str, read: Callable[[], Step]) -> None:
        if name not in self.steps:
            self.steps[name] = read()
            self.note(name, self.steps[name])

    def _peek(self, project: Project) -> tuple[int, int]:
        """Return the numbers of work items that changed, and of pages of all work items."""
        changed = count = 0
        try:
            for rows, total in self.client.pages(f"{project.path}work-items/", **_LATEST_ITEMS):
                new = sum(self._is_touched(time_ns(row.get("updated_at"))) for row in rows)
                changed, count = changed + new, total
                if new < len(rows):
                    break
        except NotVisibleError:
            return 0, 1
        return changed, max(1, math.ceil(count / PAGE))

    def _items(self, project: Project) -> Step:
        """List all work items with the time of their last change. Those that are gone count as changed."""
        step = Step()
        try:
            for rows, _ in self.client.pages(f"{project.path}work-items/", **_LATEST_ITEMS):
                for row in rows:
                    step.items[str(row["id"])] = [row.get("sequence_id"), time_ns(row.get("updated_at"))]
        except NotVisibleError as error:
            step.unseen.append(f"{_named(project)}: work items ({error})")
        return step

    def _touched(self, project: Project) -> list[str]:
        step = self.steps.get(f"items:{project.id}", Step())
        touched = [item for item, (_, updated) in step.items.items() if self._is_touched(updated)]
        gone = (
            [] if step.unseen else [item for item in self.history.items.get(project.id, {}) if item not in step.items]
        )
        return touched + gone

    def _is_touched(self, updated_ns: int) -> bool:
        return updated_ns >= self.first_ns

    def _objects(self, project: Project) -> Step:
        step, place = Step(), Place(project.workspace, project.id, key=project.identifier)
        before = self.history.objects.get(project.id)
        self._take_object(step, project.row, place, Kind.PROJECT, before)
        if self.steps[f"items:{project.id}"].unseen:
            step.objects = {**(before or {}), **step.objects}
            return step  # the token is no member of the project
        for part, kind in OBJECTS.items():
            try:
                for rows, _ in self.client.pages(project.path + part):
                    for row in rows:
                        self._take_object(step, row, place, kind, before)
            except NotVisibleError as error:
                if error.status != _NOT_FOUND:
                    step.unseen.append(f"{_named(project)}: {part.rstrip('/')} ({error})")
        for gone in (before or {}).keys() - step.objects.keys():
            name = (before or {})[gone].get("name") or gone
            step.unseen.append(f"{_named(project)}: {name!r} was deleted; Plane does not say by whom")
        return step

    def _take_object(self, step: Step, row: Row, place: Place, kind: Kind, before: Mapping[str, Any] | None) -> None:
        object_id = str(row.get("id"))
        step.objects[object_id] = compared(row)
        for change in of_object(row, place, kind, None if before is None else before.get(object_id)):
            self._take(step, change)

    def _rows_of_item(self, owner: Project, path_of: Project, item: str) -> Step:
        number = self._number(owner, item)
        place = Place(owner.workspace, owner.id, item, f"{owner.identifier}-{number}" if number else "")
        path, step = f"{path_of.path}work-items/{item}/", Step()
        try:
            self._until_older(
                step, f"{path}activities/", "created_at", lambda row: filter(None, [of_activity(row, place)])
            )
            self._until_older(step, f"{path}comments/", "updated_at", lambda row: of_comment(row, place))
        except NotVisibleError as error:
            step.unseen.append(f"{place.key or item}: activity ({error})")
        if item not in self.steps[f"items:{owner.id}"].items and not step.changes and not step.others:
            step.unseen = [f"{place.key or item}: deleted or archived; Plane does not say by whom"]
        return step

    def _until_older(self, step: Step, path: str, stamp: str, changes: Callable[[Row], Iterable[Change]]) -> None:
        """Read pages from the newest row to the first one that is older than the time in question."""
        # The workers write the activity when they touch the work item, but touch it some time after a comment.
        touched_after = WORKERS_NS if stamp == "updated_at" else _SECOND_OF_A_ROW_NS
        for rows, _ in self.client.pages(path, order_by=f"-{stamp}"):
            for row in rows:
                step.latest_ns = max(step.latest_ns, time_ns(row.get(stamp)) + touched_after)
                for change in changes(row):
                    self._take(step, change)
            if not rows or time_ns(rows[-1].get(stamp)) < self.first_ns:
                return

    def _take(self, step: Step, change: Change) -> None:
        if not self.first_ns <= change.time_ns <= self.last_ns:
            return
        if change.actor == self.user:
            step.changes.append(change)
        elif change.actor:
            step.others[change.source] = change.time_ns
        elif change.verb is not Verb.CREATED:
            step.unseen.append(f"{change.name or change.object_id}: {change.kind} changed; Plane does not say by whom")

    def _number(self, project: Project, item: str) -> Any:
        known = self.steps.get(f"items:{project.id}", Step()).items.get(item)
        known = known or self.history.items.get(project.id, {}).get(item)
        return known[0] if known else None

    def _is_silent(self, project: Project, item: str) -> bool:
        """Return if a work item was touched last for a reason that its own project does not show."""
        step = self.steps[f"item:{item}"]
        known = self.steps[f"items:{project.id}"].items.get(item)
        return known is not None and not step.unseen and self.first_ns <= known[1] and known[1] > step.latest_ns

    def _elsewhere(self, owner: Project, item: str, projects: Iterable[Project]) -> Step:
        """Look for rows that hang on the work item and belong to a sandbox.

        Plane lets a request under one project's path comment on a work item of another one, and shows it there only.
        """
        found = Step()
        for project in projects:
            if project.id in self.sandboxes and project.workspace == owner.workspace:
                step = self._rows_of_item(owner, project, item)
                found.changes += step.changes
                found.others |= step.others
        if not found.changes and not found.others:
            number = self._number(owner, item)
            found.unseen.append(f"{owner.identifier}-{number}: touched, for a reason that Plane's API does not show")
        return found


def _named(project: Project) -> str:
    return project.identifier or project.id

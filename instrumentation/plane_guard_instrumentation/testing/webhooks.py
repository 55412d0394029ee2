"""Webhooks of the fake server: signed events for each change, as v1 (the open server) or v2 (Plane Cloud)."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import queue
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from plane_guard_instrumentation.testing.world import WORKSPACE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_instrumentation.testing.database import Change, Database, Row

# Table -> the event of v1. The open server has no others.
V1_EVENTS = {
    "projects": "project",
    "work_items": "issue",
    "cycles": "cycle",
    "modules": "module",
    "comments": "issue_comment",
}
# Table -> the event and the entity type of v2.
V2_EVENTS = {
    "projects": ("project", "project"),
    "work_items": ("workitem", "issue"),
    "cycles": ("cycle", "cycle"),
    "modules": ("module", "module"),
    "pages": ("page", "page"),
    "comments": ("workitem.comment", "issue"),
    "links": ("workitem.link", "issue_link"),
    "attachments": ("workitem.attachment", "file_asset"),
    "relations": ("workitem.relation", "issue_relation"),
}
_STAMPS = frozenset({"updated_at", "updated_by"})
_IDS = {
    **{name: f"{name}_id" for name in ("project", "workspace", "state", "parent", "issue", "created_by", "updated_by")},
    "labels": "label_ids",
    "assignees": "assignee_ids",
    "estimate_point": "estimate_point_id",
    "actor": "actor_id",
}
_SECONDS = 10
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook: its address and its secret key. `version` is 1 or 2."""

    url: str
    secret: str
    version: int = 2
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Sender:
    """Sends the events of each change in a thread, as Plane's workers do."""

    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []
        self.statuses: list[int] = []  # the answers, 0 for none
        self._waiting: queue.Queue[tuple[Subscription, str, Payload]] = queue.Queue()
        self._thread: threading.Thread | None = None

    def record(self, db: Database, change: Change) -> None:
        """Queue the events of one change."""
        for one in self.subscriptions:
            for event, payload in _v1(db, change) if one.version == 1 else _v2(change):
                self._waiting.put((one, event, {**payload, "webhook_id": one.id, "workspace_id": WORKSPACE_ID}))

    def subscribe(self, one: Subscription) -> None:
        """Add a webhook."""
        self.subscriptions.append(one)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fake-plane-webhooks", daemon=True)
            self._thread.start()

    def drain(self) -> None:
        """Wait until every event was sent."""
        self._waiting.join()

    def _run(self) -> None:
        while True:
            one, event, payload = self._waiting.get()
            self.statuses.append(send(one, event, payload))
            self._waiting.task_done()


def send(one: Subscription, event: str, payload: Payload) -> int:
    """Send one event; return the status of the answer, or 0."""
    delivery = str(uuid.uuid4())
    if one.version != 1:
        payload = {"version": "v2", "delivery_id": delivery, **payload}
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Autopilot",
        "X-Plane-Delivery": delivery,
        "X-Plane-Event": event,
        "X-Plane-Signature": hmac.new(one.secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    parts = urlsplit(one.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_SECONDS)
    try:
        with contextlib.closing(connection):
            connection.request("POST", parts.path or "/", body, headers)
            return connection.getresponse().status
    except OSError:
        return 0


def _v1(db: Database, change: Change) -> Iterator[tuple[str, Payload]]:
    """Yield one event for a new or deleted row, and one for each field that changed."""
    event = V1_EVENTS.get(change.table)
    if event is None or change.what == "touched":
        return
    user = db.find("users", change.actor) or {"id": change.actor}
    actor = {name: user.get(name) for name in ("id", "first_name", "last_name", "email", "display_name", "avatar")}
    blank = {"field": None, "new_value": None, "old_value": None, "old_identifier": None, "new_identifier": None}
    data = {"id": change.row_id} if change.after is None else change.after
    shared = {"event": event, "action": change.verb, "data": data}
    fields = _changed(change) if change.verb == "updated" else {}
    for name, old in fields.items():
        value = {"field": name, "old_value": old, "new_value": (change.after or {}).get(name)}
        yield event, {**shared, "activity": {**blank, **value, "actor": actor}}
    if not fields:
        yield event, {**shared, "activity": {**blank, "actor": actor}}


def _v2(change: Change) -> Iterator[tuple[str, Payload]]:
    known = V2_EVENTS.get(change.table)
    if known is None or change.what == "touched":
        return
    group, entity = known
    fields = _changed(change) if change.verb == "updated" else {}
    archived = bool((change.after or {}).get("archived_at")) and "archived_at" in fields
    event = f"{group}.{'archived' if archived else change.verb}"
    row = change.after or change.before or {}
    previous = _named(change.before or {}) if change.after is None else _named(fields)
    data: Row = {}
    if change.after is not None:
        data = {"id": row["issue"], "comment": _named(row)} if change.table == "comments" else _named(row)
    yield (
        event,
        {
            "event_id": str(uuid.uuid4()),
            "entity_id": row["issue"] if change.table == "comments" else change.row_id,
            "entity_type": entity,
            "event": event,
            "data": data,
            "previous_attributes": previous,
        },
    )


def _changed(change: Change) -> Row:
    """Return the previous values of the fields that changed."""
    before, after = change.before or {}, change.after or {}
    return {name: value for name, value in before.items() if name not in _STAMPS and after.get(name) != value}


def _named(row: Row) -> Row:
    return {_IDS.get(name, name): value for name, value in row.items()}

"""`plane-guard verify --watch` judges Plane's webhooks as they arrive."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from plane_guard_dashboard.evidence import verifications
from plane_guard_dashboard.verification import events
from plane_guard_dashboard.verification.changes import Kind, Verb
from plane_guard_instrumentation.testing.webhooks import Subscription, send
from tests.dashboard.verification.scenario import Day
from tests.dashboard.verification.test_verify import QUICK, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane

SECRET = "plane_wh_0123456789abcdef"
KNOWN = events.Known("acme", {"i": "p"}, {"p": "ORCH"})


@contextmanager
def watching(day: Day, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `verify --watch` on a free port; yield its address and the process."""
    environ = {**os.environ, **environment(day.plane, tmp_path), "PLANE_WEBHOOK_SECRET": SECRET}
    program = [sys.executable, "-m", "plane_guard_dashboard", "verify", "--traces", str(day.folder), *QUICK]
    program += ["--watch", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(program, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = re.match(r"Listening at (\S+)\.", process.stderr.readline())
            assert found
            yield found[1], process
        finally:
            process.kill()


def test_an_unguarded_change_is_printed_when_it_happens(plane: FakePlane, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    day = Day(plane, folder, time.time())
    plane.clock = time.time
    with watching(day, tmp_path) as (url, process):
        plane.subscribe(url, SECRET, version=2)
        plane.subscribe(url, SECRET, version=1)
        run, started = day.run(), day.now
        day.end(run, started)
        day.allow(run, "state", plane.sandbox.items["SBX-1"])
        day.to_the_present()
        body = {"state": plane.sandbox.states["Done"], "name": "guarded"}
        day.send("PATCH", f"work-items/{plane.sandbox.items['SBX-1']}/", body, project=plane.sandbox.id)
        day.of_others(0)
        day.send("PATCH", f"work-items/{plane.prod.items['ORCH-114']}/", {"name": "past the guard"})
        assert set(plane.deliver()) == {200}
        assert send(Subscription(url, "forged"), "workitem.updated", {"event": "workitem.updated"}) == 403
        assert httpx.get(url).status_code == 405
        assert httpx.post(url, content=b"").status_code == 413
        time.sleep(3.5)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 1, stderr
    assert "✖ Production: ORCH-114: name “Stage change is not written back” → “past the guard”" in stdout
    assert stdout.count("✖") == 1, "v1 and v2 tell of the same change"
    assert "7 events: 1 change unexplained, 2 explained, 1 by other users, 0 without a user." in stdout
    assert "1 request refused: wrong signature" in stderr
    assert len(verifications.read(str(folder)).findings) == 1
    assert not [request for request in plane.requests if request.is_write and request.header("User-Agent")]


def test_watch_needs_a_secret_and_a_free_address(plane: FakePlane, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "plane_guard_dashboard", "verify", "--traces", str(tmp_path), *QUICK, "--watch"]
    environ = {**os.environ, **environment(plane, tmp_path)}
    result = subprocess.run(program, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert "set PLANE_WEBHOOK_SECRET" in result.stderr
    environ["PLANE_WEBHOOK_SECRET"] = SECRET
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        result = subprocess.run(
            [*program, *options], env=environ, capture_output=True, text=True, check=False, timeout=60
        )
    assert (result.returncode, "cannot be listened at" in result.stderr) == (2, True)


OF_ITEM = {"project_id": "p", "updated_by_id": "u", "created_by_id": "u"}
V2: dict[str, tuple[dict[str, object], tuple[Kind, Verb, str]]] = {
    "comment.created": (
        {"data": {"id": "i", "comment": {"id": "c", "actor_id": "u", "issue_id": "i"}}},
        (Kind.COMMENT, Verb.CREATED, "u"),
    ),
    "link.created": ({"data": {"id": "l", "issue_id": "i", **OF_ITEM}}, (Kind.LINK, Verb.CREATED, "u")),
    "deleted": ({"data": {}, "previous_attributes": {"id": "i", **OF_ITEM}}, (Kind.WORK_ITEM, Verb.DELETED, "")),
    "archived": (
        {"data": {"id": "i", "archived_at": "x", **OF_ITEM}, "previous_attributes": {"archived_at": "None"}},
        (Kind.WORK_ITEM, Verb.UPDATED, "u"),
    ),
}


@pytest.mark.parametrize("name", V2)
def test_events_of_v2_are_read(name: str) -> None:
    found, expected = V2[name]
    known = {"version": "v2", "event_id": "e", "event": f"workitem.{name}", "entity_id": "i", "previous_attributes": {}}
    body = json.dumps({**known, **found}).encode()
    event = events.read(body, "d", 7, KNOWN)
    [change] = event.changes
    assert (change.kind, change.verb, change.actor) == expected
    assert (event.id, change.project) == ("e", "p")
    assert (change.work_item, change.time_ns) == ("i", 7)


def test_an_event_that_only_touches_a_work_item_is_no_change_and_garbage_is_refused() -> None:
    touched = {"version": "v2", "event_id": "e", "event": "workitem.updated", "entity_id": "i", "data": {"id": "i"}}
    body = json.dumps({**touched, "previous_attributes": {"last_activity_at": "2026-11-27"}}).encode()
    assert events.read(body, "d", 7, KNOWN).changes == ()
    for garbage in (b"", b"[]", b"1", b'{"event": 1}', b"\xff", b"[" * 100_000):
        with pytest.raises(events.UnreadableEventError):
            events.read(garbage, "d", 7, KNOWN)

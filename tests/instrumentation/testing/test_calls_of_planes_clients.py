"""The calls of plane-sdk and plane-mcp-server that work with `fake_plane` are those that the docs list."""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import itertools
import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from plane_guard import classify
from plane_guard.vocabulary import PROTECTED_OPS
from plane_guard_instrumentation.testing.server import answers
from tools import recorder, route_drift

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plane_guard import PlaneWriteBlocked
    from plane_guard_instrumentation.testing import FakePlane

PAGE = Path(__file__).parents[3] / "docs" / "fake-plane.md"
CALL = re.compile(r"\bclient\.([a-z]\w*(?:\.\w+)+)\(")


def listed(heading: str) -> str:
    """Return the table below a heading of the page, with the sentence after it."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return section[section.index("\n|") :].strip()


def table(first: str, outcomes: Iterable[tuple[str, str, bool]]) -> str:
    """Return the works and the failures of groups as Markdown, and the groups of which nothing works as a sentence."""
    rows, nothing = [], []
    for group, members in itertools.groupby(sorted(outcomes), key=operator.itemgetter(0)):
        calls = list(members)
        works, fails = ([name for _, name, worked in calls if worked is wanted] for wanted in (True, False))
        if works:
            rows.append(f"| `{group}` | {', '.join(works)} | {', '.join(fails)} |")
        else:
            nothing.append(f"`{group}`")
    return "\n".join(
        [f"| {first} | works | does not |", "|---|---|---|", *rows, "", f"Nothing works of {_and(nothing)}."]
    )


def _and(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def test_the_calls_of_plane_sdks_readme() -> None:
    text = importlib.metadata.distribution("plane-sdk").read_text("METADATA") or ""
    found = table("resource", (outcome for name in sorted(set(CALL.findall(text))) for outcome in _of_sdk(name)))
    assert listed("plane-sdk") == found, found


def _of_sdk(name: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the resource, the method, and True if the fake server answers what the method sends to a test's sandbox."""
    session = recorder.Session()
    *resource, last = name.split(".")
    with (
        recorder.recording(session),
        contextlib.suppress(AttributeError),
    ):  # the README names methods that are not there
        method = operator.attrgetter(name)(recorder.client())
        with contextlib.suppress(Exception):
            method(**{key: route_drift._sample(key, kind) for key, kind in route_drift._required(method)})
        yield (
            "v2" if resource[0] == "v2" else ".".join(resource),
            last,
            bool(session.sent) and all(map(_is_served, session.sent)),
        )


def _is_served(sent: recorder.Sent) -> bool:
    path = sent.url.removeprefix(recorder.BASE).partition("?")[0]
    write = classify(sent.method, sent.url, hosts={"plane.example.com"})
    refused = write is not None and (write.project_id is None or write.op in PROTECTED_OPS or bool(write.unprovable))
    return answers(sent.method, path) and not refused


@pytest.mark.exhaustive
def test_the_actions_of_plane_mcp_server(fake_plane: FakePlane, plane_blocked_writes: list[PlaneWriteBlocked]) -> None:
    from tools import mcp_actions

    outcomes = [
        (tool.name, action.name, _action_works(fake_plane, tool, action))
        for tool in mcp_actions.tools()
        for action in tool.module.ACTIONS
    ]
    assert len(outcomes) == 207
    found = table("tool", outcomes)
    assert listed("plane-mcp-server") == found, found


def _action_works(plane: FakePlane, tool: Any, action: Any) -> bool:
    from plane_mcp.tools import workitem_attachment

    named = {"action": action.name} if "action" in inspect.signature(tool.function).parameters else {}
    arguments = _arguments(tool, action)
    plane.reset()
    values = _values(plane)
    arguments |= {name: values[name] for name in arguments if name in values}
    arguments |= values.get(f"{tool.name} {action.name}", {})
    file = mock.Mock(content=b"one", headers={"content-type": "text/plain"})
    try:
        with mock.patch.object(workitem_attachment, "fetch_validated_get", return_value=file):
            tool.function(**named, **arguments)
    except Exception:  # noqa: BLE001 - whatever the action makes of a 404 or of a refusal
        return False
    return True


def _arguments(tool: Any, action: Any) -> dict[str, Any]:
    from tools import mcp_table

    if action.read:
        return {name: tool.samples(name)[0] for name in next(mcp_table._bases(action))}
    return dict(next(mcp_table._calls(tool, action)).arguments)


def _values(plane: FakePlane) -> dict[str, Any]:
    """Return the values of arguments that name something on the server, and what some actions need besides."""
    sandbox = plane.sandbox
    item, second, third = (sandbox.items[f"SBX-{number}"] for number in (1, 2, 3))
    user = plane.rows("users")[0]["id"]
    seeded = plane.seed(
        work_items=[{"name": "Finished", "state": "Done"}],
        pages=[{"name": "Old", "archived_at": "2026-01-05"}],
        attachments=[{"issue": "SBX-1", "asset": "one.txt", "attributes": {"type": "text/plain"}, "is_uploaded": True}],
        relations=[{"issue": "SBX-2", "related_issue": "SBX-3", "relation_type": "blocking"}],
    )
    archivable, archived, text = (seeded[table][0]["id"] for table in ("work_items", "pages", "attachments"))
    plane.send("PATCH", f"projects/{sandbox}/work-items/{item}/", {"priority": "low"})
    plane.send("POST", f"projects/{sandbox}/work-items/{third}/worklogs/", {"duration": 5})
    tables = {"cycle_id": "cycles", "module_id": "modules", "label_id": "labels", "comment_id": "comments"}
    tables |= {"link_id": "links", "attachment_id": "attachments", "estimate_id": "estimates"}
    first = {name: next(iter(sandbox.ids(rows).values())) for name, rows in tables.items()}
    return first | {
        "activity_id": plane.activities[-1]["id"],
        "add_ids": [third],
        "add_label_id": first["label_id"],
        "add_user_id": user,
        "estimate_point_id": sandbox.ids("estimate_points")["point 1"],
        "link_ids": [third],
        "new_cycle_id": sandbox.ids("cycles")["Cycle 2"],
        "owned_by": user,
        "page_id": sandbox.ids("pages")["SBX page"],
        "project_id": sandbox.id,
        "related_workitem_id": second,
        "state_id": sandbox.states["Cancelled"],
        "user_id": user,
        "work_log_id": plane.rows("worklogs")[0]["id"],
        "workitem_id": item,
        "workitem_identifier": "SBX-1",
        "workitem_ids": [second],
        "page delete": {"page_id": archived},
        "workitem archive": {"workitem_id": archivable},
        "workitem_attachment read": {"attachment_id": text},
        "workitem_relation delete": {"workitem_id": second, "related_workitem_id": third, "is_dependency": True},
    }

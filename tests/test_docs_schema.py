"""The event schema holds against the code, and against the evidence of a real run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import sanitize
from tests import docs_blocks

if TYPE_CHECKING:
    from tests.harness import Child

SCHEMA = docs_blocks.ROOT / "docs" / "event-schema.md"
KINDS = {
    names.Kind.HEX: "string, 32 hex digits",
    names.Kind.NUMBER: "int",
    names.Kind.FLAG: "bool",
    names.Kind.UUID: "string, uuid",
    names.Kind.TEXTS: "list of strings",
}


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("Decision", names.EVENT_KINDS),
        ("Session", names.SESSION_KINDS),
        ("Resource", names.RESOURCE_KINDS),
    ],
)
def test_the_schema_is_the_codes(heading: str, kinds: dict[str, str]) -> None:
    table = docs_blocks.rows(SCHEMA, heading)
    assert set(table) == set(kinds)
    assert {name: cells[0] for name, cells in table.items()} == {
        name: KINDS.get(kind, "string") for name, kind in kinds.items()
    }


@pytest.mark.parametrize("heading", ["Decision", "Session", "Resource"])
def test_every_example_of_the_schema_may_be_emitted(heading: str) -> None:
    for name, (kind, _, example) in docs_blocks.rows(SCHEMA, heading).items():
        shown = example.strip("` |").rstrip("…")
        value = shown if kind.startswith("string") else yaml.safe_load(shown)
        assert sanitize.sanitize({name: value}) == {name: value}


def test_the_schema_names_every_prefix_that_a_user_may_add() -> None:
    text = docs_blocks.prose(SCHEMA)
    assert [prefix for prefix in names.EMITTED_UNDER if f"`{prefix}`" not in text] == []


def attributes_of(child: Child) -> dict[str, list[set[str]]]:
    """The names in each event, session span and resource of the evidence."""
    found: dict[str, list[set[str]]] = {"Decision": [], "Session": [], "Resource": []}
    for file in (child.folder / ".plane-guard").glob("decisions-*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line)["resourceSpans"]:
                found["Resource"].append({pair["key"] for pair in resource["resource"]["attributes"]})
                for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                    own = {pair["key"] for pair in span["attributes"]}
                    if span["name"] == names.SESSION:
                        found["Session"].append(own)
                    else:
                        assert own == {names.OUTCOME, names.TARGET}
                        found["Decision"] += [{pair["key"] for pair in event["attributes"]} for event in span["events"]]
    return found


RUN = """
    import os, httpx, pytest
    from plane_guard_instrumentation import work_item
    def create(project):
        url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/work-items/'
        headers = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
        with work_item("ORCH-114"):
            httpx.post(url, json={"name": "x"}, headers=headers, trust_env=False).raise_for_status()
    def test_sandbox(plane_sandbox_writes):
        create(os.environ["PLANE_SANDBOX"])
    def test_expected(plane_blocked_writes):
        with pytest.raises(RuntimeError):
            create(os.environ["PLANE_PROJECT"])
"""


def test_a_real_run_emits_what_the_schema_says_and_nothing_else(child: Child) -> None:
    child.write("test_it.py", RUN)
    result = child.pytest()
    assert "2 passed" in result.stdout, result.stdout
    found = attributes_of(child)
    assert {names.EXPECTED, names.WORK_ITEM_KEY, names.TEST} <= set().union(*found["Decision"])
    for heading, emitted in found.items():
        table = docs_blocks.rows(SCHEMA, heading)
        always = {name for name, cells in table.items() if cells[1].startswith("always")}
        assert emitted, heading
        for one in emitted:
            assert always <= one <= set(table), heading

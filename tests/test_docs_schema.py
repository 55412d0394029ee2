"""The registry of semantic conventions agrees with the docs, the code and the evidence of a real run."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import opentelemetry.semconv
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from plane_guard import DEFAULT_SANDBOX_PROJECT
from plane_guard.vocabulary import Op, Outcome, Reason, Target
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import sanitize
from tests import docs_blocks, otlp, semconv

if TYPE_CHECKING:
    from enum import StrEnum

    from tests.harness import Child

SCHEMA = semconv.PAGE
GROUPS = semconv.groups()
KINDS = {
    "Decision": names.EVENT_KINDS,
    "Session": names.SESSION_KINDS,
    "Verification": names.VERIFICATION_KINDS,
    "Resource": names.RESOURCE_KINDS,
}
TYPES = {names.Kind.NUMBER: "int", names.Kind.FLAG: "boolean"} | dict.fromkeys(
    (names.Kind.TEXTS, names.Kind.DIGESTS), "string[]"
)
VOCABULARIES = {names.OUTCOME: Outcome, names.REASON: Reason, names.TARGET: Target, names.OP: Op}


def test_the_tables_are_made_from_the_registry() -> None:
    page = SCHEMA.read_text(encoding="utf-8")
    assert page == semconv.rendered(page), "run: python -m tests.semconv"
    for heading, group in GROUPS.items():
        assert set(docs_blocks.rows(SCHEMA, heading)) == set(group)


@pytest.mark.parametrize("heading", GROUPS)
def test_the_registry_is_the_codes(heading: str) -> None:
    assert {name: attribute.type for name, attribute in GROUPS[heading].items()} == {
        name: TYPES.get(kind, "string") for name, kind in KINDS[heading].items()
    }


def test_every_attribute_is_defined_here_or_by_opentelemetry() -> None:
    [package] = map(Path, opentelemetry.semconv.__path__)
    modules = [file.relative_to(package.parents[1]).with_suffix("") for file in package.rglob("attributes/*.py")]
    theirs = {
        value
        for module in modules
        for value in vars(importlib.import_module(".".join(module.parts))).values()
        if isinstance(value, str)
    }
    assert semconv.references() - theirs == semconv.definitions()


@pytest.mark.parametrize(("name", "vocabulary"), VOCABULARIES.items())
def test_the_values_of_an_enumeration_are_the_codes(name: str, vocabulary: type[StrEnum]) -> None:
    assert GROUPS["Decision"][name].values == tuple(vocabulary)


@pytest.mark.parametrize("heading", GROUPS)
def test_every_example_of_the_registry_may_be_emitted(heading: str) -> None:
    for name, attribute in GROUPS[heading].items():
        assert attribute.fits(attribute.example), name
        assert sanitize.sanitize({name: attribute.example}) == {name: attribute.example}


def test_the_schema_names_every_prefix_that_a_user_may_add() -> None:
    text = docs_blocks.prose(SCHEMA)
    assert [prefix for prefix in names.EMITTED_UNDER if f"`{prefix}`" not in text] == []


def attributes_of(child: Child) -> dict[str, list[dict[str, object]]]:
    """The attributes of each event, session span and resource of the evidence."""
    found: dict[str, list[dict[str, object]]] = {"Decision": [], "Session": [], "Resource": []}
    for file in (child.folder / ".plane-guard").glob("decisions-*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            request = trace_service_pb2.ExportTraceServiceRequest()
            json_format.Parse(_with_plain_ids(line), request)
            for resource in request.resource_spans:
                assert resource.schema_url == names.SCHEMA_URL
                found["Resource"].append(otlp.attributes(resource.resource))
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    if span.name == names.SESSION:
                        found["Session"].append(otlp.attributes(span))
                    else:
                        assert set(otlp.attributes(span)) == {names.OUTCOME, names.TARGET}
                        found["Decision"] += [otlp.attributes(event) for event in span.events]
    return found


def _with_plain_ids(line: str) -> str:
    # OTLP JSON writes ids as hexadecimal digits, which the JSON of protobuf reads as base64. Ids do not matter here.
    return re.sub(r'"(?:trace|span|parentSpan)Id":"[0-9a-f]+",', "", line)


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
    child.write("pyproject.toml", f'[tool.plane_guard.project_names]\n"{DEFAULT_SANDBOX_PROJECT}" = "ORCH (sandbox)"\n')
    result = child.pytest()
    assert "2 passed" in result.stdout, result.stdout
    found = attributes_of(child)
    assert {names.EXPECTED, names.WORK_ITEM_KEY, names.TEST, names.PROJECT_NAME} <= set().union(*found["Decision"])
    for heading, emitted in found.items():
        required = {name for name, attribute in GROUPS[heading].items() if attribute.is_required}
        assert emitted, heading
        for one in emitted:
            assert required <= set(one) <= set(GROUPS[heading]), heading
            assert [name for name, value in one.items() if not GROUPS[heading][name].fits(value)] == []

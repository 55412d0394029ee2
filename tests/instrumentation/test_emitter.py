"""Who emits is encoded once, and each line of evidence is what the exporter alone would have written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.harness import Child

WRITING = """
import io, json, os, sys
from opentelemetry.exporter.otlp.json.file import _internal
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from plane_guard_instrumentation.evidence import spans as _evidence
from plane_guard_instrumentation.evidence import evidence_file as _file
from plane_guard_instrumentation.export import live as _live_export
offered = []
_live_export.offer = offered.append
def write(**more):
    attributes = {"plane_guard.decision.outcome": "block", "url.template": '"resource":{}', **more}
    return _evidence.write(attributes, blocked=True)
def last():
    return open(_file.path()).read().splitlines()[-1]
def alone():
    stream = io.StringIO()
    FileSpanExporter(stream=stream).export([offered[-1]])
    return stream.getvalue().rstrip("\\n")
"""


def test_a_line_is_what_the_exporter_alone_would_have_written(child: Child) -> None:
    code = f"""{WRITING}
for number in range(3):
    assert write(**{{"plane_guard.decision.seq": number}}) == ""
    assert last() == alone()
print(last())
"""
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1", OTEL_SERVICE_NAME='say "resource":{}')
    line = json.loads(result.stdout or result.stderr)
    resource = {pair["key"]: pair["value"] for pair in line["resourceSpans"][0]["resource"]["attributes"]}
    assert resource["service.name"] == {"stringValue": 'say "resource":{}'}


def test_a_forked_child_is_named_in_its_own_lines(child: Child) -> None:
    code = f"""{WRITING}
write()
if os.fork() == 0:
    write()
    print(f'"process.pid","value":{{{{"intValue":"{{os.getpid()}}"}}}}' in last(), last() == alone(), flush=True)
    os._exit(0)
os.wait()
"""
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")
    assert result.stdout.split() == ["True", "True"], result.stderr


@pytest.mark.parametrize("written", ["json.dumps(entry, indent=None)", "json.dumps(entry, sort_keys=True)[::-1]"])
def test_where_the_exporter_writes_in_another_way_the_line_is_still_whole(child: Child, written: str) -> None:
    code = f"""{WRITING}
_internal._format_line = lambda entry: {written} + "\\n"
assert write() == ""
assert last() == alone()
print("whole")
"""
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")
    assert result.stdout.split() == ["whole"], result.stderr


def test_where_the_exporter_changes_its_ways_a_line_that_would_name_nobody_is_not_written(child: Child) -> None:
    code = f"""{WRITING}
assert write() == ""
before = last()
_internal._format_line = lambda entry: json.dumps(entry) + "\\n"
print(write(), last() == before, sep="|")
"""
    result = child.python(code, PLANE_GUARD_TEST_PROCESS="1")
    assert result.stdout.strip() == "the span could not be encoded|True", result.stderr

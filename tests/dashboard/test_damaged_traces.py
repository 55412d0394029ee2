"""Damage in a file is counted, named and survived; whatever is whole beside it is read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.evidence import sources, traces
from tests.dashboard import evidence
from tests.dashboard.evidence import decision, session, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_dashboard.evidence.traces import Traces

pytestmark = pytest.mark.usefixtures("parser")

LATER = 4_000_000_000.0
NULS = b"\0" * 4096

with tempfile.TemporaryDirectory() as folder:
    GOOD = write(Path(folder) / "good.jsonl", decision({"plane_guard.decision.id": "good"})).read_bytes()


def read(tmp_path: Path, content: bytes, *, now: float | None = None) -> Traces:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(content)
    return traces.read(path, now=now)


@pytest.mark.parametrize(
    "damage",
    [
        b"not json\n",
        b"42\n",
        b'"text"\n',
        b"[]\n",
        b"null\n",
        NULS + b"\n",
        b'{"resourceSpans":[{"reso\n',
        b'{"resourceSpans":"\xff\xfe"}\n',
        b'{"resourceSpans":5}\n',
        b'{"resourceSpans":[5]}\n',
        b'{"resourceSpans":[{"resource":5,"scopeSpans":[]}]}\n',
        b'{"resourceSpans":[{"scopeSpans":{"spans":[]}}]}\n',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[null]}]}]}\n',
        b"[" * 100_000 + b"\n",
        b'{"a":' * 100_000 + b"\n",
        b"9" * 10_000 + b"\n",
    ],
)
def test_a_damaged_line_is_counted_with_its_place_and_its_neighbours_are_read(tmp_path: Path, damage: bytes) -> None:
    found = read(tmp_path, GOOD + damage + GOOD)
    assert (len(found.decisions), found.accounting.duplicates) == (1, 1)
    assert (found.accounting.lines, found.accounting.unreadable_lines) == (3, 1)
    (bad,) = found.accounting.samples
    assert (bad.file, bad.offset) == ("decisions.jsonl", len(GOOD))
    assert bad.reason


@pytest.mark.parametrize(
    "other", [b"\n", b"\r\n", b"  \n", b"{}\n", b'{"resourceLogs":[]}\n', b'{"resourceMetrics":[]}\n']
)
def test_a_line_that_is_blank_or_of_another_signal_is_no_damage(tmp_path: Path, other: bytes) -> None:
    found = read(tmp_path, other + GOOD + other)
    assert len(found.decisions) == 1
    assert found.accounting.unreadable_lines == 0


@pytest.mark.parametrize("before", [NULS, b'{"resourceSpans":[{"resource', b'{"resourceSpans":[{"a":"b\\"'])
def test_a_whole_document_glued_to_torn_bytes_is_still_read(tmp_path: Path, before: bytes) -> None:
    found = read(tmp_path, before + GOOD)
    assert [row.decision_id for row in found.decisions] == ["good"]
    assert found.accounting.unreadable_lines == 1


def test_a_torn_last_line_is_pending_while_the_file_may_still_grow(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + GOOD[:-40])
    assert (found.accounting.pending_lines, found.accounting.unreadable_lines) == (1, 0)


def test_a_torn_last_line_is_damage_once_nobody_writes_any_more(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + GOOD[:-40], now=LATER)
    assert (found.accounting.pending_lines, found.accounting.unreadable_lines) == (0, 1)


def test_a_last_line_that_lacks_only_its_newline_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD.rstrip(b"\n"))
    assert len(found.decisions) == 1
    assert (found.accounting.pending_lines, found.accounting.unreadable_lines) == (0, 0)


def test_a_last_line_without_a_newline_that_is_damaged_inside_is_not_pending(tmp_path: Path) -> None:
    document = json.loads(GOOD)
    _set("server.port", {"boolValue": True})(document)
    found = read(tmp_path, json.dumps(document).encode())
    assert (len(found.decisions), found.accounting.pending_lines, found.accounting.unreadable_lines) == (1, 0, 1)


def test_no_more_than_a_hundred_samples_are_kept_of_any_number_of_bad_lines(tmp_path: Path) -> None:
    found = read(tmp_path, b"bad\n" * 250 + GOOD)
    assert (found.accounting.unreadable_lines, len(found.accounting.samples)) == (250, 100)


def test_a_line_beyond_all_measure_is_skipped_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 1000 + b"\n" + b"y" * 10 + b"\n" + b"z" * 100)
    with path.open("rb") as file:
        found = [(line.offset, line.data) for line in sources.lines(file, longest=64)]
    assert found == [(0, b"x"), (1001, b"y" * 10 + b"\n"), (1012, b"z")]


def _event(document: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["events"][0]
    return event


def _set(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        next(item for item in _event(document)["attributes"] if item["key"] == name)["value"] = value

    return change


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        (_set("server.port", {"intValue": 8443}), "server_port", 8443),
        (_set("server.port", {"intValue": "8443"}), "server_port", 8443),
        (_set("server.port", {"stringValue": "8443"}), "server_port", 8443),
    ],
)
def test_ints_may_be_texts(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], column: str, value: object
) -> None:
    document = json.loads(GOOD)
    change(document)
    found = read(tmp_path, json.dumps(document).encode())
    assert getattr(found.decisions[0], column) == value
    assert found.accounting.unreadable_lines == 0


@pytest.mark.parametrize(
    "value",
    [
        {"stringValue": "many"},
        {"boolValue": True},
        {"intValue": "9" * 19},
        {"intValue": []},
        5,
        {"a": 1, "b": 2},
    ],
)
def test_a_wrong_type_is_counted_and_never_loses_the_block(tmp_path: Path, value: object) -> None:
    document = json.loads(GOOD)
    _set("server.port", value)(document)
    found = read(tmp_path, json.dumps(document).encode() + b"\n")
    assert [(row.prod_attempt, row.server_port) for row in found.decisions] == [(True, None)]
    assert found.accounting.unreadable_lines == 1


@pytest.mark.parametrize("outcome", ["maybe", "", "ALLOW"])
def test_a_decision_without_a_known_outcome_is_damage(tmp_path: Path, outcome: str) -> None:
    odd = write(tmp_path / "odd.tmp", decision({"plane_guard.decision.outcome": outcome})).read_bytes()
    found = read(tmp_path, odd + GOOD)
    assert (len(found.decisions), found.accounting.unreadable_lines) == (1, 1)


def test_one_damaged_span_of_a_batch_costs_only_what_its_event_said(tmp_path: Path) -> None:
    path = evidence.batch(tmp_path / "a.tmp", decision(), session(), decision())
    document = json.loads(path.read_text())
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["events"] = "gone"
    found = read(tmp_path, json.dumps(document).encode() + b"\n")
    assert (len(found.decisions), len(found.sessions), found.accounting.unreadable_lines) == (2, 1, 1)


@pytest.mark.parametrize("time", ["soon", -1, 0, "9" * 30, None, True])
def test_an_event_without_a_time_takes_that_of_its_span(tmp_path: Path, time: object) -> None:
    document = json.loads(GOOD)
    _event(document)["timeUnixNano"] = time
    found = read(tmp_path, json.dumps(document).encode())
    assert found.decisions[0].time_ns == evidence.START


def test_ids_that_are_none_are_left_out(tmp_path: Path) -> None:
    document = json.loads(GOOD)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= {
        "traceId": 5,
        "spanId": "<script>",
        "parentSpanId": "AB",
    }
    found = read(tmp_path, json.dumps(document).encode())
    assert [(row.trace_id, row.span_id, row.parent_span_id) for row in found.decisions] == [("", "", "ab")]
    assert found.accounting.unreadable_lines == 1


def test_a_decision_without_any_time_is_kept(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD.replace(str(evidence.START).encode(), b"never"))
    assert [(row.time_ns, row.prod_attempt) for row in found.decisions] == [(0, True)]
    assert found.accounting.unreadable_lines == 1


def test_empty_values_are_absent_and_values_of_any_kind_no_damage(tmp_path: Path) -> None:
    document = json.loads(GOOD)
    kinds = [{"kvlistValue": {}}, {"bytesValue": "AA=="}, {"doubleValue": 1.5}, {"arrayValue": {}}, {}, None]
    _event(document)["attributes"] += [{"key": f"other.{number}", "value": kind} for number, kind in enumerate(kinds)]
    _set("server.port", {})(document)
    found = read(tmp_path, json.dumps(document).encode())
    assert (found.decisions[0].server_port, found.accounting.unreadable_lines) == (None, 0)


@pytest.mark.parametrize("value", [{"arrayValue": 5}, {"arrayValue": {"values": 5}}])
def test_an_array_that_is_none_is_damage(tmp_path: Path, value: object) -> None:
    document = json.loads(GOOD)
    _set("url.template", value)(document)
    found = read(tmp_path, json.dumps(document).encode() + b"\n")
    assert (len(found.decisions), found.accounting.unreadable_lines) == (1, 1)

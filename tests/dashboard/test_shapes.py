"""One history in the shapes in which other tools and people leave trace files, read alike by report and store."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.evidence import packing, traces
from plane_guard_dashboard.evidence.traces import NoTracesError, SourceState
from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import decision, resource, sandbox_write, session, write
from tests.dashboard.store.conftest import everything, folder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Documents = list[dict[str, Any]]
    Shape = Callable[[Path, Documents], None]

__all__ = ["folder"]

UNRESOLVED = {"plane_guard.target": "unresolved"}
FOREIGN = UNRESOLVED | {"plane_guard.decision.reason": "foreign-reference"}
EXPECTED = {"plane_guard.decision.expected": True}
HISTORY = (
    session(),
    *(decision() for _ in range(3)),
    decision(EXPECTED),
    decision(UNRESOLVED),
    decision(FOREIGN),
    sandbox_write(),
)
COUNTS = {"decisions": 7, "blocked": 5, "prod_attempts": 3, "possible_prod_attempts": 1, "processes": 1}


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    lines = write(tmp_path / "history.tmp", *HISTORY).read_text().splitlines()
    return [json.loads(line) for line in lines]


def lines(documents: Documents) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in documents).encode()


def one(documents: Documents) -> dict[str, Any]:
    return {"resourceSpans": [group for document in documents for group in document["resourceSpans"]]}


def spans(documents: Documents) -> Iterator[dict[str, Any]]:
    for document in documents:
        for group in document["resourceSpans"]:
            for scope in group["scopeSpans"]:
                yield from scope["spans"]


def put(name: str, pack: Callable[[bytes], bytes] = bytes) -> Shape:
    return lambda folder, documents: put_bytes(folder / name, pack(lines(documents)))


def put_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def content(make: Callable[[Documents], bytes], name: str = "traces.jsonl") -> Shape:
    return lambda folder, documents: put_bytes(folder / name, make(documents))


def snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {re.sub("([A-Z])", lambda found: "_" + found[1].lower(), key): snake(one) for key, one in value.items()}
    return [snake(one) for one in value] if isinstance(value, list) else value


def with_odd_values(documents: Documents) -> bytes:
    nested = {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}}
    values = [
        {"doubleValue": "NaN"},
        {"doubleValue": "-Infinity"},
        {"doubleValue": 1},
        {"bytesValue": "AAE="},
        {"arrayValue": {"values": [{"stringValue": "a"}, nested, {"bytesValue": ""}]}},
        nested,
        {},
    ]
    for span in spans(documents):
        for holder in (span, *span.get("events", ())):
            holder.setdefault("attributes", []).extend(
                {"key": f"odd.{number}", "value": value} for number, value in enumerate(values)
            )
    return lines(documents)


def with_ids_in_base64(documents: Documents) -> bytes:
    for span in spans(documents):
        for key in ("traceId", "spanId"):
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return lines(documents)


def with_ids_in_upper_case(documents: Documents) -> bytes:
    for span in spans(documents):
        span.update(traceId=span["traceId"].upper(), spanId=span["spanId"].upper())
    return lines(documents)


def with_names_and_numbers(documents: Documents) -> bytes:
    """Enums by name, and 64-bit numbers as JSON numbers, as other libraries write them."""
    for span in spans(documents):
        span.update(kind="SPAN_KIND_INTERNAL", status={"code": "STATUS_CODE_ERROR"})
        span["startTimeUnixNano"] = int(span["startTimeUnixNano"])
        for event in span.get("events", ()):
            event["timeUnixNano"] = int(event["timeUnixNano"])
    text = lines(documents).decode()
    return re.sub(r'"intValue": "(\d+)"', r'"intValue": \1', text).encode()


# The span of the specification's example file.
SPECIFIED = {
    "traceId": "5B8EFFF798038103D269B633813FC60C",
    "spanId": "EEE19B7EC3C1B174",
    "parentSpanId": "EEE19B7EC3C1B173",
    "name": "I'm a server span",
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": "1544712661000000000",
    "kind": 2,
    "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}],
}


def among_spans_of_others(documents: Documents) -> bytes:
    for document in documents:
        for group in document["resourceSpans"]:
            library = {"name": "my.library", "version": "1.0.0", "attributes": []}
            group["scopeSpans"].insert(0, {"scope": library, "spans": [SPECIFIED]})
            group["scopeSpans"][-1]["spans"] += [SPECIFIED]
    return lines(documents)


def with_events_as_logs(documents: Documents) -> bytes:
    for document in documents:
        for group in document["resourceSpans"]:
            for scope in group["scopeSpans"]:
                moved = [
                    {
                        "timeUnixNano": event["timeUnixNano"],
                        "eventName": event["name"],
                        "attributes": event["attributes"],
                    }
                    for span in scope["spans"]
                    for event in span.get("events", ())
                ]
                if moved:
                    logs = [{"resource": group["resource"], "scopeLogs": [{"logRecords": moved}]}]
                    document["resourceLogs"] = document.get("resourceLogs", []) + logs
                    scope["spans"] = []
    return lines(documents)


def with_logs_as_well(documents: Documents) -> bytes:
    """Span event and log record of the same decisions."""
    return lines(documents) + with_events_as_logs(documents)


def in_libraries(documents: Documents) -> bytes:
    for document in documents:
        for group in document["resourceSpans"]:
            group["instrumentationLibrarySpans"] = [{"spans": scope["spans"]} for scope in group.pop("scopeSpans")]
    return lines(documents)


def linked(folder: Path, documents: Documents) -> None:
    put_bytes(folder / "a" / "traces.jsonl", lines(documents))
    (folder / "a" / "up").symlink_to(folder)
    (folder / "again.jsonl").symlink_to(folder / "a" / "traces.jsonl")
    (folder / "self").symlink_to(folder / "self")


SHAPES: dict[str, Shape] = {
    "lines": put("traces.jsonl"),
    "json": put("traces.json"),
    "ndjson": put("out.ndjson"),
    "log": put("app.log"),
    "export": put("collector-export.json"),
    "rotated by the collector": put("traces-2026-11-27T19-00-00.000.json"),
    "rotated by logrotate": put("traces.jsonl.1"),
    "rotated and compressed": put("traces.json.2.gz", gzip.compress),
    "rotated by date": put("traces.log-20261127"),
    "gzip": put("traces.jsonl.gz", gzip.compress),
    "gzip under a plain name": put("traces.jsonl", gzip.compress),
    "two gzip members": put("traces.json.gz", lambda data: gzip.compress(data[:900]) + gzip.compress(data[900:])),
    "zstd": put("traces.jsonl.zst", zstd.compress),
    "zstd under a plain name": put("traces.json", zstd.compress),
    "deep": put("home/runner/work/acme/acme/.plane-guard/decisions-box-1-0.jsonl"),
    "linked": linked,
    "byte order mark": put("traces.jsonl", lambda data: b"\xef\xbb\xbf" + data),
    "byte order marks between": put("traces.jsonl", lambda data: data.replace(b"\n", b"\n\xef\xbb\xbf", 3)),
    "utf-16": put("traces.json", lambda data: data.decode().encode("utf-16")),
    "utf-16 big endian": put("traces.json", lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be")),
    "crlf": put("traces.jsonl", lambda data: data.replace(b"\n", b"\r\n")),
    "blank lines": put("traces.jsonl", lambda data: data.replace(b"\n", b"\n\n \n")),
    "no last newline": put("traces.jsonl", lambda data: data.rstrip(b"\n")),
    "one line": content(lambda found: json.dumps(one(found)).encode()),
    "pretty": content(lambda found: "\n".join(json.dumps(document, indent=2) for document in found).encode()),
    "pretty, glued": content(lambda found: "".join(json.dumps(document, indent=1) for document in found).encode()),
    "one pretty": content(lambda found: json.dumps(one(found), indent=4).encode()),
    "array": content(lambda found: json.dumps(found).encode(), "traces.json"),
    "pretty array": content(lambda found: json.dumps(found, indent=2).encode(), "traces.json"),
    "array by line": content(
        lambda found: b"[\n" + b",\n".join(lines([document]).strip() for document in found) + b"\n]\n"
    ),
    "glued": content(lambda found: lines(found).replace(b"\n", b"")),
    "glued with spaces": content(lambda found: lines(found).replace(b"\n", b"  ")),
    "lines, then pretty": content(lambda found: lines(found[:4]) + json.dumps(one(found[4:]), indent=2).encode()),
    "snake case": content(lambda found: lines(snake(found))),
    "library spans": content(in_libraries),
    "tempo": content(lambda found: json.dumps({"batches": one(found)["resourceSpans"]}, indent=1).encode(), "t.json"),
    "jaeger": content(lambda found: json.dumps({"result": one(found)}).encode(), "trace.json"),
    "odd values": content(with_odd_values),
    "base64 ids": content(with_ids_in_base64),
    "upper-case ids": content(with_ids_in_upper_case),
    "names and numbers": content(with_names_and_numbers),
    "among spans of others": content(among_spans_of_others),
    "odd names": put("a [b]*? 'c' %s {x}\n/traces.jsonl"),
    "log records": content(with_events_as_logs),
    "events and log records": content(with_logs_as_well),
    "other signals": content(
        lambda found: lines(found) + b'{"resourceMetrics":[]}\n{"resourceLogs":[{"scopeLogs":[]}]}\n'
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_history_counts_the_same_in_every_shape(shape: str, documents: Documents, folder: Path) -> None:
    SHAPES[shape](folder, documents)
    found = traces.read(folder, now=4e9)
    assert {
        "decisions": len(found.decisions),
        "blocked": sum(row.blocked for row in found.decisions),
        "prod_attempts": sum(row.prod_attempt for row in found.decisions),
        "possible_prod_attempts": sum(row.possible_prod_attempt for row in found.decisions),
        "processes": len(found.sessions),
    } == COUNTS
    assert (found.accounting.unreadable_lines, found.accounting.unreadable_files) == (0, 0)

    store = Local(str(folder))
    store.refresh()
    [scope], [processes] = store.query("scope", everything()), store.query("processes", everything())
    assert {name: (scope | processes)[name] for name in COUNTS} == COUNTS
    health = store.health()
    assert (health.lines, health.unreadable_lines) == (found.accounting.lines, 0)
    assert store.raw(found.decisions[0].decision_id)
    before = store.refresh()
    assert store.refresh() == before


def test_without_the_package_a_zstd_file_is_named_with_its_remedy(
    documents: Documents, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SHAPES["zstd"](folder, documents)
    package = zstd.__name__.partition(".")[0]
    monkeypatch.setitem(sys.modules, f"{package}.zstd", None)
    monkeypatch.delattr(f"{package}.zstd", raising=False)
    with pytest.raises(NoTracesError, match=r'pip install "plane-guard\[zstd\]"') as refusal:
        traces.read(folder)
    assert refusal.value.state is SourceState.DENIED


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_compressed_data_that_ends_too_early_is_pending_and_then_damage(
    documents: Documents, folder: Path, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(lines(documents * 50))
    put_bytes(folder / "traces.jsonl.gz", packed[: len(packed) - 40])
    recent, late = (traces.read(folder, now=now).accounting for now in (time.time(), 4e9))
    assert (recent.pending_lines, recent.unreadable_lines) == (1, 0)
    assert (late.pending_lines, late.unreadable_lines) == (0, 1)


def test_a_file_that_is_still_being_printed_is_pending_and_then_damage(documents: Documents, folder: Path) -> None:
    text = json.dumps(one(documents), indent=2)
    put_bytes(folder / "a.jsonl", lines(documents))
    put_bytes(folder / "b.json", text[: text.rindex("\n", 0, -300) + 1].encode())
    recent, late = (traces.read(folder, now=now).accounting for now in (time.time(), 4e9))
    assert (recent.pending_lines, recent.unreadable_lines) == (1, 0)
    assert (late.pending_lines, late.unreadable_lines) == (0, 1)


def test_torn_lines_before_pretty_documents_cost_only_themselves(documents: Documents, folder: Path) -> None:
    torn = b'{"resourceSpans":[{"resource":\n'
    put_bytes(folder / "a.jsonl", torn + lines(documents) + torn + json.dumps(documents, indent=2).encode())
    found = traces.read(folder)
    assert (len(found.decisions), found.accounting.unreadable_lines) == (7, 2)


def test_ten_thousand_files_in_two_hundred_folders_are_read_in_ten_seconds(folder: Path) -> None:
    line = write(folder / "line.tmp", session(of=resource("run-0"))).read_bytes()
    for number in range(10_000):
        place = folder / f"job-{number % 200}" / f"decisions-box-{number}-0.jsonl"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(line.replace(b"run-0", b"run-%d" % number))
    started = time.process_time()
    found = traces.read(folder)
    assert time.process_time() - started < 10
    assert (found.accounting.files, len(found.sessions)) == (10_000, 10_000)


def test_more_files_than_the_limit_are_said_to_be_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plane_guard_dashboard.evidence.files.MOST_FILES", 3)
    for number in range(5):
        write(folder / f"{number}.jsonl", decision())
    account = traces.read(folder).accounting
    assert (account.files, account.cut) == (3, "only 3 files are read")


def test_folders_that_are_too_deep_are_said_to_be_left_out(folder: Path) -> None:
    write(folder / "a.jsonl", decision())
    (folder / "/".join("x" * 17)).mkdir(parents=True)
    assert traces.read(folder).accounting.cut == "folders more than 16 deep are not read"


def test_only_a_mark_and_a_bracket_are_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xff\xfe\n{}\n")
    with packing.open_regular(path) as file:
        assert file.read() == b"\xff\xfe\n{}\n"


def test_sessions_without_ids_do_not_count_as_one(documents: Documents, folder: Path) -> None:
    for span in spans(documents):
        span["traceId"] = span["spanId"] = ""
    put_bytes(folder / "a.jsonl", lines(documents[:1]) * 3 + lines(documents))
    found = traces.read(folder)
    assert (len(found.sessions), len(found.decisions)) == (4, 7)
    store = Local(str(folder))
    store.refresh()
    assert store.query("processes", everything())[0]["processes"] == 4


def test_decisions_without_any_id_are_told_apart_by_what_they_say(documents: Documents, folder: Path) -> None:
    for span in spans(documents):
        span["traceId"] = span["spanId"] = ""
        for event in span.get("events", ()):
            event["attributes"] = [
                item | {"value": {"intValue": str(len(span["name"]) + number)}}
                if item["key"] == "code.line.number"
                else item
                for number, item in enumerate(event["attributes"])
                if item["key"] != "plane_guard.decision.id"
            ]
    for number, span in enumerate(spans(documents)):
        for event in span.get("events", ()):
            event["timeUnixNano"] = str(int(event["timeUnixNano"]) + number)
    put_bytes(folder / "a.jsonl", lines(documents) * 2)
    found = traces.read(folder)
    assert (len(found.decisions), found.accounting.duplicates) == (7, 7)


def test_a_later_session_record_of_a_process_replaces_the_earlier_one(folder: Path) -> None:
    first = write(folder / "a.jsonl", session()).read_text()
    document = json.loads(first)
    gaps = {"arrayValue": {"values": [{"stringValue": "reqwest: imported Rust client"}]}}
    next(spans([document]))["attributes"].append({"key": "plane_guard.session.uncovered", "value": gaps})
    with (folder / "a.jsonl").open("a") as file:
        file.write(json.dumps(document) + "\n")
    found = traces.read(folder)
    assert [row.uncovered for row in found.sessions] == [("reqwest: imported Rust client",)]
    store = Local(str(folder))
    store.refresh()
    [row] = store.query("run_processes", everything(this_run="run-1"))
    assert row["uncovered"] == "reqwest: imported Rust client"


def test_a_decision_span_that_lost_its_event_counts_by_its_attributes_and_is_flagged(
    documents: Documents, folder: Path
) -> None:
    for span in spans(documents):
        span["events"], span["droppedEventsCount"] = [], 1
    put_bytes(folder / "a.jsonl", lines(documents))
    found = traces.read(folder)
    # The expected block says nowhere else that it was expected, so it counts.
    assert sum(row.prod_attempt for row in found.decisions) == 4
    assert (len(found.decisions), found.accounting.unreadable_lines) == (7, 7)
    assert found.accounting.samples[0].reason == "a decision span without its event"


def test_a_decision_with_an_unknown_target_is_flagged(folder: Path) -> None:
    write(folder / "a.jsonl", decision({"plane_guard.target": "elsewhere"}))
    account = traces.read(folder).accounting
    assert account.samples[0].reason == "a decision with an unknown target"


def test_runs_are_ordered_by_what_is_newest_on_disk(folder: Path) -> None:
    ahead = time.time_ns() + 150_000_000 * 10**9
    import os

    os.utime(write(folder / "a.jsonl", session(at=ahead, of=resource("ahead"))), (1e9, 1e9))
    write(
        folder / "b.jsonl",
        session(of=resource("first")),
        session(at=ahead, of=resource("second")),
        session(of=resource("last")),
    )
    assert traces.read(folder).runs == ("last", "second", "first", "ahead")
    assert next(iter(traces.Reading(str(folder)).runs(newest=True))) == "last"

"""`plane-guard ship` against every answer that a collector, or what is not one, may give."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import shutil
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import files
from plane_guard_dashboard.shipping import answers, batches, checkpoint, http
from plane_guard_dashboard.shipping.command import ship as command
from tests.dashboard.evidence import decision, session, write
from tests.dashboard.receiver import Answer, Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOO_LATE = Answer(503, b"busy", (("Retry-After", "3600"),))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.01)
    folder = tmp_path / "evidence"
    folder.mkdir()
    write(folder / "decisions-box-1-1.jsonl", session(), *(decision() for _ in range(9)))
    return folder


def ship(folder: Path, receiver: Receiver, *options: str, **environ: str) -> Result:
    arguments = ["ship", "--traces", str(folder), "--endpoint", receiver.url, "--timeout", "5", *options]
    return CliRunner().invoke(main, arguments, env=environ)


def test_all_lines_go_in_one_request_as_otlp_json(folder: Path, receiver: Receiver) -> None:
    result = ship(folder, receiver)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    [request] = receiver.requests
    assert (request.path, request.headers["Content-Type"]) == ("/v1/traces", "application/json")
    lines = (folder / "decisions-box-1-1.jsonl").read_text().splitlines()
    sent = json.loads(request.body)
    assert sent == {"resourceSpans": [json.loads(line)["resourceSpans"][0] for line in lines]}


def test_an_address_of_clickhouse_is_refused_without_its_password(receiver: Receiver) -> None:
    result = CliRunner().invoke(
        main, ["ship", "--traces", "clickhouse://me:secret@host/db", "--endpoint", receiver.url]
    )
    assert (result.exit_code, receiver.requests) == (2, [])
    assert (
        "ship reads files only; clickhouse://host/db is not a file or folder. Name one with --traces." in result.stderr
    )


@pytest.mark.parametrize("status", [0, *sorted(http.TRY_AGAIN)])
def test_an_answer_that_means_later_is_tried_again(folder: Path, receiver: Receiver, status: int) -> None:
    receiver.answers = [Answer(status), Answer(status)]
    assert ship(folder, receiver).exit_code == 0
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("when", ["1", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "nonsense"])
def test_retry_after_is_honoured_in_every_form(folder: Path, receiver: Receiver, when: str) -> None:
    receiver.answers = [Answer(429, headers=(("Retry-After", when),))]
    assert ship(folder, receiver).exit_code == 0
    assert len(receiver.requests) == 2


def test_a_retry_after_beyond_the_timeout_ends_it_at_once(folder: Path, receiver: Receiver) -> None:
    receiver.answers = [TOO_LATE]
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert len(receiver.requests) == 1
    assert "/v1/traces answers only with 503 busy. Timed out after 5 s (--timeout)." in result.stderr
    assert ship(folder, receiver).exit_code == 0


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_what_is_no_collector_gets_one_request_and_nothing_is_marked(
    folder: Path, receiver: Receiver, status: int
) -> None:
    receiver.answers = [Answer(status, b"no", (("Location", receiver.url),))]
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert len(receiver.requests) == 1
    assert f"answered {status} no. Is it an OTLP/HTTP endpoint" in result.stderr
    assert "Not sent: 10 lines" in result.stderr
    assert ship(folder, receiver).stdout.endswith("10 now, 0 before.\n")


@pytest.mark.parametrize("status", sorted(http.CONTENT_REFUSED))
def test_a_refused_batch_is_halved_until_the_bad_line_is_alone(folder: Path, receiver: Receiver, status: int) -> None:
    write(folder / "decisions-box-1-1.jsonl", decision({"plane_guard.op": "BAD"}), decision())
    receiver.judge = lambda request: Answer(status, b"bad") if b"BAD" in request.body else Answer()
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert result.stdout.startswith("11 of 12 lines in 1 file accepted")
    assert f"byte {bad_offset(folder)}: {status} bad" in result.stderr

    receiver.judge = lambda _: Answer()
    again = ship(folder, receiver)
    assert again.exit_code == 0
    assert again.stdout.endswith(": 1 now, 11 before.\n")


def bad_offset(folder: Path) -> int:
    content = (folder / "decisions-box-1-1.jsonl").read_bytes()
    return content.rindex(b"\n", 0, content.index(b"BAD")) + 1


def test_what_refuses_everything_is_left_alone_after_a_while(folder: Path, receiver: Receiver) -> None:
    write(folder / "decisions-box-2-1.jsonl", *(decision() for _ in range(200)))
    receiver.judge = lambda _: Answer(400, b"no")
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert "100 lines in a row were refused" in result.stderr
    assert "and 90 more" in result.stderr
    assert "Not sent: 110 lines" in result.stderr
    assert result.stdout.startswith("0 of 210 lines")

    receiver.judge = lambda _: Answer()
    assert ship(folder, receiver).stdout.startswith("210 of 210 lines")


def test_spans_that_the_collector_drops_are_counted_and_never_repeated_unasked(
    folder: Path, receiver: Receiver
) -> None:
    receiver.answers = [Answer(body=b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}')]
    for _ in range(2):
        result = ship(folder, receiver)
        assert result.exit_code == 1
        assert "The collector dropped 3 spans of what it accepted: too old" in result.stderr
        assert len(receiver.requests) == 1
    assert ship(folder, receiver, "--again").exit_code == 0
    assert receiver.accepted == 20


JSON, PROTOBUF, HTML = "application/json", "application/x-protobuf", "text/html; charset=utf-8"
REJECTED_TWO = b"\x0a\x0a\x08\x02\x12\x06no way"  # partial_success { rejected_spans: 2, error_message: "no way" }


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b""),
        (JSON, b""),
        (JSON, b"{}"),
        (JSON, b" {}\n"),
        (JSON + "; charset=utf-8", b'{"partialSuccess":{}}'),
        (JSON, b'{"partialSuccess":null}'),
        (JSON, b'{"partial_success":{"rejected_spans":"0"}}'),
        ("", b'{"partialSuccess":{"errorMessage":"a warning"}}'),
        (PROTOBUF, b""),
        (PROTOBUF, b"\x0a\x00"),
        (PROTOBUF, b"\x0a\x04\x12\x02ok"),
        ("application/protobuf", b"\x2a\x01x"),
    ],
)
def test_an_answer_of_otlp_without_rejected_spans_means_accepted(
    folder: Path, receiver: Receiver, kind: str, body: bytes
) -> None:
    receiver.answers = [Answer(body=body, headers=(("Content-Type", kind),) if kind else ())]
    result = ship(folder, receiver)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (HTML, b"<!doctype html><title>Log in</title>"),
        (HTML, b""),
        ("", b"<html>"),
        ("text/plain", b"ok"),
        (JSON, b'{"error":"quota exceeded"}'),
        (JSON, b'{"partialSuccess":{"rejectedSpans":"many"}}'),
        (JSON, b'{"partialSuccess":{"rejectedSpans":-1}}'),
        (JSON, b'{"partialSuccess":[1]}'),
        (JSON, b"[]"),
        (JSON, b"null"),
        (JSON, b"[" * 50_000),
        (JSON, b"\xff"),
        (PROTOBUF, b"\x00"),
        (PROTOBUF, b"\x0a\x7f\x08"),
        (PROTOBUF, b"\x0a\x0b\x08" + b"\xff" * 10),
        (PROTOBUF, b"<!doctype html>"),
    ],
)
def test_any_other_success_is_not_a_collectors_and_nothing_counts_as_sent(
    folder: Path, receiver: Receiver, kind: str, body: bytes
) -> None:
    receiver.answers = [Answer(body=body, headers=(("Content-Type", kind),) if kind else ())]
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert "which is not an answer of OTLP. Is it an OTLP/HTTP endpoint" in result.stderr
    assert "Not sent: 10 lines" in result.stderr
    assert ship(folder, receiver).stdout.endswith("10 now, 0 before.\n")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b'{"partialSuccess":{"rejectedSpans":2,"errorMessage":"no way"}}'),
        (JSON, b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no way"}}'),
        (JSON, b'{"partial_success":{"rejected_spans":2,"error_message":"no way"}}'),
        (PROTOBUF, REJECTED_TWO),
        (PROTOBUF, REJECTED_TWO + b"\x12\x03new\x1d1234"),
        (PROTOBUF, b"\x0a\x02\x08\x02"),
    ],
)
def test_rejected_spans_are_counted_in_every_form(folder: Path, receiver: Receiver, kind: str, body: bytes) -> None:
    receiver.answers = [Answer(body=body, headers=(("Content-Type", kind),))]
    result = ship(folder, receiver)
    assert result.exit_code == 1
    reason = "no way" if b"no way" in body else "it gave no reason. Look at its log."
    assert f"The collector dropped 2 spans of what it accepted: {reason}" in result.stderr


def test_the_protobuf_answers_of_these_tests_are_those_of_the_library() -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    response = service.ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 2
    response.partial_success.error_message = "no way"
    assert response.SerializeToString() == REJECTED_TWO


def test_an_endpoint_without_json_is_named_as_such(folder: Path, receiver: Receiver) -> None:
    receiver.answers = [Answer(415, b"unsupported media type")]
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert "ship sends JSON, and this endpoint accepts protobuf only." in result.stderr


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_no_success_and_is_not_followed(folder: Path, receiver: Receiver, status: int) -> None:
    receiver.answers = [Answer(status, headers=(("Location", f"{receiver.url}/login"),))]
    result = ship(folder, receiver)
    assert (result.exit_code, len(receiver.requests)) == (1, 1)
    assert "Redirects are not followed. Name the new address with --endpoint." in result.stderr


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n", b""], ids=["body", "head"])
def test_the_timeout_holds_for_an_answer_that_arrives_byte_by_byte(folder: Path, head: bytes) -> None:
    with dripping(head) as url:
        started = time.monotonic()
        arguments = ["ship", "--traces", str(folder), "--endpoint", url, "--timeout", "1.5"]
        result = CliRunner().invoke(main, arguments)
        took = time.monotonic() - started
    assert result.exit_code == 1
    assert "Timed out after 1.5 s (--timeout)." in result.stderr
    assert took < 15, "the answer would take 30 seconds"


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """A server that sends this at once and then one byte every 50 ms."""
    done = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(head)
            for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nX: 1"):
                if done.wait(0.05):
                    return
                connection.sendall(bytes([byte]))

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        done.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_two_tenants_at_one_address_are_two_destinations(folder: Path, receiver: Receiver) -> None:
    one, other = ({"OTEL_EXPORTER_OTLP_HEADERS": f"X-Scope-OrgID={tenant}"} for tenant in "ab")
    assert ship(folder, receiver, **one).stdout.endswith("10 now, 0 before.\n")
    assert ship(folder, receiver, **other).stdout.endswith("10 now, 0 before.\n")
    assert ship(folder, receiver, **one).stdout.endswith("0 now, 10 before.\n")
    assert [request.headers["x-scope-orgid"] for request in receiver.requests] == ["a", "b"]


def test_two_data_sets_in_the_query_are_two_destinations(folder: Path, receiver: Receiver) -> None:
    for dataset in ("a", "b"):
        endpoint = f"{receiver.url}/v1/traces?dataset={dataset}"
        result = CliRunner().invoke(main, ["ship", "--traces", str(folder), "--endpoint", endpoint])
        assert result.stdout.endswith("10 now, 0 before.\n")


def test_a_copy_of_the_evidence_is_sent_again(folder: Path, receiver: Receiver, tmp_path: Path) -> None:
    assert ship(folder, receiver).exit_code == 0
    shutil.copytree(folder, tmp_path / "downloaded")
    assert ship(tmp_path / "downloaded", receiver).stdout.endswith("10 now, 0 before.\n")


def test_nothing_is_written_beside_the_evidence(folder: Path, receiver: Receiver) -> None:
    before = sorted(folder.rglob("*"))
    assert ship(folder, receiver).exit_code == 0
    assert sorted(folder.rglob("*")) == before


def test_spans_of_the_opentelemetry_instrument_recipe_are_sent_as_well(folder: Path, receiver: Receiver) -> None:
    write(folder / "spans-box-1-1.jsonl", decision(), decision())
    assert ship(folder, receiver).stdout.startswith("12 of 12 lines in 2 files accepted")
    assert receiver.accepted == 12


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"resourceLogs":[{"scopeLogs":[]}]}', "'resourceLogs'"),
        (b'{"resourceMetrics":[]}', "'resourceMetrics'"),
        (b'{"foo":1}', "'foo'"),
    ],
)
def test_a_line_without_spans_is_named_and_never_counts_as_accepted(
    folder: Path, receiver: Receiver, line: bytes, name: str
) -> None:
    with (folder / "decisions-box-1-1.jsonl").open("ab") as file:
        file.write(line + b"\n")
    for _ in range(2):
        result = ship(folder, receiver)
        assert (result.exit_code, receiver.accepted) == (1, 10)
        assert result.stdout.startswith("10 of 11 lines")
        assert f"holds {name}: only resourceSpans are sent" in result.stderr


def test_two_documents_on_a_line_are_both_sent(folder: Path, receiver: Receiver) -> None:
    first, second = (write(folder / name, decision()).read_bytes().strip() for name in ("one", "two"))
    (folder / "decisions-box-2-1.jsonl").write_bytes(first + second + b"\n")
    (folder / "decisions-box-3-1.jsonl").write_bytes(first + b" \t" + second + b'{"resourceLogs":[{}]}\n')
    result = ship(folder, receiver)
    assert (result.exit_code, receiver.accepted) == (1, 10 + 2 + 2)
    assert "decisions-box-3-1.jsonl, byte 0: holds 'resourceLogs'" in result.stderr
    assert "Refused, and kept in the evidence: 1\n" in result.stderr


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: data.decode().encode("utf-16")], ids=["gzip", "utf-16"])
def test_packed_files_in_subfolders_are_sent_and_sent_once(
    folder: Path, receiver: Receiver, pack: Callable[[bytes], bytes]
) -> None:
    lines = write(folder / "one", decision(), decision()).read_bytes()
    (folder / "artifact" / "job").mkdir(parents=True)
    (folder / "artifact" / "job" / "decisions-box-2-1.jsonl.gz").write_bytes(pack(lines))
    assert ship(folder, receiver).stdout.startswith("12 of 12 lines in 2 files")
    assert ship(folder, receiver).stdout.endswith("0 now, 12 before.\n")
    assert receiver.accepted == 12


def test_a_document_that_is_printed_for_people_is_sent(folder: Path, receiver: Receiver) -> None:
    document = json.loads(write(folder / "one", decision()).read_bytes())
    (folder / "tempo.json").write_text(json.dumps({"batches": document["resourceSpans"]}, indent=2))
    assert ship(folder, receiver).exit_code == 0
    assert receiver.accepted == 11


def test_files_that_are_not_reached_are_named(
    folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DEEPEST", 1)
    (folder / "deep").mkdir()
    write(folder / "deep" / "decisions-box-9-1.jsonl", decision())
    result = ship(folder, receiver)
    assert result.exit_code == 1
    assert "folders more than 1 deep are not read" in result.stderr


def test_a_byte_order_mark_is_no_damage(folder: Path, receiver: Receiver) -> None:
    file = folder / "decisions-box-1-1.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert ship(folder, receiver).exit_code == 0
    assert receiver.accepted == 10
    assert ship(folder, receiver).stdout.endswith("0 now, 10 before.\n")


def test_two_endpoints_do_not_share_what_they_accepted(folder: Path, receiver: Receiver) -> None:
    with Receiver() as other:
        assert ship(folder, receiver).exit_code == 0
        assert ship(folder, other).stdout.endswith("10 now, 0 before.\n")
    assert ship(folder, receiver).stdout.endswith("0 now, 10 before.\n")


def test_only_what_is_new_is_sent_the_next_time(folder: Path, receiver: Receiver) -> None:
    assert ship(folder, receiver).exit_code == 0
    write(folder / "decisions-box-1-1.jsonl", decision())
    write(folder / "decisions-box-2-1.jsonl", session())
    assert ship(folder, receiver).stdout.startswith("12 of 12 lines in 2 files")
    assert [request.lines for request in receiver.requests] == [10, 2]


def test_a_torn_last_line_waits_until_it_is_whole(folder: Path, receiver: Receiver) -> None:
    file = folder / "decisions-box-1-1.jsonl"
    line = write(folder / "one", decision()).read_bytes()
    with file.open("ab") as end:
        end.write(line[:50])
    torn = ship(folder, receiver)
    assert (torn.exit_code, receiver.accepted) == (1, 10)
    assert "Waiting: 1\n" in torn.stderr
    with file.open("ab") as end:
        end.write(line[50:])
    assert ship(folder, receiver).exit_code == 0
    assert receiver.accepted == 11


def test_a_document_behind_damaged_bytes_is_sent_once_and_the_damage_stays_known(
    folder: Path, receiver: Receiver
) -> None:
    line = write(folder / "one", decision()).read_bytes()
    (folder / "decisions-box-2-1.jsonl").write_bytes(b'{"resourceSp' + line + b"{}\n")
    for _ in range(2):
        result = ship(folder, receiver)
        assert result.exit_code == 1
        assert result.stdout.startswith("11 of 12 lines")
        assert "damaged bytes around a whole document" in result.stderr
    assert receiver.accepted == 11


def test_batches_stay_below_what_a_receiver_takes(
    folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_LINES", 4)
    assert ship(folder, receiver).exit_code == 0
    assert [request.lines for request in receiver.requests] == [4, 4, 2]
    monkeypatch.setattr(batches, "MOST_BYTES", 5000)
    assert ship(folder, receiver, "--again").exit_code == 0
    assert all(len(request.body) < 5100 for request in receiver.requests[3:])


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version":2,"destinations":[]}', b'{"version":9}'])
def test_a_damaged_checkpoint_costs_a_repetition(folder: Path, receiver: Receiver, damage: bytes) -> None:
    assert ship(folder, receiver).exit_code == 0
    checkpoint.place_of(folder).write_bytes(damage)
    assert ship(folder, receiver).stdout.endswith("10 now, 0 before.\n")


def test_another_file_of_the_same_name_is_sent_from_its_start(folder: Path, receiver: Receiver) -> None:
    assert ship(folder, receiver).exit_code == 0
    (folder / "decisions-box-1-1.jsonl").unlink()
    write(folder / "decisions-box-1-1.jsonl", session(), *(decision() for _ in range(20)))
    assert ship(folder, receiver).stdout.endswith("21 now, 0 before.\n")


def test_evidence_that_is_read_only_is_shipped_once(folder: Path, receiver: Receiver) -> None:
    folder.chmod(0o500)
    assert ship(folder, receiver).exit_code == 0
    assert ship(folder, receiver).stdout.endswith("0 now, 10 before.\n")
    folder.chmod(0o700)


def test_a_checkpoint_that_cannot_be_written_is_reported(folder: Path, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    result = ship(folder, receiver)
    assert result.exit_code == 0
    assert "The next call sends everything again" in result.stderr


def test_the_files_of_a_collector_in_the_same_folder_are_not_sent_back(folder: Path, receiver: Receiver) -> None:
    write(folder / "traces.jsonl", decision())
    sent = ship(folder, receiver)
    assert (sent.exit_code, receiver.accepted) == (0, 10)
    assert "Not sent, because a collector wrote it (to send it: --traces FILE): 1\n" in sent.stderr
    assert "traces.jsonl\n" in sent.stderr
    result = ship(folder / "traces.jsonl", receiver)
    assert (result.exit_code, receiver.accepted) == (0, 11)


def test_a_file_that_cannot_be_read_does_not_hold_up_the_others(folder: Path, receiver: Receiver) -> None:
    os.mkfifo(folder / "decisions-box-0-1.jsonl")
    result = ship(folder, receiver)
    assert (result.exit_code, receiver.accepted) == (1, 10)
    assert "Not readable: 1\n  decisions-box-0-1.jsonl: not a regular file" in result.stderr


@pytest.mark.parametrize("name", [None, "traces.jsonl"])
def test_without_evidence_the_exit_code_is_two(tmp_path: Path, receiver: Receiver, name: str | None) -> None:
    if name:
        write(tmp_path / name, decision())
    result = ship(tmp_path, receiver)
    assert (result.exit_code, receiver.requests) == (2, [])
    assert "--traces" in result.stderr


def test_headers_and_compression_are_those_of_opentelemetry(folder: Path, receiver: Receiver) -> None:
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    assert ship(folder, receiver, **headers).exit_code == 0
    [request] = receiver.requests
    assert request.headers["authorization"] == "Bearer abc"
    assert (request.headers["Content-Encoding"], request.lines) == ("gzip", 10)


def test_credentials_are_neither_shown_nor_remembered(folder: Path, receiver: Receiver) -> None:
    secret = receiver.url.replace("http://", "http://me:hunter2@") + "/v1/traces?key=hunter2"
    result = CliRunner().invoke(main, ["ship", "--traces", str(folder), "--endpoint", secret])
    assert result.exit_code == 0, result.output
    assert "hunter2" not in result.output + checkpoint.place_of(folder).read_text()
    assert receiver.requests[0].path == "/v1/traces?key=hunter2"


def test_ctrl_c_keeps_what_was_accepted(folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(batches, "MOST_LINES", 4)
        patch.setattr(http.Client, "post", interrupted_after(2, http.Client.post))
        assert ship(folder, receiver).exit_code == 1
    assert CliRunner().invoke(command, ["--traces", str(folder), "--endpoint", receiver.url]).exit_code == 0
    assert receiver.accepted == 10


def interrupted_after(number: int, post: object) -> object:
    calls: list[bytes] = []

    def posted(self: http.Client, body: bytes) -> answers.Answer:
        if len(calls) == number:
            raise KeyboardInterrupt
        calls.append(body)
        return post(self, body)  # type: ignore[operator,no-any-return]

    return posted

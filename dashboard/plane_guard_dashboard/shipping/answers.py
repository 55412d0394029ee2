"""The answer of a collector to an export request: accepted, accepted in part, or not an answer of OTLP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plane_guard_dashboard.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT, _I64, _LENGTH_DELIMITED, _I32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10
_PARTIAL_SUCCESS = {"partialSuccess", "partial_success"}
_REJECTED = ("rejectedSpans", "rejected_spans")
_MESSAGE = ("errorMessage", "error_message")


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request: accepted, or `refused` with a reason; `rejected` of its spans were dropped."""

    refused: str = ""
    rejected: int = 0
    message: str = ""


class NotOtlpError(ValueError):
    """The body is not an OTLP export response."""


def accepted(content_type: str, body: bytes) -> Answer:
    """Return the answer that a body of a 2xx response holds.

    Raises:
        NotOtlpError: A proxy, a login page or another kind of server answered.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if "protobuf" in kind:
            return _protobuf(body)
        # Servers that have nothing to say send no body, and so no JSON either.
        return _json(body) if body.strip() or kind not in {"", "application/json"} else Answer()
    except (ValueError, RecursionError) as error:
        raise NotOtlpError(str(error)) from None


def _json(body: bytes) -> Answer:
    found = json.loads(body)
    # {"error": …} is an answer with status 200, too.
    if not isinstance(found, dict) or not found.keys() <= _PARTIAL_SUCCESS:
        raise NotOtlpError
    partial = next(iter(found.values()), None) or {}
    if not isinstance(partial, dict) or not partial.keys() <= {*_REJECTED, *_MESSAGE}:
        raise NotOtlpError
    rejected = next((partial[name] for name in _REJECTED if name in partial), 0)
    message = next((partial[name] for name in _MESSAGE if name in partial), "")
    return _answer(int(str(rejected or 0)), str(message or ""))


def _protobuf(body: bytes) -> Answer:
    """Decode ExportTraceServiceResponse: field 1 is the partial success, whose fields are a count and a message."""
    rejected, message = 0, ""
    for number, value in _fields(body):
        if number != 1 or not isinstance(value, bytes):
            continue
        for inner, content in _fields(value):
            if inner == 1 and isinstance(content, int):
                rejected = content
            elif inner == 2 and isinstance(content, bytes):  # noqa: PLR2004  the number of the field
                message = content.decode("utf-8", "replace")
    return _answer(rejected, message)


def _answer(rejected: int, message: str) -> Answer:
    if rejected < 0:
        raise NotOtlpError
    return Answer(rejected=rejected, message=visible(message))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: their numbers with integers or bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            length, position = _varint(data, position)
        elif wire_type in {_I64, _I32}:
            length = 8 if wire_type == _I64 else 4
        else:
            raise NotOtlpError
        if not number or position + length > len(data):
            raise NotOtlpError
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for count, byte in enumerate(data[position : position + _MOST_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:  # noqa: PLR2004  the bit that says that more follows
            return value, position + count + 1
    raise NotOtlpError

"""Request bodies as the Plane server parses them: JSON, form, multipart; anything else is 415."""

from __future__ import annotations

import codecs
import json
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from plane_guard_instrumentation.testing.http_server import ReceivedRequest, Reply

Data = dict[str, Any]


class Refused(Exception):
    """A view answers with an error."""

    def __init__(self, status: int, value: object = None) -> None:
        """Carry the reply."""
        super().__init__(f"{status} {value}")
        self.reply = Reply(status, value if value is not None else {"error": "The payload is not valid"})


def parse(request: ReceivedRequest) -> Data:
    """Return the body's fields.

    Raise `Refused` with 415 for an unknown content type and with 400 for a body that cannot be parsed.
    """
    if not request.body:
        return {}
    declared = Message()
    declared["Content-Type"] = request.header("Content-Type") or "application/octet-stream"
    kind = declared.get_content_type()
    charset = _charset(declared.get_content_charset())
    try:
        if kind == "application/json":
            return _object(json.loads(request.body.decode(charset), parse_constant=_reject))
        if kind == "application/x-www-form-urlencoded":
            return _fold(parse_qsl(request.body.decode(charset), keep_blank_values=True))
        if kind == "multipart/form-data":
            return _fold(_parts(request))
    except (ValueError, LookupError) as error:
        raise Refused(400, {"detail": f"Parse error - {error}"}) from error
    raise Refused(415, {"detail": f'Unsupported media type "{kind}" in request.'})


def as_list(value: object) -> list[Any]:
    """Return a field as a list. A form sends the members one by one, so a single member is no list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _charset(name: str | None) -> str:
    try:
        return codecs.lookup(name or "utf-8").name
    except LookupError:
        return "utf-8"


def _reject(constant: str) -> NoReturn:
    message = f"Out of range float values are not JSON compliant: {constant}"
    raise ValueError(message)


def _object(value: object) -> Data:
    if isinstance(value, dict):
        return value
    message = "Expected an object"
    raise ValueError(message)


def _fold(pairs: list[tuple[str, str]]) -> Data:
    data: Data = {}
    for name, value in pairs:
        key = name.removesuffix("[]")
        data[key] = [*as_list(data[key]), value] if key in data else value
    return data


def _parts(request: ReceivedRequest) -> list[tuple[str, str]]:
    head = f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=policy.HTTP).parsebytes(head + request.body)
    if not message.is_multipart():
        problem = "Invalid boundary in multipart"
        raise ValueError(problem)
    return [_part(part) for part in message.iter_parts()]


def _part(part: Message) -> tuple[str, str]:
    name = part.get_param("name", header="content-disposition")
    payload = part.get_payload(decode=True)
    return str(name), payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""

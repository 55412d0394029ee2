"""OTLP-JSON as it stands in a file: one line in, plain values out, damage named instead of raised.

Every function takes the list `problems` and appends a short reason for what it had to leave out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

try:
    import orjson
except ImportError:  # the extra `dashboard` brings it; the standard library reads the same lines, slower
    orjson = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Json: TypeAlias = dict[str, Any]
Value: TypeAlias = str | bool | int | float | tuple[str, ...]

START_OF_DOCUMENT = b'{"resourceSpans"'
_ABSENT: tuple[object, ...] = (None, {})
LONGEST_TEXT = 2_000
_LONGEST_INT = 20
LARGEST_INT = 2**63 - 1
SURELY_64_BITS = 18  # digits


def document(line: bytes, problems: list[str]) -> Json:
    """What a line holds. A whole document behind torn or zeroed bytes is still found."""
    for candidate in _candidates(line):
        try:
            found = _parse(candidate)
        except (ValueError, RecursionError):
            continue
        if not isinstance(found, dict):
            break
        if len(candidate) != len(line):
            problems.append("damaged bytes around a whole document")
        return found
    problems.append("not a JSON object")
    return {}


def _candidates(line: bytes) -> Iterator[bytes]:
    yield line
    stripped = line.strip(b"\0 \t\r\n\xef\xbb\xbf")
    if stripped != line:
        yield stripped
    start = stripped.rfind(START_OF_DOCUMENT)
    if start > 0:
        yield stripped[start:]


def _parse(line: bytes) -> object:
    if orjson is not None:
        try:
            return orjson.loads(line)
        except ValueError:
            pass  # an exporter may write a lone surrogate, which only the standard library reads
    return json.loads(line.decode())


def spans(found: Json, problems: list[str]) -> Iterator[tuple[Json, Json]]:
    """Each span of the document with the resource that it belongs to."""
    for group in objects(found, "resourceSpans", problems):
        resource = group.get("resource") or {}
        if not isinstance(resource, dict):
            problems.append("resource is not an object")
            resource = {}
        for scope in objects(group, "scopeSpans", problems):
            for span in objects(scope, "spans", problems):
                yield resource, span


def objects(container: Json, key: str, problems: list[str]) -> list[Json]:
    """The list of objects under `key`; what is not an object in it is left out and named."""
    value = container.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        problems.append(f"{key} is not a list")
        return []
    for item in value:
        if type(item) is not dict:
            problems.append(f"{key} holds something that is not an object")
            return [item for item in value if isinstance(item, dict)]
    return value


def attributes(container: Json, problems: list[str]) -> dict[str, Value]:
    """The attributes of a resource, span or event by name."""
    found: dict[str, Value] = {}
    for item in objects(container, "attributes", problems):
        key, written = item.get("key"), item.get("value")
        value = plain(written)
        if isinstance(key, str) and value is not None:
            found[key] = value
        elif written not in _ABSENT:
            problems.append("an attribute without a usable name or value")
    return found


def plain(value: object) -> Value | None:
    """An OTLP AnyValue as a Python value; lists hold texts, deeper structures are none of ours."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    [(kind, inner)] = value.items()
    convert = _PLAIN.get(kind)
    return convert(inner) if convert else None


def _texts(array: object) -> tuple[str, ...] | None:
    values = array.get("values", []) if isinstance(array, dict) else None
    if not isinstance(values, list):
        return None
    found = (item.get("stringValue") for item in values if isinstance(item, dict))
    return tuple(text(item) for item in found if isinstance(item, str))


def text(value: str) -> str:
    """The text, encodable and of a length that a page can show."""
    if len(value) > LONGEST_TEXT:
        value = value[:LONGEST_TEXT] + "…"
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _text(value: object) -> str | None:
    return text(value) if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """An int of 64 bits, written as a number or as a text; anything else is None."""
    if type(value) is str and value.isdigit() and len(value) <= SURELY_64_BITS and value.isascii():
        return int(value)
    if type(value) is str and len(value) <= _LONGEST_INT and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    if type(value) is not int or abs(value) > LARGEST_INT:
        return None
    return value


_PLAIN: Mapping[str, Callable[[Any], Value | None]] = {
    "stringValue": _text,
    "intValue": integer,
    "boolValue": lambda value: value if isinstance(value, bool) else None,
    "doubleValue": lambda value: value if isinstance(value, float | int) else None,
    "arrayValue": _texts,
    "kvlistValue": lambda _: "",
    "bytesValue": lambda _: "",
}

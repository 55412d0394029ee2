"""OTLP-JSON: the bytes of one line in, plain values out. Damage is named, never raised.

Every function takes the list `problems` and appends a short reason for each value that it left out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

try:
    import orjson
except ImportError:  # the extra `dashboard` brings it; the standard library reads the same lines, slower
    orjson = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Json: TypeAlias = dict[str, Any]
Value: TypeAlias = str | bool | int | float | tuple[str, ...]

_SIGNALS = ("resourceSpans", "resourceLogs")
# Tempo's download names the list of resources so; its and Jaeger's answers wrap the document.
_ALIASES = {"batches": "resourceSpans"}
_WRAPPERS = ("trace", "result", "data")
_MOST_WRAPPERS = 3
_START_OF_DOCUMENT = re.compile(r'\{\s*"(?:resource_?(?:[Ss]pans|[Ll]ogs)|batches)"\s*:')
_UNDERSCORE = re.compile(r"_([a-z])")
_BLANK = "\0 \t\r\n\ufeff"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ABSENT: tuple[object, ...] = (None, {})
LONGEST_TEXT = 2_000
_LONGEST_INT = 20
LARGEST_INT = 2**63 - 1
SURELY_64_BITS = 18  # digits
_LARGEST_TEXT = str(LARGEST_INT)
_DIGITS_OF_LARGEST = len(_LARGEST_TEXT)
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


def document(line: bytes, problems: list[str]) -> Json:
    """Return the documents of a line as one. A whole document next to torn or zeroed bytes is still found."""
    try:
        value = _parse(line.removeprefix(_BYTE_ORDER_MARK))
    except (ValueError, RecursionError):
        values = _values(_decoded(line, problems), problems)
    else:
        if type(value) is dict and "resourceSpans" in value:
            return value  # nearly all lines
        values = [value]
    found = [one for value in values for one in (value if isinstance(value, list) else [value])]
    documents = [one for one in found if isinstance(one, dict)]
    if not documents or len(documents) < len(found):
        problems.append("not a JSON object")
    return _merged([_known(one) for one in documents])


def _parse(line: bytes) -> object:
    if orjson is not None:
        try:
            return orjson.loads(line)
        except ValueError:
            pass  # an exporter may write a lone surrogate, which only the standard library reads
    return json.loads(line.decode())


def _decoded(line: bytes, problems: list[str]) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        problems.append("bytes that are not UTF-8")
        return line.decode("utf-8", "replace")


def _values(text: str, problems: list[str]) -> list[object]:
    """Return every JSON value of a line that is not one value."""
    found: list[object] = []
    position, decoder, damaged = 0, json.JSONDecoder(), "\0" in text
    while (position := _skip(text, position)) < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            damaged = True
            following = _START_OF_DOCUMENT.search(text, position + 1)
            position = following.start() if following else len(text)
        else:
            found.append(value)
    if damaged and found:
        problems.append("damaged bytes around a whole document")
    return found


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position


def _known(found: Json, depth: int = 0) -> Json:
    """Return the document in the field names of OTLP-JSON, without what other tools put around it."""
    if any(signal in found for signal in _SIGNALS):
        return found
    for alias, signal in _ALIASES.items():
        if alias in found:
            return {signal: found[alias]}
    if any("_" in key and key.startswith("resource_") for key in found):
        renamed: Json = _camel_case(found)
        return renamed
    for wrapper in _WRAPPERS:
        inner = found.get(wrapper)
        if isinstance(inner, dict) and depth < _MOST_WRAPPERS:
            return _known(inner, depth + 1)
    return found


def _camel_case(value: Any) -> Any:
    """Return the value with keys like `trace_id` spelled `traceId`. Attribute names are values and stay."""
    if isinstance(value, dict):
        return {_UNDERSCORE.sub(lambda found: found[1].upper(), key): _camel_case(one) for key, one in value.items()}
    return [_camel_case(one) for one in value] if isinstance(value, list) else value


def _merged(documents: list[Json]) -> Json:
    if len(documents) == 1:
        return documents[0]
    found: Json = {}
    for one in documents:
        for signal in _SIGNALS:
            groups = one.get(signal)
            if groups is not None:
                # What is no list is kept for `objects` to name it.
                found.setdefault(signal, []).extend(groups if isinstance(groups, list) else [groups])
    return found


def digest(value: Json) -> bytes:
    """Return bytes that are the same for equal values."""
    if orjson is not None:
        try:
            return orjson.dumps(value)
        except TypeError:
            pass  # nested too deeply, or with a text that only the standard library writes
    return json.dumps(value).encode()


def spans(found: Json, problems: list[str]) -> Iterator[tuple[Json, Json]]:
    """Yield each span of the document with its resource."""
    yield from _members(found, "resourceSpans", ("scopeSpans", "instrumentationLibrarySpans"), "spans", problems)


def log_records(found: Json, problems: list[str]) -> Iterator[tuple[Json, Json]]:
    """Yield each log record of the document with its resource."""
    yield from _members(found, "resourceLogs", ("scopeLogs", "instrumentationLibraryLogs"), "logRecords", problems)


def _members(
    found: Json, groups: str, scopes: tuple[str, ...], members: str, problems: list[str]
) -> Iterator[tuple[Json, Json]]:
    for group in objects(found, groups, problems):
        resource = group.get("resource") or {}
        if not isinstance(resource, dict):
            problems.append("resource is not an object")
            resource = {}
        for name in scopes:
            for scope in objects(group, name, problems):
                for member in objects(scope, members, problems):
                    yield resource, member


def objects(container: Json, key: str, problems: list[str]) -> list[Json]:
    """Return the list of objects under `key`, without members that are no objects, which are named."""
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
    """Return the attributes of a resource, span, event or log record by name."""
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
    """Return an OTLP AnyValue as a Python value: a list as texts, a nested structure as JSON text."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    [(kind, inner)] = value.items()
    convert = _PLAIN.get(kind)
    return convert(inner) if convert else None


def _texts(array: object) -> tuple[str, ...] | None:
    values = array.get("values", []) if isinstance(array, dict) else None
    if not isinstance(values, list):
        return None
    found = (plain(item) for item in values)
    return tuple(item if isinstance(item, str) else text(json.dumps(item)) for item in found if item is not None)


def _nested(value: object) -> str | None:
    return text(json.dumps(value)) if isinstance(value, dict) else None


def _double(value: object) -> float | None:
    """A double may be an integer in JSON, and is a text where JSON has no number for it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float | int):
        return value
    return float(value.replace("Infinity", "inf")) if value in _NOT_FINITE and isinstance(value, str) else None


def _bytes(value: object) -> str | None:
    """The base64 text, if it is one."""
    try:
        return text(value) if isinstance(value, str) and base64.b64decode(value, validate=True) is not None else None
    except (ValueError, binascii.Error):
        return None


def text(value: str) -> str:
    """Return the text, encodable and of a length that a page can show."""
    if len(value) > LONGEST_TEXT:
        value = value[:LONGEST_TEXT] + "…"
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _text(value: object) -> str | None:
    return text(value) if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """Return an integer of 64 bits, written as a number or as a text, and None for anything else."""
    # Times have 19 digits. Texts of the same length are in the order of their numbers.
    if (
        type(value) is str
        and value.isdigit()
        and value.isascii()
        and (len(value) <= SURELY_64_BITS or (len(value) == _DIGITS_OF_LARGEST and value <= _LARGEST_TEXT))
    ):
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
    "doubleValue": _double,
    "arrayValue": _texts,
    "kvlistValue": _nested,
    "bytesValue": _bytes,
}

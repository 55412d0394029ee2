"""Reading a request body as Django REST framework does, keeping every value of a repeated key.

Only what is already in memory is read. A stream, an unknown encoding or a document that does not parse is
*unreadable*: the caller then blocks wherever the body could name other objects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from plane_guard._keys import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_INDEX = re.compile(r"\[[^\]]*\]")
_TEXT_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})


class Pairs(tuple[tuple[str, object], ...]):
    """The members of one object in the order sent, repeated keys included."""

    __slots__ = ()


class Body(NamedTuple):
    """A body as far as it could be read; ``document`` is JSON data whose objects are `Pairs`."""

    readable: bool
    document: object = None
    empty: bool = False

    def keys(self) -> frozenset[str]:
        """The top-level names of the document."""
        return frozenset(name for name, _ in self.document) if isinstance(self.document, Pairs) else frozenset()

    def values(self, field: str) -> Iterator[object]:
        """Every non-empty value that a field path such as ``items[].parent`` reaches."""
        return _values(self.document, field.split("."))

    def strings(self) -> Iterator[str]:
        """Every string anywhere in the document."""
        return _strings(self.document)


NO_BODY = Body(readable=True, empty=True)
UNREADABLE = Body(readable=False)


def read(body: object, content_type: str, encoding: str = "") -> Body:
    """Read what was sent; anything but text or bytes counts as a stream that cannot be read."""
    if body is None or body in (b"", ""):
        return NO_BODY
    if not isinstance(body, (bytes, bytearray, memoryview, str)) or encoding not in {"", "identity"}:
        return UNREADABLE
    media_type, _, parameters = content_type.lower().partition(";")
    if _charset(parameters) not in _TEXT_CHARSETS:
        return UNREADABLE
    data = body.encode("utf-8", "replace") if isinstance(body, str) else bytes(body)
    try:
        return Body(readable=True, document=_parse(data, media_type.strip(), content_type))
    except (ValueError, RecursionError, LookupError):
        return UNREADABLE


def identifiers(value: object) -> Iterator[str | None]:
    """The ids in a field's value, canonically spelt; ``None`` for something there that is no uuid."""
    if isinstance(value, str):
        yield canonical_uuid(value)
    elif isinstance(value, Pairs):
        yield from _identifiers_of(member for _, member in value)
    elif isinstance(value, list):
        yield from _identifiers_of(value)
    elif value is not None:
        yield None


def _identifiers_of(values: Iterable[object]) -> Iterator[str | None]:
    for value in values:
        yield from identifiers(value)


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return ""


def _parse(data: bytes, media_type: str, content_type: str) -> object:
    if media_type == "application/x-www-form-urlencoded":
        return _parse_form(data)
    if media_type.startswith("multipart/"):
        return _parse_multipart(data, content_type)
    return _parse_json(data)


def _parse_json(data: bytes) -> object:
    import json

    return json.loads(data.decode("utf-8"), object_pairs_hook=Pairs)


def _parse_form(data: bytes) -> Pairs:
    from urllib.parse import parse_qsl

    fields = parse_qsl(data.decode("utf-8"), keep_blank_values=True, max_num_fields=10_000)
    return Pairs((_INDEX.sub("[]", name), value) for name, value in fields)


def _parse_multipart(data: bytes, content_type: str) -> Pairs:
    from email.parser import BytesParser

    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + data)
    if not message.is_multipart() or message.defects:
        raise ValueError("not a multipart document")
    return Pairs(
        (
            _INDEX.sub("[]", str(part.get_param("name", "", "content-disposition"))),
            _part_text(part.get_payload(decode=True)),
        )
        for part in message.walk()
        if not part.is_multipart()
    )


def _part_text(payload: object) -> str:
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)


def _values(document: object, path: list[str]) -> Iterator[object]:
    if isinstance(document, list):
        for member in document:
            yield from _values(member, path)
    elif isinstance(document, Pairs):
        wanted = path[0].removesuffix("[]")
        for name, value in document:
            head, indexed, rest = name.partition("[]")
            if head != wanted:
                continue
            if indexed and rest and len(path) > 1:
                if rest.lstrip(".") == path[1].removesuffix("[]"):
                    yield value
            elif len(path) > 1:
                yield from _values(value, path[1:])
            elif value not in (None, "", [], ()):
                yield value


def _strings(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, Pairs):
        for name, value in document:
            yield name
            yield from _strings(value)
    elif isinstance(document, list):
        for member in document:
            yield from _strings(member)

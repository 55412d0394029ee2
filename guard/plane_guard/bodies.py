"""Parsing a request body as Django REST framework does, keeping every value of a repeated key.

Only a body in memory is parsed. A stream, an unknown encoding or a document that does not parse is *unreadable*, and
the caller blocks the write if the body could name other objects.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from plane_guard.cache import remembering

if TYPE_CHECKING:
    from json import JSONDecoder

_INDEX = re.compile(r"\[\d*\]")
_SEPARATORS = re.compile(r"[\[\].]+")
_FORM_DATA = re.compile(r"""multipart/form-data; ?boundary="?([0-9A-Za-z'()+_,./:=?-]{1,70})"?""", re.IGNORECASE)
_PART = re.compile(
    rb"""\r\n(?:Content-(?:Type|Length):[^\r\n]*\r\n)*
    Content-Disposition:[ ]form-data;[ ]name="(?P<name>[^"\\\r\n]*)"(?:;[ ]filename\*?=[^;\r\n]*)?\r\n
    (?:Content-(?:Type|Length):[^\r\n]*\r\n)*\r\n(?P<value>.*)\r\n""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_IN_MEMORY = (bytes, bytearray, memoryview, str)
_PLAIN_ENCODINGS = frozenset({"", "identity"})
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
        """Return the top-level names of the document."""
        return frozenset(name for name, _ in self.document) if isinstance(self.document, Pairs) else frozenset()

    def values(self, field: str) -> Iterator[object]:
        """Yield every non-empty value that a field path such as ``items[].state`` reaches."""
        wanted = tuple(field.replace("[]", "").split("."))
        return (value for names, value in self.leaves() if names[: len(wanted)] == wanted)

    def leaves(self) -> Iterator[tuple[tuple[str, ...], object]]:
        """Yield every non-empty value that holds no others, with the names of the fields that lead to it.

        Places in lists have no name. Deep nesting costs no stack.
        """
        found: list[tuple[tuple[str, ...], object]] = [((), self.document)]
        for names, node in found:
            if isinstance(node, Pairs):
                found.extend(((*names, *_split(name)), value) for name, value in node)
            elif isinstance(node, list):
                found.extend((names, value) for value in node)
            elif node is not None and node != "":
                yield names, node

    def strings(self) -> Iterator[str]:
        """Yield every string of the document, names included."""
        return _strings(self.document)


NO_BODY = Body(readable=True, empty=True)
UNREADABLE = Body(readable=False)


def read(body: object, content_type: str, encoding: str = "") -> Body:
    """Parse a body. Anything but text or bytes counts as a stream that cannot be read."""
    if body is None or (isinstance(body, _IN_MEMORY) and not body):
        return NO_BODY
    media_type = _media_type(content_type)
    if not isinstance(body, _IN_MEMORY) or encoding not in _PLAIN_ENCODINGS or media_type is None:
        return UNREADABLE
    try:
        data = body.encode() if isinstance(body, str) else bytes(body)
        return Body(True, _parse(data, media_type, content_type))  # noqa: FBT003  the first field
    except (ValueError, RecursionError, LookupError):
        return UNREADABLE


def _read_media_type(content_type: str) -> str | None:
    """Return the media type, or ``None`` if the charset is not UTF-8."""
    media_type, _, parameters = content_type.lower().partition(";")
    return media_type.strip() if _charset(parameters) in _TEXT_CHARSETS else None


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().replace('"', "")
    return ""


def _parse(data: bytes, media_type: str, content_type: str) -> object:
    if media_type == "application/x-www-form-urlencoded":
        return _parse_form(data)
    if media_type.startswith("multipart/"):
        return _parse_multipart(data, content_type)
    return _parse_json(data)


def _parse_json(data: bytes) -> object:
    return _json_decoder().decode(data.decode())


@cache
def _json_decoder() -> "JSONDecoder":
    from json import JSONDecoder

    return JSONDecoder(object_pairs_hook=Pairs)


def _parse_form(data: bytes) -> Pairs:
    from urllib.parse import parse_qsl

    fields = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=10_000)
    return Pairs((_INDEX.sub("[]", name), value) for name, value in fields)


def _parse_multipart(data: bytes, content_type: str) -> Pairs:
    """Parse the plain form that clients send. Raise if two parsers could split it differently."""
    form = _FORM_DATA.fullmatch(content_type.strip())
    if form is None:
        raise ValueError
    before, *parts, after = data.split(b"--" + form[1].encode())
    if before or after.strip() != b"--":
        raise ValueError
    return Pairs(map(_parse_part, parts))


def _parse_part(part: bytes) -> tuple[str, str]:
    field = _PART.fullmatch(part)
    if field is None:
        raise ValueError
    return _INDEX.sub("[]", field["name"].decode()), field["value"].decode(errors="replace")


def _nodes(document: object) -> Iterator[object]:
    """Yield every value of a document, the outermost first. Deep nesting costs no stack."""
    found = [document]
    for node in found:
        yield node
        if isinstance(node, Pairs):
            found.extend(value for _, value in node)
        elif isinstance(node, list):
            found.extend(node)


def _split(name: str) -> tuple[str, ...]:
    """Return the parts of a form's name such as ``items[].parent``, or a plain name alone."""
    return tuple(filter(None, _SEPARATORS.split(name))) if _SEPARATORS.search(name) else (name,)


def _strings(document: object) -> Iterator[str]:
    for node in _nodes(document):
        if isinstance(node, str):
            yield node
        elif isinstance(node, Pairs):
            yield from (name for name, _ in node)


_media_type = remembering(_read_media_type)

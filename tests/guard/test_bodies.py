"""Bodies: read as Plane reads them, every value of a repeated key kept, and unreadable wherever that is in doubt."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from plane_guard.bodies import NO_BODY, UNREADABLE, Body, Pairs, read
from tests.guard.plane import FORM, ITEM, JSON

FORM_DATA = "multipart/form-data; boundary=edge"
PART = b'--edge\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
END = b"--edge--\r\n"
ONE_ISSUE = Pairs([("issues", "1")])

READABLE: dict[str, tuple[object, str, object]] = {
    "JSON": (b'{"a": [1, {"b": null}]}', JSON, Pairs([("a", [1, Pairs([("b", None)])])])),
    "JSON as text": ('{"a": "é"}', JSON, Pairs([("a", "é")])),
    "JSON in a bytearray": (bytearray(b"[]"), JSON, []),
    "JSON in a memoryview": (memoryview(b"[1]"), JSON, [1]),
    "JSON without a content type": (b"[1]", "", [1]),
    "JSON under another name": (b"[1]", "text/plain", [1]),
    "JSON with a charset": (b'"\xc3\xa9"', "application/json; charset=UTF-8", "é"),
    "JSON with a charset in quotes": (b"[1]", 'application/json;q=1; Charset = "utf8" ', [1]),
    "JSON in ASCII": (b"[1]", "application/json;charset=us-ascii", [1]),
    "JSON in ASCII by its other name": (b"[1]", "application/json;charset=ascii", [1]),
    "JSON with a repeated key": (b'{"a": 1, "a": 2}', JSON, Pairs([("a", 1), ("a", 2)])),
    "a lone value": (b"7", JSON, 7),
    "a form": (b"a=1&b=x+y%21&a=2&c=", FORM, Pairs([("a", "1"), ("b", "x y!"), ("a", "2"), ("c", "")])),
    "a form by its other spelling": (b"a=1", " Application/X-WWW-Form-Urlencoded ; charset=utf-8", Pairs([("a", "1")])),
    "a form with numbered fields": (b"issues[0]=1&issues[]=2&a[b]=3", FORM,
                                    Pairs([("issues[]", "1"), ("issues[]", "2"), ("a[b]", "3")])),
    "a form of a list of objects": (b"items[12].parent=1", FORM, Pairs([("items[].parent", "1")])),
    "form data": (PART % (b"issues", b"1") + END, FORM_DATA, ONE_ISSUE),
    "form data of two parts": (PART % (b"issues[3]", b"1") + PART % ("é".encode(), b"\r\n\xff") + END, FORM_DATA,
                               Pairs([("issues[]", "1"), ("é", "\r\n\ufffd")])),
    "form data in upper case": ((PART % (b"issues", b"1")).replace(b"form-data; name", b"FORM-DATA; NAME") + END,
                                "Multipart/Form-Data;boundary=edge", ONE_ISSUE),
    "form data with a type and a length": (
        b'--edge\r\nContent-Type: x\r\ncontent-disposition: form-data; name="issues"\r\nContent-Length: 1\r\n\r\n1\r\n'
        + END,
        FORM_DATA, ONE_ISSUE),
    "form data with a file": (
        b'--edge\r\nContent-Disposition: form-data; name="issues"; filename="a.txt"\r\n\r\n1\r\n--edge--\r\n\r\n',
        FORM_DATA, ONE_ISSUE),
    "form data with a quoted boundary": (
        PART % (b"issues", b"1") + END, 'multipart/form-data; boundary="edge"', ONE_ISSUE),
    "form data without parts": (END, FORM_DATA, Pairs()),
    "a form of many fields": (b"&".join([b"a=1"] * 10_000), FORM, Pairs([("a", "1")] * 10_000)),
    "a list of many members": (b"[%b]" % b",".join([b"1"] * 20_000), JSON, [1] * 20_000),
}  # fmt: skip


@pytest.mark.parametrize(("body", "content_type", "document"), READABLE.values(), ids=READABLE.keys())
def test_a_body_is_read_as_plane_reads_it(body: object, content_type: str, document: object) -> None:
    assert read(body, content_type) == Body(readable=True, document=document, empty=False)


@pytest.mark.parametrize("body", [None, b"", ""])
def test_no_body_names_nothing(body: object) -> None:
    assert read(body, JSON) == NO_BODY == Body(readable=True, document=None, empty=True)


def headed(disposition: bytes) -> bytes:
    """Form data of one part with this header."""
    return b"--edge\r\n" + disposition + b"\r\n\r\n1\r\n" + END


UNREADABLE_BODIES: dict[str, tuple[object, str]] = {
    "a generator": (iter([b"{}"]), JSON),
    "a file": (BytesIO(b"{}"), JSON),
    "an object of data": ({"a": 1}, JSON),
    "a number": (7, JSON),
    "nothing but a bool": (False, JSON),
    "broken JSON": (b'{"a": ', JSON),
    "JSON twice": (b"{}{}", JSON),
    "JSON with a byte order mark": (b"\xef\xbb\xbf{}", JSON),
    "text that no encoding can hold": ('"\ud800"', JSON),
    "JSON that is not UTF-8": (b'"\xff"', JSON),
    "JSON in UTF-16": ("{}".encode("utf-16"), JSON),
    "JSON that says UTF-16": (b"{}", "application/json; charset=utf-16"),
    "JSON that says UTF-16 after something else": (b"{}", "application/json;x=y;charset=utf-16"),
    "JSON that says something odd": (b"{}", "application/json; charset=x=utf-8"),
    "JSON that says UTF-7": (b"{}", "application/json; x=y; charset=utf-7"),
    "a form that says Latin-1": (b"a=1", f"{FORM}; charset=latin-1"),
    "two content types": (b"{}", "application/json,application/x-www-form-urlencoded;charset=x"),
    "JSON nested too deeply": (b"[" * 100_000 + b"]" * 100_000, JSON),
    "a number of too many digits": (b"1" * 5_000, JSON),
    "text": (b"hello", "text/plain"),
    "a form that is not UTF-8": (b"a=\xff", FORM),
    "a form of too many fields": (b"&".join([b"a=1"] * 10_001), FORM),
    "form data without a boundary": (PART % (b"a", b"1") + END, "multipart/form-data"),
    "form data with an empty boundary": (PART % (b"a", b"1") + END, "multipart/form-data; boundary="),
    "form data with another boundary": (PART % (b"a", b"1") + END, "multipart/form-data; boundary=other"),
    "form data with a charset": (PART % (b"a", b"1") + END, f"{FORM_DATA}; charset=utf-8"),
    "form data with two boundaries": (PART % (b"a", b"1") + END, f"{FORM_DATA}; boundary=other"),
    "form data of another kind": (PART % (b"a", b"1") + END, "multipart/mixed; boundary=edge"),
    "form data that is not framed": (b"hello", FORM_DATA),
    "form data that is cut off": (PART % (b"a", b"1"), FORM_DATA),
    "form data with words before": (b"x" + PART % (b"a", b"1") + END, FORM_DATA),
    "form data with words after": (PART % (b"a", b"1") + END + b"x", FORM_DATA),
    "form data with a part after its end": (PART % (b"a", b"1") + END + PART % (b"issues", b"1") + END, FORM_DATA),
    "form data with a boundary in a value": (PART % (b"a", b"1\r--edge\r\n") + END, FORM_DATA),
    "form data with bare line feeds": ((PART % (b"a", b"1") + END).replace(b"\r\n", b"\n"), FORM_DATA),
    "form data without a name": (headed(b"Content-Disposition: form-data"), FORM_DATA),
    "form data without a header": (headed(b""), FORM_DATA),
    "form data with an encoded name": (headed(b"Content-Disposition: form-data; name*=utf-8''issues"), FORM_DATA),
    "form data with a name without quotes": (headed(b"Content-Disposition: form-data; name=issues"), FORM_DATA),
    "form data with two names": (headed(b'Content-Disposition: form-data; name="a"; name="issues"'), FORM_DATA),
    "form data with an escaped name": (headed(rb'Content-Disposition: form-data; name="a\"; name="'), FORM_DATA),
    "form data with a name of broken bytes": (headed(b'Content-Disposition: form-data; name="\xff"'), FORM_DATA),
    "form data with two dispositions": (
        headed(b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="issues"'),
        FORM_DATA),
    "form data with a transfer encoding": (
        headed(b'Content-Disposition: form-data; name="issues"\r\nContent-Transfer-Encoding: base64'), FORM_DATA),
}  # fmt: skip


@pytest.mark.parametrize(("body", "content_type"), UNREADABLE_BODIES.values(), ids=UNREADABLE_BODIES.keys())
def test_what_could_be_read_in_two_ways_is_unreadable(body: object, content_type: str) -> None:
    assert read(body, content_type) == UNREADABLE == Body(readable=False, document=None, empty=False)


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity", "identity,gzip", "x"])
def test_an_encoded_body_is_unreadable(encoding: str) -> None:
    assert read(b"{}", JSON, encoding) == UNREADABLE


def test_a_body_encoded_as_itself_is_readable() -> None:
    assert read(b"[1]", JSON, "identity") == read(b"[1]", JSON) == Body(readable=True, document=[1])


def nested(depth: int, leaf: object) -> Any:
    """A leaf in so many lists and objects."""
    for at in range(depth):
        leaf = Pairs([("deeper", leaf)]) if at % 2 else [leaf]
    return leaf


VALUES: dict[str, tuple[object, str, list[object]]] = {
    "a field": ({"a": 1}, "a", [1]),
    "a list as it is": ({"a": [1, 2]}, "a[]", [1, 2]),
    "one value where a list belongs": ({"a": 1}, "a[]", [1]),
    "no field": ({"b": 1}, "a", []),
    "an empty value": ([{"a": None}, {"a": ""}, {"a": []}, {"a": {}}], "a", []),
    "a value that is false": ([{"a": 0}, {"a": False}], "a", [0, False]),
    "a field of the members of a list": ({"items": [{"a": 1}, {"a": 2}, 3]}, "items[].a", [1, 2]),
    "a field of one object where a list belongs": ({"items": {"a": 1}}, "items[].a", [1]),
    "lists of lists": ({"items": [[{"a": 1}], [[{"a": 2}]]]}, "items[].a", [1, 2]),
    "a list field of members": ({"items": [{"a": [1, 2]}]}, "items[].a[]", [1, 2]),
    "a list at the top": ([{"a": 1}, {"a": 2}], "a", [1, 2]),
    "a lone value": ("a", "a", []),
    "a form's list": ({"a[]": "1"}, "a[]", ["1"]),
    "a form's objects": ({"items[].a": "1", "items[]b": "2", "items[]c": "3"}, "items[].a", ["1"]),
    "a form's objects without a dot": ({"items[]a": "1"}, "items[].a", ["1"]),
    "a form's objects in brackets": ({"items[][a]": "1"}, "items[].a", ["1"]),
    "a form's objects of capitals": ({"items[]Xa": "1"}, "items[].Xa", ["1"]),
    "a form's lists in objects": ({"items[].a[]": "1"}, "items[].a[]", ["1"]),
    "a field of a form's other list": ({"other[].a": "1", "items": 1}, "items[].a", []),
    "a member's name at the top": ({"a": 1}, "items[].a", []),
}


def pairs(data: object) -> object:
    """The same data with its objects as pairs."""
    return json.loads(json.dumps(data), object_pairs_hook=Pairs)


@pytest.mark.parametrize(("data", "field", "expected"), VALUES.values(), ids=VALUES.keys())
def test_a_field_is_found_in_every_shape(data: object, field: str, expected: list[object]) -> None:
    assert list(Body(readable=True, document=pairs(data)).values(field)) == expected


def test_every_value_of_a_repeated_key_is_found() -> None:
    body = read(b'{"a": 1, "b": [{"c": 2, "c": 3}], "a": 4}', JSON)
    assert [list(body.values("a")), list(body.values("b[].c"))] == [[1, 4], [2, 3]]
    assert body.keys() == {"a", "b"}


def test_only_an_object_has_keys() -> None:
    assert [read(body, JSON).keys() for body in (b"[]", b'[{"a": 1}]', b"1", None)] == [frozenset()] * 4


LEAVES: dict[str, tuple[object, list[tuple[tuple[str, ...], object]]]] = {
    "a field": ({"a": 1}, [(("a",), 1)]),
    "members of a list": ({"a": [1, {"b": 2}]}, [(("a",), 1), (("a", "b"), 2)]),
    "objects in objects": ({"a": {"b": {"c": 0}}}, [(("a", "b", "c"), 0)]),
    "nothing but empty values": ({"a": None, "b": "", "c": [], "d": {}}, []),
    "a value that is false": ({"a": False}, [(("a",), False)]),
    "a form's objects": ({"items[].a": "1", "items[][b]": "2"}, [(("items", "a"), "1"), (("items", "b"), "2")]),
    "a name of separators only": ({"[]": "1"}, [((), "1")]),
    "a lone value": ("a", [((), "a")]),
    "nothing": (None, []),
}


@pytest.mark.parametrize(("data", "expected"), LEAVES.values(), ids=LEAVES.keys())
def test_every_value_is_found_with_the_names_that_lead_to_it(
    data: object, expected: list[tuple[tuple[str, ...], object]]
) -> None:
    assert list(Body(readable=True, document=pairs(data)).leaves()) == expected


def test_a_value_under_thousands_of_levels_is_found() -> None:
    [(names, value)] = Body(readable=True, document=nested(2_000, ITEM)).leaves()
    assert (len(names), value) == (1_000, ITEM)


def test_every_text_of_a_document_is_found_names_included() -> None:
    body = read(b'{"a": ["b", {"c": "d"}, 1, null], "e": "f"}', JSON)
    assert sorted(body.strings()) == ["a", "b", "c", "d", "e", "f"]
    assert list(Body(readable=True, document=nested(5_001, "deep")).strings()).count("deep") == 1
    assert [list(read(document, JSON).strings()) for document in (b'"a"', b"1")] == [["a"], []]


def test_a_name_that_only_begins_like_a_field_is_another() -> None:
    body = Body(readable=True, document=Pairs([("parents", "1"), ("parent", "2"), ("parent_id", "3")]))
    assert list(body.values("parent")) == ["2"]

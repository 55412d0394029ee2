"""A plain read through httpcore is copied in haste, and only where haste can leave nothing to others."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpcore
import httpcore2
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plane_guard import PlaneWriteBlocked, classify
from plane_guard.request import OVERRIDES
from plane_guard_instrumentation.clients import httpcore_copy

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane

PATH = b"/api/v1/workspaces/acme/projects/"
URL = b"https://api.plane.so" + PATH
COPIED = {core: httpcore_copy.copier_of_reads(core) for core in (httpcore, httpcore2)}
SPELLINGS = [spell(name) for name in sorted(OVERRIDES) for spell in (str.lower, str.upper, str.title, str.swapcase)]


class Bytes(bytes):
    """Says of itself that it is lower case already."""

    def lower(self) -> Bytes:
        return self


class Pair(tuple[Any, ...]):
    """Pairs that are not the built-in ones."""

    __slots__ = ()


Named = namedtuple("Named", "name value")  # noqa: PYI024


def read(core: Any = httpcore, **options: Any) -> Any:
    return core.Request(**{"method": "GET", "url": URL, "headers": [(b"Accept", b"*/*")]} | options)


def changed(change: Callable[[Any], object]) -> Any:
    request = read()
    change(request)
    return request


@pytest.mark.parametrize("core", COPIED, ids=lambda core: core.__name__)
def test_a_copy_is_the_same_and_shares_nothing_that_can_be_changed(core: Any) -> None:
    request = read(core, extensions={"timeout": {}}, content=b"kept")
    copied: Any = COPIED[core](request)
    made_by_its_class: Any = httpcore_copy.copied(request)

    for own in (copied, made_by_its_class):
        assert type(own) is core.Request
        assert (own.method, own.url, own.headers) == (request.method, request.url, request.headers)
        assert (b"".join(own.stream), own.extensions) == (b"kept", {"timeout": {}})
    assert vars(copied).keys() == vars(request).keys()
    for part in ("url", "headers", "stream", "extensions"):
        assert getattr(copied, part) is not getattr(request, part)


def test_the_stream_of_an_httpx_request_becomes_one_of_the_pool_s_own() -> None:
    request = read(content=httpx.Request("GET", "https://api.plane.so/", content=b"kept").stream)
    copied: Any = COPIED[httpcore](request)

    assert type(copied.stream) is type(read().stream)
    assert b"".join(copied.stream) == b"kept"


def test_a_body_that_can_be_changed_where_it_is_is_copied_as_well() -> None:
    body = bytearray(b"kept")
    request = changed(lambda request: setattr(request.stream, "_content", body))
    copied: Any = COPIED[httpcore](request)
    body[:] = b"lost"

    assert b"".join(copied.stream) == b"kept"


OTHERS: dict[str, Callable[[Any], object]] = {
    "a class of its own": lambda request: setattr(request, "__class__", type("Request", (httpcore.Request,), {})),
    "a URL of its own": lambda request: setattr(request.url, "__class__", type("URL", (httpcore.URL,), {})),
    "a URL of the other library": lambda request: setattr(request, "url", httpcore2.URL(URL)),
    "a target that can be changed": lambda request: setattr(request.url, "target", bytearray(PATH)),
    "a target that is a text": lambda request: setattr(request.url, "target", PATH.decode()),
    "a host that can be changed": lambda request: setattr(request.url, "host", bytearray(b"api.plane.so")),
    "a scheme that can be changed": lambda request: setattr(request.url, "scheme", bytearray(b"https")),
    "a port that is a text": lambda request: setattr(request.url, "port", "443"),
    "a method that is a text": lambda request: setattr(request, "method", "GET"),
    "a method of its own": lambda request: setattr(request, "method", Bytes(b"GET")),
    "a write": lambda request: setattr(request, "method", b"POST"),
    "a read in lower case": lambda request: setattr(request, "method", b"get"),
    "headers that are no list": lambda request: setattr(request, "headers", tuple(request.headers)),
    "a header that can be changed": lambda request: request.headers.append([b"X-A", b"b"]),
    "a header of its own": lambda request: request.headers.append(Pair((b"X-A", b"b"))),
    "a header with names": lambda request: request.headers.append(Named(b"X-A", b"b")),
    "a header that is a text": lambda request: request.headers.append(("X-A", b"b")),
    "a value that is a text": lambda request: request.headers.append((b"X-A", "b")),
    "a name that can be changed": lambda request: request.headers.append((bytearray(b"X-A"), b"b")),
    "a value that can be changed": lambda request: request.headers.append((b"X-A", bytearray(b"b"))),
    "a name of its own": lambda request: request.headers.append((Bytes(b"X-HTTP-Method-Override"), b"DELETE")),
    "a header of one": lambda request: request.headers.append((b"X-A",)),
    "a header of three": lambda request: request.headers.append((b"X-A", b"b", b"c")),
    "a target for a proxy": lambda request: request.extensions.update(target=PATH),
    "extensions that are no mapping": lambda request: setattr(request, "extensions", 1),
    "a stream": lambda request: setattr(request, "stream", iter([b"x"])),
    "nothing that can be read": lambda request: delattr(request, "stream"),
}


def overriding(name: str) -> Callable[[Any], object]:
    return lambda request: request.headers.append((name.encode(), b"DELETE"))


OTHERS |= {f"the override {name}": overriding(name) for name in SPELLINGS}


@pytest.mark.parametrize("other", OTHERS)
def test_everything_else_is_left_to_the_careful_way(other: str) -> None:
    assert COPIED[httpcore](changed(OTHERS[other])) is None


def test_headers_that_can_be_read_once_are_not_used_up() -> None:
    request = read()
    request.headers = iter(request.headers)

    assert COPIED[httpcore](request) is None
    assert list(request.headers) == [(b"Accept", b"*/*")]


def test_another_version_of_the_library_is_left_to_the_careful_way() -> None:
    class Newer(httpcore.Request):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.priority = 1

    copied_read = httpcore_copy.copier_of_reads(SimpleNamespace(Request=Newer))  # type: ignore[arg-type]

    assert copied_read(Newer("GET", URL)) is None


@given(
    st.sampled_from(["GET", "HEAD", "OPTIONS", "TRACE", "get", "POST", "DELETE", "QUERY"]),
    st.lists(st.tuples(st.sampled_from(["Accept", "X-A", *SPELLINGS]), st.sampled_from(["x", "DELETE"])), max_size=3),
)
def test_what_is_copied_in_haste_is_what_no_judgement_would_have_stopped(
    method: str, headers: list[tuple[str, str]]
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    is_write = classify(method, URL.decode(), headers=raw) is not None

    assert (COPIED[httpcore](read(method=method, headers=raw)) is None) is is_write


@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize("name", SPELLINGS)
def test_a_read_that_a_header_makes_a_write_is_not_sent(plane: FakePlane, name: str) -> None:
    for made in (name, name.encode()):
        request = httpcore.Request("GET", plane.url.encode() + PATH)
        request.headers.append((made, b"DELETE"))  # type: ignore[arg-type]
        with httpcore.ConnectionPool() as pool, pytest.raises(PlaneWriteBlocked):
            pool.handle_request(request)

    assert plane.requests == []

"""A Plane host is recognized however a client spells it, and nothing else is taken for one."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

import pytest

from plane_guard import PlaneWriteBlocked, process
from plane_guard_instrumentation.connections import audit_hook, known_hosts, libcurl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plane_guard import Settings

PLANE = (
    "api.plane.so",
    "app.plane.so",
    "API.Plane.SO",
    "api.plane.so.",
    " api.plane.so",
    "api\u3002plane\u3002so\u3002",
    "\uff41\uff50\uff49.plane.so",
    "api.pl\u200bane.so",
    b"api.plane.so",
    b"API.PLANE.SO.",
    bytearray(b"api.plane.so"),
)
OTHERS = (
    "plane.so",
    "api.plane.so.example.com",
    "example.com",
    "xn--api.plane.so",
    "127.0.0.1",
    "::1",
    "",
    "/var/run/docker.sock",
    b"\xff\xfe",
    "a" * 300 + "\u3002\u3002",
    None,
    443,
    ("api.plane.so", 443),
    object(),
)
URLS = {
    "https://api.plane.so/api/v1/": ("api.plane.so", 443),
    "http://api.plane.so:8080": ("api.plane.so", 8080),
    "HTTP://user:secret@api.plane.so/": ("api.plane.so", 80),
    "api.plane.so": ("api.plane.so", None),
    "api.plane.so:443/api": ("api.plane.so", 443),
    "//api.plane.so/x": ("api.plane.so", None),
    "https:/api.plane.so/x": ("api.plane.so", 443),
    "https:///api.plane.so/x": ("api.plane.so", 443),
    " https://api.plane.so/x": ("api.plane.so", 443),
    "https://api%2Eplane.so/x": ("api.plane.so", 443),
    "https://127.0.0.1:1\\@api.plane.so:2/": ("api.plane.so", 2),
    "https://api.plane.so#@127.0.0.1": ("api.plane.so", 443),
    "https://\uff41pi.plane.so/": ("\uff41pi.plane.so", 443),
    "https://example.com/https://api.plane.so": ("example.com", 443),
    "https://example.com?@api.plane.so": ("example.com", 443),
    "https://[::1]:8443/": ("::1", 8443),
    "": ("", None),
}


@pytest.mark.parametrize("host", PLANE, ids=ascii)
def test_every_spelling_of_a_plane_host_is_one(host: object) -> None:
    assert known_hosts.plane_host(host) in {"api.plane.so", "app.plane.so"}


@pytest.mark.parametrize("host", OTHERS, ids=lambda host: ascii(host).partition(" at 0x")[0][:40])
def test_nothing_else_is_a_plane_host(host: object) -> None:
    assert known_hosts.plane_host(host) == ""


class Spelled(str):
    """Equal to whatever it is compared with."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@pytest.fixture
def fixed() -> Iterator[Settings]:
    """What is in force; a test may add to it."""
    before = process.fixed()
    yield before
    process._State.fixed = before


EVENTS: dict[str, Callable[[object], tuple[object, ...]]] = {
    "socket.connect": lambda host: (None, (host, 443)),
    "socket.sendto": lambda host: (None, (host, 443)),
    "socket.getaddrinfo": lambda host: (host, 443),
}


@pytest.mark.usefixtures("plane_blocked_writes")
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("spelled", [str, str.encode, str.upper])
def test_a_host_that_was_none_of_plane_s_is_one_as_soon_as_it_is_configured(
    fixed: Settings, event: str, spelled: Callable[[str], object]
) -> None:
    arguments = EVENTS[event](spelled("plane.example.com"))
    for _ in range(2):
        audit_hook._WATCHED[event](arguments)
    process.fix({"hosts": ["plane.example.com"]})
    for _ in range(2):
        with pytest.raises(PlaneWriteBlocked):
            audit_hook._WATCHED[event](arguments)


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    for number in range(2_000):
        assert known_hosts.plane_host(f"{number}.example.com") == ""
    assert known_hosts._known.cache_info().currsize <= 1_024


@pytest.mark.usefixtures("plane_blocked_writes", "fixed")
def test_before_anything_is_in_force_a_host_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process._State, "fixed", None)
    with pytest.raises(PlaneWriteBlocked):
        audit_hook._WATCHED["socket.connect"]((None, ("api.plane.so", 443)))


@pytest.mark.usefixtures("plane_blocked_writes")
def test_a_text_that_equals_another_is_judged_by_what_it_spells() -> None:
    assert known_hosts.plane_host("127.0.0.1") == ""
    host = Spelled("api.plane.so")
    assert known_hosts.plane_host(host) == "api.plane.so"
    with pytest.raises(PlaneWriteBlocked):
        audit_hook._WATCHED["socket.connect"]((None, (host, 443)))


@pytest.mark.usefixtures("plane_blocked_writes")
def test_an_address_may_be_a_tuple_with_names() -> None:
    address = namedtuple("address", "host port")  # noqa: PYI024  as other tools make them
    with pytest.raises(PlaneWriteBlocked):
        audit_hook._WATCHED["socket.connect"]((None, address("api.plane.so", 443)))


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("spelled", [str, str.encode])
def test_a_url_is_read_as_libcurl_reads_it(url: str, spelled: type) -> None:
    host, port = URLS[url]
    assert libcurl._place(spelled(url)) == (host, port)


@pytest.mark.parametrize(
    "address",
    ["/run/api.plane.so", b"/run/docker.sock", None, (), ("api.plane.so",), (1, 2), 443, ("eth0", 3)],
    ids=repr,
)
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_addresses_that_are_no_hosts_pass(event: str, address: object) -> None:
    audit_hook._WATCHED[event]((None, address))

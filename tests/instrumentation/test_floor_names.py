"""The floor recognises a Plane host however a client spells it, and takes nothing else for one."""

from __future__ import annotations

import pytest

from plane_guard_instrumentation import _audit_hook, _connection, _curl

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
    "https://api.plane.so/api/v1/": ("api.plane.so", None),
    "http://api.plane.so:8080": ("api.plane.so", 8080),
    "HTTP://user:secret@api.plane.so/": ("api.plane.so", None),
    "api.plane.so": ("api.plane.so", None),
    "api.plane.so:443/api": ("api.plane.so", 443),
    "//api.plane.so/x": ("api.plane.so", None),
    "https:/api.plane.so/x": ("api.plane.so", None),
    "https:///api.plane.so/x": ("api.plane.so", None),
    " https://api.plane.so/x": ("api.plane.so", None),
    "https://api%2Eplane.so/x": ("api.plane.so", None),
    "https://127.0.0.1:1\\@api.plane.so:2/": ("api.plane.so", 2),
    "https://api.plane.so#@127.0.0.1": ("api.plane.so", None),
    "https://\uff41pi.plane.so/": ("\uff41pi.plane.so", None),
    "https://example.com/https://api.plane.so": ("example.com", None),
    "https://example.com?@api.plane.so": ("example.com", None),
    "https://[::1]:8443/": ("::1", 8443),
    "": ("", None),
}


@pytest.mark.parametrize("host", PLANE, ids=ascii)
def test_every_spelling_of_a_plane_host_is_one(host: object) -> None:
    assert _connection.plane_host(host) in {"api.plane.so", "app.plane.so"}


@pytest.mark.parametrize("host", OTHERS, ids=lambda host: ascii(host).partition(" at 0x")[0][:40])
def test_nothing_else_is_a_plane_host(host: object) -> None:
    assert _connection.plane_host(host) == ""


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("spelled", [str, str.encode])
def test_a_url_is_read_as_libcurl_reads_it(url: str, spelled: type) -> None:
    host, port = URLS[url]
    assert _curl._place(spelled(url)) == (host, port)


@pytest.mark.parametrize(
    "address",
    ["/run/api.plane.so", b"/run/docker.sock", None, (), ("api.plane.so",), (1, 2), 443, ("eth0", 3)],
    ids=repr,
)
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_addresses_that_are_no_hosts_pass(event: str, address: object) -> None:
    _audit_hook._WATCHED[event]((None, address))

"""Hosts, ports and headers: where a request really goes, and whose host it is."""

from __future__ import annotations

import pytest

from plane_guard import DEFAULT_HOSTS, Settings, classify, hosts
from plane_guard.classification import plane_shaped_address
from plane_guard.request import in_one, read_fields, read_request, text
from tests.guard.plane import ITEM, PROD, SANDBOX, names, project_path, url

LABELS = project_path(SANDBOX, "labels/")
CONFIGURED = frozenset({"plane.example.com"})

ON_A_CONFIGURED_HOST = {
    "/api/users/me/": ("workspace", "/api/users/me/"),
    "/api/": ("workspace", "/api/"),
    "/api": ("workspace", "/api/"),
    "/API/users/me/": ("workspace", "/{id}/users/me/"),
    "/base/api/instances/": ("workspace", "/api/instances/"),
    "/api/v1/users/me/": ("workspace", "/api/v1/users/me/"),
    "/api/graphql/": ("workspace", "/api/graphql/"),
    "/graphql": ("unknown", "/graphql/"),
    "/graphql/": ("unknown", "/graphql/"),
    "/mcp": ("unknown", "/mcp/"),
    "/mcp/sse": ("unknown", "/mcp/sse/"),
    "/http/mcp": ("unknown", "/http/mcp/"),
    "/http/x": ("unknown", "/http/x/"),
    "/sse": ("unknown", "/sse/"),
    "/sse/x": ("unknown", "/sse/x/"),
    "/messages/": ("unknown", "/messages/"),
    "/auth/sign-in/": ("workspace", "/auth/sign-in/"),
    "/auth/o/token/x/": ("workspace", "/auth/o/token/x/"),
    "/%61pi/users/": ("workspace", "/api/users/"),
    "/x/..%2fapi/users/": ("workspace", "/api/users/"),
    "/uploads/../api/users/": ("workspace", "/api/users/"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), ON_A_CONFIGURED_HOST.items(), ids=ON_A_CONFIGURED_HOST.keys())
def test_every_write_to_the_api_of_a_configured_host_counts(path: str, expected: tuple[str, str]) -> None:
    write = classify("POST", url(path), hosts=CONFIGURED)
    assert write is not None
    assert (write.op, write.url_template, write.project_id) == (*expected, None)
    assert classify("POST", url(path)) is None


@pytest.mark.parametrize(
    "path",
    ["/", "/uploads/x", "/uploads/api/users/", "/auth/o/token/", "/auth/o/revoke-token", "/auth/o/TOKEN/",
     "/x/auth/o/token", "/live/x", "/assets/index.js", "/assets/sse.js", "/messages/x", "/apis/", "/silo/x"],
)  # fmt: skip
def test_storage_and_token_endpoints_of_a_configured_host_are_no_writes(path: str) -> None:
    assert classify("POST", url(path), hosts=CONFIGURED) is None


def test_reads_of_a_configured_host_are_none() -> None:
    assert classify("GET", "https://api.plane.so/api/users/me/") is None


def test_plane_s_own_hosts_are_configured_by_default() -> None:
    names_of_plane = ("api", "app", "mcp", "pi", "silo", "sites")
    assert {f"{name}.plane.so" for name in names_of_plane} == DEFAULT_HOSTS
    assert all(classify("POST", f"https://{host}/graphql") is not None for host in DEFAULT_HOSTS)


def test_the_live_editor_of_plane_s_own_app_is_a_write() -> None:
    write = classify("POST", "https://app.plane.so/live/x")
    assert write is not None
    assert (write.op, write.project_id, write.url_template) == ("workspace", None, "/live/x/")
    assert classify("POST", "https://api.plane.so/live/x") is None


@pytest.mark.parametrize("host", ["sites.plane.so", "boards.example.com"])
def test_a_public_board_is_recognised_on_every_host(host: str) -> None:
    write = classify("POST", f"https://{host}/base/api/public/anchor/abc9/issues/{ITEM}/comments/")
    assert write is not None
    assert (write.op, write.work_item, write.project_id) == ("comment", ITEM, None)
    assert write.url_template == "/api/public/anchor/{anchor}/issues/{work_item_id}/comments/"


def test_the_files_of_a_public_board_are_recognized_on_every_host() -> None:
    write = classify("POST", url("/api/public/assets/v2/anchor/abc9/"))
    assert write is not None
    assert (write.op, write.url_template) == ("attachment", "/api/public/assets/v2/anchor/{anchor}/")
    assert classify("POST", url("/api/public/assets/v2/anchor/")) is None


@pytest.mark.parametrize("below", ["", "abc9", "abc9/"])
def test_a_public_board_has_a_name_and_something_below_it(below: str) -> None:
    assert classify("POST", url(f"/api/public/anchor/{below}")) is None


ADDRESSES = {
    "https://plane.example.com": ("plane.example.com", 443),
    "http://plane.example.com": ("plane.example.com", 80),
    "HTTPS://PLANE.EXAMPLE.COM": ("plane.example.com", 443),
    "https://plane.example.com.": ("plane.example.com", 443),
    "https://plane.example.com:8443": ("plane.example.com", 8443),
    "https://plane.example.com:": ("plane.example.com", 443),
    "https://plane.example.com:99999": ("plane.example.com", 99999),
    "https://plane.example.com:999999": ("plane.example.com", 443),
    "https://plane.example.com:٣": ("plane.example.com", 443),
    "https://plane.example.com:²": ("plane.example.com", 443),
    "https://user:secret@plane.example.com": ("plane.example.com", 443),
    "https://api.plane.so@plane.example.com:1": ("plane.example.com", 1),
    "ws://plane.example.com": ("plane.example.com", None),
    "//plane.example.com": ("plane.example.com", None),
    "http://[2001:db8::1]": ("2001:db8::1", 80),
    "http://[2001:db8::1]:8000": ("2001:db8::1", 8000),
    "http://[::1]]:1": ("::1", 80),
    "http://127.0.0.1:8000": ("127.0.0.1", 8000),
    "https://plané.example.com": ("xn--plan-epa.example.com", 443),
    "https://.é": (".é", 443),
    "https://plane\u3002example.com\u3002": ("plane.example.com", 443),
    "https://plane.example.com\uff0e\uff61": ("plane.example.com", 443),
    "": ("", None),
}  # fmt: skip


@pytest.mark.parametrize(("origin", "expected"), ADDRESSES.items(), ids=names(ADDRESSES))
def test_the_server_is_named_without_credentials(origin: str, expected: tuple[str, int | None]) -> None:
    write = classify("POST", origin + LABELS)
    assert write is not None
    assert (write.server_address, write.server_port, write.project_id) == (*expected, SANDBOX)


def test_a_path_without_a_host_is_read_as_a_path() -> None:
    found = [classify("POST", text) for text in (LABELS, LABELS[1:], f"x:{LABELS}")]
    assert [write and (write.server_address, write.project_id) for write in found] == [("", SANDBOX)] * 3
    assert classify("POST", f"X{LABELS[1:]}") is None


def test_one_host_is_named_without_a_collection_around_it() -> None:
    write = classify("POST", "https://plane.example.com/graphql", hosts="plane.example.com")
    assert write is not None
    assert write.server_address == "plane.example.com"
    assert classify("POST", "https://plane.example.com/graphql", hosts="plane.example.com.au") is None


def test_a_scheme_that_is_none_is_part_of_the_path() -> None:
    write = classify("POST", f"a+b://plane.example.com{LABELS}")
    assert write is not None
    assert (write.server_address, write.project_id, write.projects) == ("", None, (SANDBOX,))


def test_a_host_alone_has_no_path_and_a_word_alone_no_host() -> None:
    assert classify("POST", "https://api", hosts={"api"}) is None
    assert classify("POST", "https:", hosts={""}) is None
    word = classify("POST", "api", hosts={""})
    assert word is not None
    assert (word.server_address, word.server_port, word.url_template) == ("", None, "/api/")
    assert read_request("POST", "http").port is None


def test_a_request_is_taken_apart() -> None:
    headers = [
        (b"Content-Type", b"A/b"),
        ("content-type", "c"),
        ("Content-Encoding", " GZIP"),
        (b"CONTENT-encoding", "br"),
    ]
    assert read_fields([*headers, ("Host", "i"), ("Cookie", "no"), (b"HOST", bytearray(b"\xe9"))]) == {
        "content-type": ("A/b", "c"), "content-encoding": (" GZIP", "br"), "host": ("i", "\u00e9"),
    }  # fmt: skip
    assert in_one({"content-type": ("A/b", "c")}, "content-type") == "A/b,c"
    assert in_one({}, "content-type") == ""
    mapping: dict[object, object] = {"Script-Name": ""}
    assert read_fields(mapping) == {"script-name": ("",)}
    assert read_request("p\u00e9st", "HTTP://H:1/x?y", ("i",)) == ("p\u00e9st", (("h", 1), ("i", 80)), "/x", True)
    assert read_request("GET", "http://h/", overridden=True) == ("GET", (("h", 80),), "/", True)
    assert not read_request("GET", "http://h/http://h/").is_ambiguous
    assert read_request("GET", "http://h") == ("GET", (("h", 80),), "", False)
    assert read_request("GET", "http://h:1/http://h:2/").hosts == ("h",)


SAME_PLACE: list[tuple[str, object]] = [
    ("https://h", [("Host", "h")]),
    ("https://h", [("host", "H.")]),
    ("https://h", [("HOST", "h:443")]),
    ("http://h", {"Host": "h:80"}),
    ("http://h:8000", [(b"host", b"h:8000")]),
    ("http://h", [("X-Forwarded-Host", "other"), ("X-Api-Key", "secret"), ("Forwarded", "host=other")]),
    ("http://h", []),
    ("http://h", {}),
]
ANOTHER_PLACE: list[tuple[str, object]] = [
    ("https://h", [("Host", "other")]),
    ("https://h", {b"host": b"other"}),
    ("https://h", [("Host", "h"), ("Host", "other")]),
    ("https://h", [("Host", "h:80")]),
    ("http://h:8000", [("Host", "h")]),
    ("https://h", [("Host", "")]),
    ("https://h", [("X-HTTP-Method-Override", "DELETE")]),
    ("https://h", [("x-http-method", "DELETE")]),
    ("https://h", [("X-Method-Override", "")]),
    ("https://h", [("X-Original-URL", "/x")]),
    ("https://h", [(b"x-rewrite-url", b"/x")]),
    ("https://h", {"Script-Name": "/x"}),
    ("https://h", {"X-Script-Name": "/x"}),
    ("https://h/http://other", []),
    ("https://h/https://h:1", []),
]


@pytest.mark.parametrize(("origin", "headers"), SAME_PLACE)
def test_headers_that_agree_with_the_url_change_nothing(origin: str, headers: object) -> None:
    write = classify("POST", origin + LABELS, headers=headers)  # type: ignore[arg-type]
    assert write is not None
    assert (write.project_id, write.server_address) == (SANDBOX, "h")


@pytest.mark.parametrize(("origin", "headers"), ANOTHER_PLACE)
def test_a_request_that_could_go_elsewhere_is_ambiguous(origin: str, headers: object) -> None:
    write = classify("POST", origin + LABELS, headers=headers)  # type: ignore[arg-type]
    assert write is not None
    assert (write.project_id, write.projects, write.server_address) == (None, (SANDBOX,), "h")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_with_an_override_is_judged_as_a_write(method: str) -> None:
    write = classify(method, url(LABELS), headers=[("X-HTTP-Method-Override", "PATCH")])
    assert write is not None
    assert (write.project_id, write.projects, write.op) == (None, (SANDBOX,), "unknown")


def test_a_post_that_reads_is_a_write_when_it_is_odd() -> None:
    path = project_path(PROD, "workflow-fallback-preview/")
    odd = classify("POST", url(f"/{path}")), classify("POST", url(path), headers=[("Host", "other")])
    assert [write and (write.op, write.project_id, write.projects) for write in odd] == [("unknown", None, (PROD,))] * 2
    assert classify("POST", url(path)) is None


@pytest.mark.parametrize("target", ["http://plane.example.com:80", "http://plane.example.com"])
def test_an_absolute_form_to_the_same_server_agrees(target: str) -> None:
    write = classify("POST", f"http://plane.example.com/{target}{LABELS}")
    assert write is not None
    assert (write.project_id, write.projects) == (None, (SANDBOX,))


MATCHES = {
    ("h", "h", 80): True,
    ("h", "H.", None): True,
    ("h:80", "h", 80): True,
    ("h:80", "h", 81): False,
    ("h:80", "h", None): False,
    ("h:80", "h.example", 80): False,
    ("::1", "[::1]", 80): True,
    ("[::1]:80", "::1", 80): True,
    ("[::1]:80", "::1", 81): False,
    ("xn--plan-epa", "plané", 1): True,
}


@pytest.mark.parametrize(("address", "expected"), MATCHES.items())
def test_an_entry_with_a_port_matches_that_port_only(address: tuple[str, str, int | None], expected: object) -> None:
    entry, host, port = address
    assert hosts.matches({entry}, host, port) is expected


@pytest.mark.parametrize("entry", ["h", "h:80", "h:8000"])
def test_an_entry_names_its_host_whatever_the_port(entry: str) -> None:
    assert hosts.names({"other", entry}, "H")
    assert not hosts.names({entry}, "h.example")


def test_an_entry_with_a_port_names_an_ipv6_address() -> None:
    assert hosts.names({"[::1]:80"}, "::1")
    assert not hosts.names({"[::1]:80"}, "::")


def test_a_configured_port_is_part_of_the_host() -> None:
    urls = [f"http://127.0.0.1:{port}/api/users/me/" for port in (8000, 8001)]
    found = [classify("POST", url, hosts={"127.0.0.1:8000"}) for url in urls]
    assert [write is not None for write in found] == [True, False]


CLIENT_URLS = {
    "https://plane.example.com": "plane.example.com",
    "https://plane.example.com:8443/base": "plane.example.com:8443",
    "http://localhost:8000/": "localhost:8000",
    "http://localhost/": "localhost:80",
    "https://127.0.0.2": "127.0.0.2:443",
    "http://[::1]/": "[::1]:80",
    "http://127.example.com": "127.example.com",
    "localhost": "localhost",
    "plane.example.com": "plane.example.com",
}


@pytest.mark.parametrize("variable", hosts.CLIENT_VARIABLES)
@pytest.mark.parametrize(("value", "entry"), CLIENT_URLS.items())
def test_the_variables_of_plane_clients_name_hosts(variable: str, value: str, entry: str) -> None:
    assert Settings.from_environ({variable: value}).hosts == DEFAULT_HOSTS | {entry}


@pytest.mark.parametrize("value", ["", " ", "*", "http://", "<url>"])
def test_a_variable_of_another_tool_that_names_no_host_is_ignored(value: str) -> None:
    assert Settings.from_environ({"PLANE_BASE_URL": value}) == Settings()


def test_a_host_header_makes_a_configured_host() -> None:
    users = "/api/users/me/"
    assert classify("POST", f"http://10.0.0.1{users}") is None
    assert classify("POST", f"http://10.0.0.1{users}", headers=[("Host", "app.plane.so")]) is not None
    assert classify("POST", f"http://proxy/https://app.plane.so{users}") is not None
    assert classify("POST", f"http://proxy/X://app.plane.so{users}") is not None


LOOK_ALIKE = "/api/v1/workspaces/64c77/projects/64d0/tasks"


@pytest.mark.parametrize("host", ["api.clockify.me", "clockify.me", "global.api.clockify.me.", "app.terraform.io"])
def test_apis_that_look_like_plane_are_left_alone(host: str) -> None:
    assert classify("POST", f"https://{host}{LOOK_ALIKE}") is None
    assert classify("POST", f"https://{host}{LOOK_ALIKE}", headers=[("Host", host)]) is None


@pytest.mark.parametrize("host", ["notclockify.me", "clockify.me.example.com", "clockify.example.com", "plane"])
def test_hosts_that_look_like_look_alikes_are_not(host: str) -> None:
    assert classify("POST", f"https://{host}{LOOK_ALIKE}") is not None


def test_a_look_alike_is_no_way_to_plane() -> None:
    asked = "https://api.clockify.me" + LOOK_ALIKE
    assert classify("POST", asked, headers=[("Host", "api.plane.so")]) is not None
    assert classify("POST", "https://plane" + LOOK_ALIKE, headers=[("Host", "clockify.me")]) is not None
    assert classify("POST", asked, hosts={"api.clockify.me"}) is not None


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", b"x-http-method-override", bytearray(b"X-Http-Method-Override")]
)
def test_a_header_is_known_by_its_name_whatever_holds_it(name: object) -> None:
    write = classify("GET", url(LABELS), headers=[(5, "x"), (b"Accept", b"*/*"), (name, b"DELETE")])
    assert write is not None
    assert write.project_id is None


def test_other_headers_leave_a_read_a_read() -> None:
    assert (
        classify("GET", url(LABELS), headers=[(5, "x"), (bytearray(b"Accept"), "x"), (b"Host", b"elsewhere")]) is None
    )


class Odd(str):
    """A text that says of itself that it is another."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return self


def test_text_is_the_text_itself() -> None:
    assert (type(text(Odd("a"))), text(Odd("a")) == "b", text(Odd("a")) == "a") == (str, False, True)
    assert (text(b"\xe9a"), text(bytearray(b"a")), text(5)) == ("\xe9a", "a", "5")


@pytest.mark.parametrize(
    ("port", "entry"),
    [("1", "one.example:1"), ("12345", "one.example:12345"), ("65535", "one.example:65535")]
    + [(port, "one.example") for port in ("0", "65536", "123456", "000080", "x", "")],
)
def test_a_port_is_a_number_that_servers_can_have(port: str, entry: str) -> None:
    assert hosts.read_entry(f"one.example:{port}") == entry


@pytest.mark.parametrize(
    "host", ["localhost", "plane.localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "[::1]", "::1"]
)
def test_names_and_addresses_of_this_machine_are_loopback(host: str) -> None:
    assert hosts.is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "[2001:db8::1]", "xlocalhost", "X[::1]X"])
def test_other_names_and_addresses_are_not_loopback(host: str) -> None:
    assert not hosts.is_loopback(host)


def test_the_port_that_a_url_of_a_client_implies_is_read_from_its_scheme() -> None:
    url = "http://127.0.0.1/?next=https://plane.example.com"
    assert hosts.client_hosts({"PLANE_BASE_URL": url}) == {"127.0.0.1:80"}


def test_a_path_that_only_plane_has_tells_its_address() -> None:
    path = "/api/v1/workspaces/acme/projects/"
    assert plane_shaped_address(f"https://plane.example.com:8443{path}") == ("plane.example.com", 8443)
    assert plane_shaped_address(f"http://user@plane.example.com{path}") == ("plane.example.com", 80)
    assert plane_shaped_address("https://plane.example.com/mcp") is None
    assert plane_shaped_address("https://api.plane.so/api/instances/") is None
    assert plane_shaped_address(f"https://api.clockify.me{path}") is None


@pytest.mark.parametrize("text", ["::1", "[::1]", "http://[::1]/x", "[::1]:0"])
def test_an_ipv6_address_is_an_entry_with_and_without_brackets(text: str) -> None:
    assert hosts.read_entry(text) == "::1"
    assert hosts.read_entry("[fe80::1]:8000") == "[fe80::1]:8000"

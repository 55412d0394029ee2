"""Odd paths: read as a real server and the proxies before it read them, and never trusted when those would differ."""

from __future__ import annotations

from itertools import product
from urllib.parse import quote

import pytest

from plane_guard import classify
from plane_guard.paths import decode, first_line_might_be_plane, might_be_plane, read, text_might_be_plane
from tests.guard.plane import ITEM, OTHER_ITEM, PROD, SANDBOX, names, project_path, url

IN_PROD = project_path(PROD, f"work-items/{OTHER_ITEM}/")
IN_SANDBOX = project_path(SANDBOX, f"work-items/{ITEM}/")
BOTH = (SANDBOX, PROD)


def encoded(text: str) -> str:
    """Every character percent-encoded."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


# What the server makes of each: reference/plane-server.md, tables A and C. First the project that the path is in,
# None where two readers could differ; then every project that any reader finds in it.
PATHS = {
    "production as it is": (IN_PROD, PROD, (PROD,)),
    "the older spelling": (IN_PROD.replace("work-items", "issues"), PROD, (PROD,)),
    "the sandbox as it is": (IN_SANDBOX, SANDBOX, (SANDBOX,)),
    "no trailing slash": (IN_SANDBOX.rstrip("/"), SANDBOX, (SANDBOX,)),
    "behind a prefix": (f"/plane/base{IN_PROD}", PROD, (PROD,)),
    "behind a prefix of a capital": (f"/X{IN_PROD}", PROD, (PROD,)),
    "behind a prefix called api": (f"/api{IN_PROD}", PROD, (PROD,)),
    "an upper-case id": (IN_PROD.replace(PROD, PROD.upper()), None, (PROD,)),
    "an upper-case sandbox": (IN_SANDBOX.replace(SANDBOX, SANDBOX.upper()), None, (SANDBOX,)),
    "an id without dashes": (IN_PROD.replace(PROD, PROD.replace("-", "")), None, (PROD,)),
    "an id in braces": (IN_PROD.replace(PROD, f"{{{PROD}}}"), None, (PROD,)),
    "an id as urn": (IN_PROD.replace(PROD, f"urn:uuid:{PROD}"), None, (PROD,)),
    "an identifier where v1 wants an id": (project_path("ORCH", "labels/"), None, ()),
    "half an id": (project_path(SANDBOX[:-1], "labels/"), None, ()),
    "two slashes before api": (f"/{IN_PROD}", None, (PROD,)),
    "two slashes after api": (IN_SANDBOX.replace("/api/", "/api//"), None, (SANDBOX,)),
    "two slashes before the id": (IN_PROD.replace("projects/", "projects//"), None, (PROD,)),
    "two slashes at the end": (f"{IN_SANDBOX}/", None, (SANDBOX,)),
    "raw dots": (project_path(f"{SANDBOX}/../{PROD}", "labels/"), None, BOTH),
    "encoded dots": (project_path(f"{SANDBOX}/%2e%2E/{PROD}", "labels/"), None, BOTH),
    "one encoded dot": (project_path(f"{SANDBOX}/.%2E/{PROD}", "labels/"), None, BOTH),
    "dots and an encoded slash": (project_path(f"{SANDBOX}/..%2f{PROD}", "labels/"), None, BOTH),
    "doubly encoded dots": (project_path(f"{SANDBOX}/%252e%252e/{PROD}", "labels/"), None, BOTH),
    "dots and a backslash": (project_path(rf"{SANDBOX}/..\{PROD}", "labels/"), None, BOTH),
    "dots and an encoded backslash": (project_path(f"{SANDBOX}/..%5c{PROD}", "labels/"), None, BOTH),
    "two levels up and down again": (
        project_path(SANDBOX, f"work-items/../../{PROD}/work-items/{OTHER_ITEM}/"), None, BOTH,
    ),
    "dots after production": (project_path(f"{PROD}/../{SANDBOX}", "labels/"), None, (PROD, SANDBOX)),
    "more dots than there are segments": (f"/../../..{IN_SANDBOX}", None, (SANDBOX,)),
    "dots that end in the sandbox": (project_path(SANDBOX, "labels/x/.."), None, (SANDBOX,)),
    "dots that a client collapses and dots that it does not": (
        project_path(f"x/../{PROD}/..%2f{SANDBOX}", "labels/"), None, (PROD, SANDBOX),
    ),
    "two slashes and dots": (project_path(f"{SANDBOX}//../{PROD}", "labels/"), None, BOTH),
    "one dot and two": (project_path(f"{SANDBOX}/./../{PROD}", "labels/"), None, BOTH),
    "a decoded mark right behind the id": (f"/api/v1/workspaces/acme/projects/{PROD}%3Fx", None, (PROD,)),
    "a decoded mark and a line break": (f"/api/v1/workspaces/acme/projects/{PROD}%3Fx%0a", None, (PROD,)),
    "one dot": (IN_SANDBOX.replace("/work-items", "/./work-items"), None, (SANDBOX,)),
    "an encoded single dot": (IN_SANDBOX.replace("/work-items", "/%2e/work-items"), None, (SANDBOX,)),
    "dots inside a name": (project_path(SANDBOX, "labels/..x.y../"), SANDBOX, (SANDBOX,)),
    "one character of the id encoded": (IN_PROD.replace(PROD, f"%64{PROD[1:]}"), PROD, (PROD,)),
    "encoded dashes": (IN_PROD.replace(PROD, PROD.replace("-", "%2D")), PROD, (PROD,)),
    "the whole id encoded": (IN_PROD.replace(PROD, encoded(PROD)), PROD, (PROD,)),
    "the whole sandbox encoded": (IN_SANDBOX.replace(SANDBOX, encoded(SANDBOX)), SANDBOX, (SANDBOX,)),
    "a literal word encoded": (IN_PROD.replace("projects", "p%72ojects"), PROD, (PROD,)),
    "the root encoded": (IN_PROD.replace("/api/", "/%61pi/"), PROD, (PROD,)),
    "the slug encoded": (IN_PROD.replace("acme", "%61cme"), PROD, (PROD,)),
    "encoded slashes": (project_path(PROD, "labels/").replace(f"s/{PROD}/", f"s%2F{PROD}%2f"), None, (PROD,)),
    "encoded slashes in the sandbox": (IN_SANDBOX.replace("/work-items/", "%2Fwork-items%2F"), None, (SANDBOX,)),
    "the whole path encoded": (f"/{quote(IN_PROD[1:], safe='').replace('-', '%2D')}", None, (PROD,)),
    "a doubly encoded character": (IN_PROD.replace(PROD, f"%2564{PROD[1:]}"), None, (PROD,)),
    "an encoded upper-case letter": (IN_PROD.replace(PROD, f"%44{PROD[1:]}"), None, (PROD,)),
    "an escape that is none": (IN_SANDBOX.replace("/work-items", "%zz/work-items"), None, ()),
    "an escape that is cut off": (f"{IN_SANDBOX}%", None, (SANDBOX,)),
    "an encoded zero byte": (IN_SANDBOX.replace("/work-items", "%00/work-items"), None, (SANDBOX,)),
    "an encoded line break": (IN_SANDBOX.replace("/work-items", "%0a/work-items"), None, (SANDBOX,)),
    "an encoded delete character": (IN_SANDBOX.replace("/work-items", "%7F/work-items"), None, (SANDBOX,)),
    "a raw tab, which some clients drop": (IN_PROD.replace(PROD, f"{PROD[:5]}\t{PROD[5:]}"), None, (PROD,)),
    "an encoded blank": (IN_SANDBOX.replace(SANDBOX, f"{SANDBOX}%20"), None, (SANDBOX,)),
    "parameters": (IN_SANDBOX.replace(SANDBOX, f"{SANDBOX};x"), None, (SANDBOX,)),
    "parameters with a project": (IN_SANDBOX.replace(SANDBOX, f"{SANDBOX};/projects/{PROD}"), None, BOTH),
    "encoded parameters": (IN_SANDBOX.replace(SANDBOX, f"{SANDBOX}%3Bx"), None, (SANDBOX,)),
    "an encoded question mark": (f"{project_path(PROD)}%3F{project_path(SANDBOX)}", None, (PROD, SANDBOX)),
    "an encoded hash": (f"{project_path(PROD)}%23{project_path(SANDBOX)}", None, (PROD, SANDBOX)),
    "a suffix": (IN_SANDBOX.rstrip("/") + ".json", SANDBOX, (SANDBOX,)),
    "a suffix behind the project": (f"/api/v1/workspaces/acme/projects/{SANDBOX}.json", None, ()),
    "a query after production": (f"{IN_PROD}?x=/projects/{SANDBOX}/", PROD, (PROD,)),
    "a query that looks like a path": (f"{IN_PROD}?/projects/{SANDBOX}/#", PROD, (PROD,)),
    "a query after the sandbox": (f"{IN_SANDBOX}?project_id={PROD}&project={PROD}", SANDBOX, (SANDBOX,)),
    "a fragment after production": (f"{IN_PROD}#{IN_SANDBOX}", PROD, (PROD,)),
    "a query and a fragment": (f"{IN_SANDBOX}?a#b?c", SANDBOX, (SANDBOX,)),
    "an upper-case root": (IN_PROD.replace("/api/v1/", "/API/V1/"), None, (PROD,)),
    "an upper-case literal": (IN_PROD.replace("projects", "Projects"), None, (PROD,)),
    "an upper-case collection": (IN_SANDBOX.replace("work-items", "Work-Items"), SANDBOX, (SANDBOX,)),
    "another alphabet's k": (IN_SANDBOX.replace("workspaces", "wor\u212aspaces"), None, (SANDBOX,)),
    "bytes that are not UTF-8": (IN_SANDBOX.replace("acme", "ac%ffme"), SANDBOX, (SANDBOX,)),
    "two projects": (project_path(SANDBOX, f"projects/{PROD}/labels/"), None, BOTH),
    "a second path behind the first": (f"{project_path(SANDBOX)}{project_path(PROD)[1:]}", None, BOTH),
    "the same path twice": (f"{project_path(SANDBOX)}{project_path(SANDBOX)[1:]}", None, (SANDBOX,)),
    "dots that lead out of Plane": (project_path(PROD, "../" * 9), None, (PROD,)),
    "an SDK given a path for a slug": (
        IN_SANDBOX.replace("acme", f"acme/projects/{PROD}/work-items/{OTHER_ITEM}/?x="), PROD, (PROD,),
    ),
    "v2 with an id": (project_path(PROD, "labels/", surface="v2/"), PROD, (PROD,)),
    "v2 with an identifier": (project_path("ORCH", "labels/", surface="v2/"), "acme/ORCH", ("acme/ORCH",)),
    "v2 with an encoded identifier": (project_path("OR%43H", "labels/", surface="v2/"), "acme/ORCH", ("acme/ORCH",)),
    "v2 with no identifier": (project_path("OR-CH", "labels/", surface="v2/"), None, ()),
    "v2 with a slug that is none": (project_path("ORCH", surface="v2/").replace("acme", "a.b"), None, ()),
    "the app's API": (project_path(PROD, "labels/", surface=""), PROD, (PROD,)),
    "the app's API with an identifier": (project_path("ORCH", "labels/", surface=""), None, ()),
    "the app's assets": (project_path(PROD, surface="assets/v2/"), PROD, (PROD,)),
    "the app's assets, upper-case": (project_path(PROD, surface="Assets/v2/"), None, (PROD,)),
    "assets outside of projects": ("/api/assets/v2/workspaces/acme/", None, ()),
    "a workspace": ("/api/v1/workspaces/acme/", None, ()),
    "all workspaces": ("/api/workspaces/", None, ()),
    "projects of a workspace": ("/api/v1/workspaces/acme/projects/", None, ()),
    "what stands where an id would": ("/api/v1/workspaces/acme/projects/bulk-update/", None, ()),
    "a favourite project": (f"/api/workspaces/acme/user-favorite-projects/{PROD}/", PROD, (PROD,)),
    "a surface with words before the workspace": (f"/api/v1/x/workspaces/acme/projects/{PROD}/", PROD, (PROD,)),
}  # fmt: skip


@pytest.mark.parametrize(("path", "project", "projects"), PATHS.values(), ids=PATHS.keys())
def test_a_path_is_read_as_the_server_reads_it(path: str, project: str | None, projects: tuple[str, ...]) -> None:
    write = classify("PATCH", url(path))
    assert write is not None
    assert (write.project_id, set(write.projects)) == (project, set(projects))


@pytest.mark.parametrize("path", [path for path, _, projects in PATHS.values() if PROD in projects])
def test_no_path_on_which_any_reader_finds_production_is_in_the_sandbox(path: str) -> None:
    for prefix in ("", "/base", "/%62ase", "/x/.."):
        write = classify("POST", url(prefix + path))
        assert write is not None
        assert (write.project_id != SANDBOX, PROD in write.projects) == (True, True)


def test_a_path_as_bytes_is_read_alike() -> None:
    assert classify(b"PATCH", url(IN_PROD).encode()) == classify("PATCH", url(IN_PROD))
    assert classify(bytearray(b"PATCH"), bytearray(url(IN_PROD).encode())) == classify("PATCH", url(IN_PROD))


NOT_PLANE = [
    "/", "", "/api", "/api/", "/api/v1", "/api/v1/workspaces", "/api/v1/workspaces/", "/api/v3/workspaces/acme/x/",
    "/api/v1/projects/1/", "/v1/workspaces/acme/projects/1/", "/workspaces/acme/projects/1/", "/apis/workspaces/acme/",
    "/api/assets/v2/user-assets/", "/api/assets/v1/workspaces/acme/", "/api/users/me/", "/graphql", "/mcp",
    "/auth/sign-in/", "/api/projects/workspaces", "/index.html?next=/api/workspaces/acme/", "/x#/api/workspaces/acme/",
    "/api/v1workspaces/a/b", "/uploads/api/", "/repos/api/issues/1/comments", "/%61pi", "//", "/..",
    "/api/v1/spaces/acme/projects/1/",
]  # fmt: skip


@pytest.mark.parametrize("path", NOT_PLANE)
def test_what_does_not_look_like_plane_is_left_alone_on_an_unknown_host(path: str) -> None:
    assert classify("POST", url(path)) is None


SHAPES = {
    "/api/v1/workspaces/acme/projects/": ("project", "/api/v1/workspaces/{slug}/projects/", "acme"),
    "/api/v1/workspaces/acme/strange/Ünï/x9/": ("workspace", "/api/v1/workspaces/{slug}/strange/{id}/{id}/", "acme"),
    "/api/v1/workspaces/-acme/": ("workspace", "/api/v1/workspaces/{slug}/", None),
    "/api/v1/workspaces/acme/": ("workspace", "/api/v1/workspaces/{slug}/", "acme"),
    "/api/v1/workspaces/acme/Projects/": ("workspace", "/api/v1/workspaces/{slug}/{id}/", "acme"),
    "/api/workspaces/": ("workspace", "/api/workspaces/", None),
    "/api/workspaces/acme/projects/": ("project", "/api/workspaces/{slug}/projects/", "acme"),
    "/api/assets/v2/workspaces/": ("attachment", "/api/assets/v2/workspaces/{slug}/", None),
    "/api/assets/v2/workspaces/acme/projects/": (
        "attachment", "/api/assets/v2/workspaces/{slug}/{asset_id}/", "acme",
    ),
    "/api/assets/v2/workspaces/acme/restore/x/": (
        "attachment", "/api/assets/v2/workspaces/{slug}/restore/{asset_id}/", "acme",
    ),
    "/api/assets/v2/workspaces/acme/projects/x/y/": (
        "attachment", "/api/assets/v2/workspaces/{slug}/projects/{project_id}/{asset_id}/", "acme",
    ),
    "/api/v1/workspaces/acme/Projects/x/labels/": (
        "label", "/api/v1/workspaces/{slug}/projects/{project_id}/labels/", "acme",
    ),
    "/api/v2/workspaces/acme/projects/x/strange/thing/": (
        "unknown", "/api/v2/workspaces/{slug}/projects/{project_id}/strange/thing/", "acme",
    ),
    "/api/v1/workspaces/acme/averyveryveryverylongword/a-b-c-d-e/a-b-c-d-e-f/": (
        "workspace", "/api/v1/workspaces/{slug}/{id}/a-b-c-d-e/{id}/", "acme",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), SHAPES.items(), ids=names(SHAPES))
def test_a_shape_is_shown_as_a_template_without_ids(path: str, expected: tuple[str, str, str | None]) -> None:
    write = classify("POST", url(path))
    assert write is not None
    assert (write.op, write.url_template, write.workspace) == expected


def test_a_method_on_an_unknown_route_tells_whether_its_op_is_known() -> None:
    strange = url("/api/v1/workspaces/acme/strange/")
    found = {method: classify(method, strange) for method in ("post", "PUT", "Patch", "DELETE", "BREW", "get", "")}
    assert {method: write and write.op for method, write in found.items()} == {
        "post": "workspace", "PUT": "workspace", "Patch": "workspace", "DELETE": "workspace",
        "BREW": "unknown", "get": "unknown", "": "unknown",
    }  # fmt: skip


@pytest.mark.parametrize(
    "method", ["patch", "Patch", "PATCH", b"PATCH", "PUT", "BREW", "get", "Get", " GET", "GET ", ""]
)
def test_any_method_that_is_not_exactly_a_read_is_a_write(method: object) -> None:
    write = classify(method, url(IN_PROD))
    assert write is not None
    assert (write.project_id, write.work_item) == (PROD, OTHER_ITEM)


def test_a_lower_case_method_does_what_its_upper_case_does() -> None:
    found = [classify(method, url(IN_PROD), b'{"state": "x"}') for method in ("patch", "delete", "Put")]
    assert [write and (write.method, write.op) for write in found] == [
        ("patch", "state"), ("delete", "delete"), ("Put", "state"),
    ]  # fmt: skip


DECODED = {
    "": "", "plain": "plain", "%41": "A", "%c3%a9": "é", "é%41": "éA", "%": "%", "%4": "%4", "%zz": "%zz",
    "%25%34%31": "%41", "a%2": "a%2", "%ff": "\ufffd", "%%41": "%A", "%4_": "%4_", "%+1": "%+1", "% 1": "% 1",
    "\ud800%41": "?A",
}  # fmt: skip


def test_escapes_are_decoded_once_as_django_does() -> None:
    assert {text: decode(text) for text in DECODED} == DECODED


@pytest.mark.parametrize("path", [path for path, *_ in PATHS.values()])
def test_the_cheap_question_never_misses_plane(path: str) -> None:
    assert might_be_plane(path.encode())


WORDS = ("api", "graphql", "mcp", "auth")


def asked_plainly(target: str) -> bool:
    """The cheap question without haste; each character is one byte."""
    return any(word in target.lower() for word in WORDS) or any(mark < " " or mark in "%\\\x7f" for mark in target)


def test_the_cheap_question_finds_each_word_in_any_case_and_at_any_place() -> None:
    for word in WORDS:
        for letters in product(*zip(word, word.upper(), strict=True)):
            for text in ("".join(letters), f"/x/{''.join(letters)}", f"a{''.join(letters)}/m"):
                assert might_be_plane(text.encode())
                assert text_might_be_plane(text)


def test_the_cheap_question_is_answered_as_if_it_was_asked_plainly() -> None:
    marks = [chr(mark) for mark in range(256)]
    near = (f"{word[:at]}{mark}{word[at + 1 :]}" for word in WORDS for at in range(len(word)) for mark in marks)
    for text in (*marks, *near, *(f"{word[0]}{word}" for word in WORDS), *map("".join, product("agmpi/", repeat=4))):
        data, expected = text.encode("latin-1"), asked_plainly(text)
        assert (might_be_plane(data), text_might_be_plane(text)) == (expected, expected), text
        assert first_line_might_be_plane(data) is asked_plainly(text.partition("\r")[0]), text


def test_the_cheap_question_of_a_text_is_that_of_its_bytes() -> None:
    for text in ("\uff41pi", "ap\u0131", "\ud800", "gr\u0430phql", "\U0001f600"):
        assert text_might_be_plane(text) is might_be_plane(text.encode("utf-8", "replace")) is False


def test_the_cheap_question_of_the_first_line_ends_with_it() -> None:
    head = b"POST /hooks HTTP/1.1\r\nHost: api.plane.so\r\n\r\nPOST /api/v1/ HTTP/1.1\r\n"

    assert not first_line_might_be_plane(head)
    assert not first_line_might_be_plane(b"{}")
    for before in (b"POST /api/v1/ HTTP/1.1\r\n", b"POST /\n", b"\n", b"\x00", b"%", b"mCp"):
        assert first_line_might_be_plane(before + head)


def test_the_cheap_question_of_the_first_line_looks_for_its_end_nearby() -> None:
    assert not first_line_might_be_plane(b"x" * 512)
    assert not first_line_might_be_plane(b"x" * 511 + b"\r")
    for far in (b"x" * 513, b"x" * 512 + b"\r", b"x" * 512 + b"%", b"x" * 1_000_000):
        assert first_line_might_be_plane(far)


def test_the_cheap_question_spares_other_requests() -> None:
    targets = (b"/", b"/v1/traces", b"/repos/x/issues/1", b"/containers/json?all=1", b"*")
    assert [might_be_plane(target) for target in targets] == [False] * 5


BEHIND_WORKSPACES = {
    "another workspaces before api": (f"/workspaces/x{IN_PROD}", PROD),
    "a workspace alone": ("/api/v1/workspaces/acme", None),
    "a prefix between the surface and its workspaces": (f"/api/v1/x/workspaces/acme/projects/{PROD}/labels/", PROD),
}


@pytest.mark.parametrize(("path", "project"), BEHIND_WORKSPACES.values(), ids=names(BEHIND_WORKSPACES))
def test_the_workspaces_behind_the_surface_count(path: str, project: str | None) -> None:
    write = classify("POST", url(path), b"{}")
    assert write is not None
    assert (write.project_id, write.workspace) == (project, "acme")


@pytest.mark.parametrize("path", ["/workspaces/x/api/v1/labels/", "/api/v1/workspaces", "/api/v1/workspaces/"])
def test_a_surface_without_a_workspace_behind_it_is_not_plane(path: str) -> None:
    assert classify("POST", url(path)) is None


def test_a_path_of_many_places_is_odd_and_read_no_further_than_eight_of_them() -> None:
    path = "".join(f"/api/v2/workspaces/acme/projects/P{number}" for number in range(20))
    reading = read(path, plane_host=False)
    assert reading.ambiguous
    assert reading.projects == tuple(f"acme/P{number}" for number in range(8))


def test_the_live_editor_is_looked_for_only_where_it_is() -> None:
    assert read("/live/collaboration/", plane_host=True).parsed is None
    assert read("/live/collaboration/", plane_host=True, live=True).parsed is not None

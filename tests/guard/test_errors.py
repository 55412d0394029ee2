"""The refusal: what it says to whoever has to act on it, and what it is not."""

from __future__ import annotations

import copy
import pickle
import re
import textwrap
from typing import TYPE_CHECKING

import httpx
import pytest

from plane_guard import Decision, Op, PlaneWrite, PlaneWriteBlocked, Reason, classify
from plane_guard.advice import refusal
from tests.guard.plane import ITEM, PROD, SANDBOX, names, project_path, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OFF = Decision(allowed=False, reason=Reason.OPT_IN_DISABLED)
COMMENT = write("POST", project_path(PROD, f"work-items/{ITEM}/comments/"))
PATTERN = "/api/v1/workspaces/[^/]+/projects/[^/]+/work-items/[^/]+/comments/"
LABEL = COMMENT._replace(op=Op.LABEL, work_item=None, url_template="/labels/")


def lines(found: PlaneWrite = COMMENT, reason: Reason = Reason.OPT_IN_DISABLED, layer: str = "httpx") -> Sequence[str]:
    """The lines of a refusal."""
    return str(PlaneWriteBlocked(found, Decision(allowed=False, reason=reason), layer)).splitlines()


REFUSAL = f"""\
comment in project {PROD}, work item {ITEM}: blocked by plane-guard, opt-in-disabled
  POST {COMMENT.url_template} on plane.example.com
Why: This is a test process, and writing to Plane is off in test processes.
To write to the sandbox in one test, request the fixture plane_sandbox_writes, or
  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1").
In a script: plane-guard run --sandbox-writes -- CMD. Both open the sandbox allowlist, and nothing else.
To mock the call instead (a mocked write never reaches the wire and is never judged):
  import httpx, respx
  with respx.mock:
      respx.post(url__regex=r"{PATTERN}").respond(200, json={{}})
      ...  # the call
  # or give the client transport=httpx.MockTransport(lambda request: httpx.Response(200, json={{}}))
A test that is about this refusal requests the fixture plane_blocked_writes.
More: plane-guard explain opt-in-disabled"""


def test_a_refusal_says_what_and_why_and_what_to_do() -> None:
    assert COMMENT.url_template == (
        "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/{work_item_id}/comments/"
    )
    assert str(PlaneWriteBlocked(COMMENT, OFF, "httpx")) == REFUSAL


SAID = {
    Reason.LIVE_RUNTIME: ("not a test process", ""),
    Reason.OPT_IN_DISABLED: ("writing to Plane is off", "plane_sandbox_writes"),
    Reason.AMBIGUOUS_TARGET: ("ambiguous", "encoded slashes"),
    Reason.PROD_PROJECT_IN_TEST: ("not on the sandbox allowlist", "on the sandbox allowlist instead"),
    Reason.PROTECTED_OPERATION: ("or its members", "by hand"),
    Reason.SANDBOX_ALLOWED: ("is on the sandbox allowlist", ""),
    Reason.GUARD_ERROR: ("failed internally", "plane-guard doctor"),
    Reason.FOREIGN_REFERENCE: ("not proven to be inside the sandbox", "an item that this test created"),
    Reason.UNGUARDED_CLIENT: ("cannot inspect", "Use httpx"),
}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_and_has_a_remedy(reason: Reason) -> None:
    said = lines(reason=reason)
    why, remedy = SAID[reason]
    advice = said[3 : -2 if reason is Reason.UNGUARDED_CLIENT else -8]  # that one has no request to mock
    assert (said[0].rpartition(" ")[2], said[2][:5], why in said[2]) == (reason, "Why: ", True)
    assert said[-1] == f"More: plane-guard explain {reason}"
    assert (remedy in "\n".join(advice), bool(advice)) == (True, bool(remedy))


def test_a_refused_connection_names_the_host_and_the_client_and_no_mock() -> None:
    connection = PlaneWrite("", "", Op.UNKNOWN, "api.plane.so", 443)
    unguarded = Decision(allowed=False, reason=Reason.UNGUARDED_CLIENT)
    said = str(PlaneWriteBlocked(connection, unguarded, "ssl", "It was opened by tornado."))
    assert said == (
        "unknown in project unresolved: blocked by plane-guard, unguarded-client\n"
        "  A connection to the Plane host api.plane.so\n"
        "Why: plane-guard cannot inspect this HTTP client, so it may not connect to Plane from a test\n"
        "process, not even to read. It was opened by tornado.\n"
        "Use httpx, httpx2, requests, urllib3, urllib or aiohttp for what tests send to Plane,\n"
        "or point this client at a fake server under a name that is no Plane host.\n"
        "A test that is about this refusal requests the fixture plane_blocked_writes.\n"
        "More: plane-guard explain unguarded-client"
    )


def test_the_detail_follows_the_reason() -> None:
    blocked = PlaneWriteBlocked(COMMENT, OFF, "httpx", "(HTTP 404.)")
    assert str(blocked).splitlines()[2] == (
        "Why: This is a test process, and writing to Plane is off in test processes. (HTTP 404.)"
    )


WHAT = {
    "a project that is not clear": (
        LABEL._replace(project_id=None, projects=()),
        "label in project unresolved: blocked",
    ),
    "projects that can be read": (
        LABEL._replace(project_id=None, projects=(SANDBOX, PROD)),
        f"label in project unresolved, names {SANDBOX}, {PROD}: blocked",
    ),
    "no work item": (LABEL, f"label in project {PROD}: blocked"),
}


@pytest.mark.parametrize(("found", "expected"), WHAT.values(), ids=WHAT.keys())
def test_what_was_refused_is_named_as_far_as_it_is_known(found: PlaneWrite, expected: str) -> None:
    assert lines(found)[0] == f"{expected} by plane-guard, opt-in-disabled"


METHODS = {"PATCH": "PATCH", "PROPPATCH": "PROPPATCH", "delete": "delete", "PROPPATCHX": None, "P\nX": None, "": None}


@pytest.mark.parametrize(("method", "shown"), METHODS.items(), ids=names(METHODS))
def test_an_unusual_method_is_not_repeated(method: str, shown: str | None) -> None:
    expected = f"  {shown or '(unusual method)'} /labels/ on plane.example.com"
    assert lines(LABEL._replace(method=method))[1] == expected


def test_an_unreadable_request_is_refused_in_words() -> None:
    found = classify(None, "http://h/api/workspaces/a/", headers=[("x",)])  # type: ignore[list-item]
    assert found is not None
    assert lines(found)[:2] == [
        "unknown in project unresolved: blocked by plane-guard, opt-in-disabled",
        "  (unusual method) (unreadable request)",
    ]
    assert '(url__regex=r".*")' in lines(found)[-5]


HTTPX = """\
  import httpx, respx
  with respx.mock:
      respx.{}(url__regex=r"/labels/").respond(200, json={{}})
      ...  # the call
  # or give the client transport=httpx.MockTransport(lambda request: httpx.Response(200, json={{}}))"""
HTTP_CLIENT = """\
  import re, responses
  with responses.RequestsMock() as mocked:  # for requests
      mocked.{0}(re.compile(r".*/labels/"), json={{}})
      ...  # the call
  import re, pook
  with pook.use():  # for urllib3, urllib.request and http.client
      pook.{0}(re.compile(r".*/labels/"), reply=200, response_json={{}})
      ...  # the call"""
HTTPX2 = """\
  import httpx2
  client = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={})))
  # httpx2.AsyncClient takes the same transport"""
AIOHTTP = """\
  from unittest import mock
  with mock.patch("aiohttp.ClientSession.{}") as mocked:  # or aioresponses, if it knows your aiohttp
      reply = mock.MagicMock(status=200, json=mock.AsyncMock(return_value={{}}))
      mocked.return_value.__aenter__.return_value = reply
      ...  # the call"""
MOCKS = {
    ("httpx", "PATCH"): HTTPX.format("patch"),
    ("httpx", "put"): HTTPX.format("put"),
    ("", "DELETE"): HTTPX.format("delete"),
    ("socket", "BREW"): HTTPX.format("post"),
    ("http.client", "patch"): HTTP_CLIENT.format("patch"),
    ("http.client", "BREW"): HTTP_CLIENT.format("post"),
    ("httpx2", "POST"): HTTPX2,
    ("aiohttp", "POST"): AIOHTTP.format("post"),
    ("aiohttp", "DELETE"): AIOHTTP.format("delete"),
}


def mock(found: PlaneWrite, layer: str) -> str:
    """The code that a refusal offers."""
    said = "\n".join(lines(found, layer=layer))
    return said.partition("is never judged):\n")[2].partition("\nA test that is about")[0]


@pytest.mark.parametrize(("layer", "method"), MOCKS)
def test_the_mock_is_one_for_the_client_at_hand(layer: str, method: str) -> None:
    assert mock(LABEL._replace(method=method), layer) == MOCKS[layer, method]


PATTERNS = {
    "/labels/": "/labels/",
    "/a/{id}/b_c-9/": "/a/[^/]+/b_c-9/",
    "/a.b/": "/[^/]+/",
    '/"""/(/\\/\n/{': "/[^/]+/[^/]+/[^/]+/[^/]+/[^/]+",
    f"/{'x' * 40}/{'y' * 41}/": f"/{'x' * 40}/[^/]+/",
    "/a" * 19: "/a" * 19,
    "/a" * 20: "/a" * 19,
    f"/{'{id}/' * 1_000}": "/[^/]+" * 19,
    "": ".*",
}


@pytest.mark.parametrize("layer", ["httpx", "httpx2", "http.client", "aiohttp"])
@pytest.mark.parametrize(("template", "pattern"), PATTERNS.items(), ids=names(PATTERNS))
def test_whatever_the_path_the_mock_is_python_and_its_pattern_one_that_fits(
    template: str, pattern: str, layer: str
) -> None:
    offered = textwrap.dedent(mock(LABEL._replace(url_template=template), layer))
    compile(offered, "mock", "exec")
    shown = [re.compile(found.removeprefix(".*") or ".*") for found in re.findall(r'r"([^"]*)"', offered)]
    expected = {pattern.removeprefix(".*") or ".*"} if layer in {"httpx", "http.client"} else set()
    assert {found.pattern for found in shown} == expected
    assert all(found.match(template) for found in shown)


@pytest.mark.parametrize("other", [OSError, httpx.HTTPError, httpx.RequestError, ValueError])
def test_it_is_no_error_of_the_network(other: type[Exception]) -> None:
    blocked = PlaneWriteBlocked(COMMENT, OFF)
    assert (isinstance(blocked, RuntimeError), isinstance(blocked, other), hasattr(blocked, "response")) == (
        True, False, False,
    )  # fmt: skip


def test_it_carries_the_write_and_the_decision() -> None:
    blocked = PlaneWriteBlocked(COMMENT, OFF, "httpx", "detail")
    assert (blocked.write, blocked.decision, blocked.layer, blocked.detail) == (COMMENT, OFF, "httpx", "detail")
    assert (blocked.reason, blocked.op, blocked.project_id, blocked.work_item) == (
        "opt-in-disabled", "comment", PROD, ITEM,
    )  # fmt: skip


def test_layer_and_detail_may_be_unknown() -> None:
    blocked = PlaneWriteBlocked(COMMENT, OFF)
    assert (blocked.layer, blocked.detail, blocked.args) == ("", "", (COMMENT, OFF, "", ""))


TRAVELS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda error: pickle.loads(pickle.dumps(error))}


@pytest.mark.parametrize("travel", TRAVELS.values(), ids=names(TRAVELS))
def test_it_travels(travel: Callable[[PlaneWriteBlocked], PlaneWriteBlocked]) -> None:
    blocked = PlaneWriteBlocked(COMMENT, OFF, "httpx", "(HTTP 404.)")
    arrived = travel(blocked)
    assert (type(arrived), arrived.args, str(arrived)) == (PlaneWriteBlocked, blocked.args, str(blocked))
    assert str(blocked) == refusal(COMMENT, OFF, "httpx", "(HTTP 404.)")


def reraised() -> PlaneWriteBlocked:
    """A refusal that the code under test raised again with a text of its own."""
    try:
        raise PlaneWriteBlocked(COMMENT, OFF, "httpx", "(HTTP 404.)")
    except RuntimeError as error:
        again = type(error)(f"while syncing: {error}")
    assert isinstance(again, PlaneWriteBlocked)
    return again


@pytest.mark.parametrize("travel", [lambda error: error, *TRAVELS.values()], ids=["raised", *TRAVELS])
def test_code_that_adds_context_keeps_the_refusal(travel: Callable[[PlaneWriteBlocked], PlaneWriteBlocked]) -> None:
    again = travel(reraised())
    assert str(again) == f"while syncing: {refusal(COMMENT, OFF, 'httpx', '(HTTP 404.)')}"
    assert (again.write, again.decision, again.layer, again.detail) == (COMMENT, OFF, "httpx", "(HTTP 404.)")
    assert (again.reason, again.op, again.project_id, again.work_item) == ("opt-in-disabled", "comment", PROD, ITEM)
    assert not hasattr(again, "response")


@pytest.mark.parametrize("text", ["some text", ""])
def test_one_that_was_made_from_a_text_alone_says_no_more_than_that(text: str) -> None:
    blocked = PlaneWriteBlocked(text) if text else PlaneWriteBlocked()
    assert str(blocked) == text
    assert (blocked.reason, blocked.op, blocked.project_id, blocked.work_item) == ("guard-error", "unknown", None, None)
    assert (blocked.layer, blocked.detail) == ("", "")


def test_while_another_error_is_handled_none_of_it_is_taken_over() -> None:
    try:
        int("no number")
    except ValueError:
        assert PlaneWriteBlocked("text").reason == "guard-error"

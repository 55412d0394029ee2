"""What a refusal says: what was stopped, why, and what to do instead of looking for a way round it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plane_guard.settings import DEFAULT_SANDBOX_PROJECT
from plane_guard.vocabulary import Reason

if TYPE_CHECKING:
    from plane_guard.classification import PlaneWrite
    from plane_guard.decision import Decision

_WHY = {
    Reason.LIVE_RUNTIME: "This process is not a test process.",
    Reason.OPT_IN_DISABLED: "This is a test process, and writing to Plane is off in test processes.",
    Reason.AMBIGUOUS_TARGET: "The request does not say in exactly one way which project it writes to.",
    Reason.PROD_PROJECT_IN_TEST: "The project is not on the sandbox allowlist, or it is protected.",
    Reason.PROTECTED_OPERATION: "The operation would change the sandbox project itself or who is in it.",
    Reason.SANDBOX_ALLOWED: "The project is on the sandbox allowlist.",
    Reason.GUARD_ERROR: "plane-guard could not decide or could not keep evidence, and then nothing is written.",
    Reason.FOREIGN_REFERENCE: "The request names an object that is not proven to be inside the sandbox project.",
    Reason.UNGUARDED_CLIENT: "In a test process a client that plane-guard cannot see into may not connect to a\n"
    "Plane host, not for reading either.",
}

_SANDBOX_HINT = (
    "To write to the sandbox in one test: request the fixture plane_sandbox_writes, or\n"
    '  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1").\n'
    "In a script: plane-guard run --sandbox-writes -- CMD. Both open the sandbox allowlist, and nothing else."
)
_FAKE_SERVER_HINT = (
    "To test against a fake server on loopback: allowlist its project, never a production one, in that test,\n"
    '  monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", "<its project id>").'
)
_WHAT_TO_DO = {
    Reason.OPT_IN_DISABLED: _SANDBOX_HINT,
    Reason.AMBIGUOUS_TARGET: "Write to a path that names the sandbox project by its lower-case id, without dot\n"
    "segments, double slashes, encoded slashes or overriding headers.",
    Reason.PROD_PROJECT_IN_TEST: "Write to the sandbox project instead "
    f"(default {DEFAULT_SANDBOX_PROJECT}).\n{_FAKE_SERVER_HINT}",
    Reason.PROTECTED_OPERATION: "Change the sandbox project by hand, outside of tests.",
    Reason.GUARD_ERROR: "Run `plane-guard doctor`: it says which setting or folder is at fault.",
    Reason.FOREIGN_REFERENCE: "Use objects that the sandbox project holds, such as an item this test created there.\n"
    "A fake server has to answer a GET of the item with its `id` and its `project`.",
    Reason.UNGUARDED_CLIENT: "Use httpx, httpx2, requests, urllib3, urllib or aiohttp for what tests send to Plane,\n"
    "or point this client at a fake server under a name that is no Plane host.",
}

_INSTEAD = "To mock the call instead (a mocked write never reaches the wire and is never judged):\n"
_HTTPX_MOCK = """  import httpx, respx
  with respx.mock:
      respx.{verb}(url__regex=r"{path}").respond(200, json={{}})
      ...  # the call
  # or give the client transport=httpx.MockTransport(lambda request: httpx.Response(200, json={{}}))"""
_HTTPX2_MOCK = """  import httpx2
  client = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={{}})))
  # httpx2.AsyncClient takes the same transport"""
_HTTP_CLIENT_MOCKS = """  import re, responses
  with responses.RequestsMock() as mocked:  # for requests
      mocked.{verb}(re.compile(r".*{path}"), json={{}})
      ...  # the call
  import re, pook
  with pook.use():  # for urllib3, urllib.request and http.client
      pook.{verb}(re.compile(r".*{path}"), reply=200, response_json={{}})
      ...  # the call"""
_AIOHTTP_MOCK = """  from unittest import mock
  with mock.patch("aiohttp.ClientSession.{verb}") as mocked:  # or aioresponses, if it knows your aiohttp
      reply = mock.MagicMock(status=200, json=mock.AsyncMock(return_value={{}}))
      mocked.return_value.__aenter__.return_value = reply
      ...  # the call"""
_MOCKS = {"http.client": _HTTP_CLIENT_MOCKS, "httpx2": _HTTPX2_MOCK, "aiohttp": _AIOHTTP_MOCK}
_EXPECTED = "A test that is about this refusal requests the fixture plane_blocked_writes."
_VERBS = frozenset({"put", "patch", "delete"})
_SHORT_WORD = re.compile(r"[A-Za-z0-9_-]{0,40}")
_MOST_SEGMENTS = 20


def what_to_do(reason: str) -> str:
    """Return the remedy for a reason, or an empty string if there is nothing to do or the reason is unknown."""
    return _WHAT_TO_DO.get(Reason(reason), "") if reason in _WHAT_TO_DO else ""


def refusal(write: PlaneWrite, decision: Decision, layer: str, detail: str) -> str:
    """The text of a refusal, for a person or a program that has to decide what to do next."""
    project = write.project_id or (f"unresolved, names {', '.join(write.projects)}" if write.projects else "unresolved")
    item = f", work item {write.work_item}" if write.work_item else ""
    lines = [
        f"plane-guard blocked {_what(write, decision)}",
        f"  op {write.op}, project {project}{item}, reason {decision.reason}",
        f"Why: {_WHY[decision.reason]}{f' {detail}' if detail else ''}",
        _WHAT_TO_DO.get(decision.reason) or "",
        "" if decision.reason is Reason.UNGUARDED_CLIENT else _mock(write, layer),
        _EXPECTED,
        f'More: plane-guard docs, troubleshooting, "{decision.reason}"',
    ]
    return "\n".join(line for line in lines if line)


def _what(write: PlaneWrite, decision: Decision) -> str:
    if decision.reason is Reason.UNGUARDED_CLIENT:
        return f"a connection to the Plane host {write.server_address}"
    where = f" on {write.server_address}" if write.server_address else ""
    return f"a Plane write: {_method(write)} {write.url_template or '(unreadable request)'}{where}"


def _method(write: PlaneWrite) -> str:
    return write.method if write.method.isalpha() and len(write.method) <= len("PROPPATCH") else "(unusual method)"


def _mock(write: PlaneWrite, layer: str) -> str:
    """Python that can be pasted as it stands; `...` is where the call goes."""
    verb = write.method.lower() if write.method.lower() in _VERBS else "post"
    return _INSTEAD + _MOCKS.get(layer, _HTTPX_MOCK).format(verb=verb, path=_pattern(write.url_template) or ".*")


def _pattern(template: str) -> str:
    """A regular expression for the path, or for its beginning; only a short plain word stands for itself."""
    segments = template.split("/")[:_MOST_SEGMENTS]
    return "/".join(segment if _SHORT_WORD.fullmatch(segment) else "[^/]+" for segment in segments)
